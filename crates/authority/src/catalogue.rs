//! A product's features and plans as its customers may see them: the bytes that are served and hashed.

pub(crate) mod sql;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

use kaching_base::{Code, Limits, Price, ProductId};
use kaching_db::Tx;
use kaching_license::Digest;
use serde::Serialize;

use crate::{Authority, Error, Result, features, plans, products, status::Asker};

/// The catalogue of a product. The server sends `body` as it is, so that its hash is the `cat` of the leases.
pub struct Catalogue {
    /// JSON.
    pub body: String,
    /// SHA-256 of the body: the ETag, and `cat`.
    pub etag: Digest,
}

/// The catalogues that were asked for, as long as they are true.
#[derive(Default)]
pub(crate) struct Catalogues(Mutex<HashMap<ProductId, (Stamp, Arc<Catalogue>)>>);

/// Differs when a catalogue does: the last changes of the product, its features and its plans, and how many
/// there are.
pub(crate) type Stamp = [i64; 5];

impl Authority {
    /// The catalogue of the product that a lease or key is for.
    ///
    /// # Errors
    /// If there is no such license.
    pub async fn catalogue(&self, asker: Asker) -> Result<Arc<Catalogue>> {
        let keys = self.keys();
        let (product, stamp) = self
            .read("catalogue.show", move |tx, now| {
                let license = asker.license(tx, &keys, now)?;
                Ok((license.product, sql::stamp(tx, license.product)?))
            })
            .await?;
        self.catalogue_of(product, stamp).await
    }

    pub(crate) async fn catalogue_of(&self, product: ProductId, stamp: Stamp) -> Result<Arc<Catalogue>> {
        if let Some(kept) = self.statements.catalogues.find(product, stamp) {
            return Ok(kept);
        }
        let (stamp, catalogue) = self
            .read("catalogue.build", move |tx, _| Ok((sql::stamp(tx, product)?, build(tx, product)?)))
            .await?;
        let catalogue = Arc::new(catalogue);
        self.statements.catalogues.keep(product, stamp, Arc::clone(&catalogue));
        Ok(catalogue)
    }
}

impl Catalogues {
    fn find(&self, product: ProductId, stamp: Stamp) -> Option<Arc<Catalogue>> {
        let kept = self.0.lock().expect("nothing panics while it is held");
        kept.get(&product).filter(|(at, _)| *at == stamp).map(|(_, catalogue)| Arc::clone(catalogue))
    }

    fn keep(&self, product: ProductId, stamp: Stamp, catalogue: Arc<Catalogue>) {
        self.0.lock().expect("nothing panics while it is held").insert(product, (stamp, catalogue));
    }

    pub(crate) fn forget(&self) {
        self.0.lock().expect("nothing panics while it is held").clear();
    }
}

#[derive(Serialize)]
struct Body {
    product: Code,
    contact: Contact,
    features: Vec<Feature>,
    plans: Vec<Plan>,
}

#[derive(Serialize)]
struct Contact {
    url: Option<String>,
    email: Option<String>,
}

#[derive(Serialize)]
struct Feature {
    code: Code,
    title: String,
    benefit: String,
}

#[derive(Serialize)]
struct Plan {
    code: Code,
    name: String,
    rank: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Price>,
    features: BTreeSet<Code>,
    limits: Limits,
}

fn build(tx: &mut Tx<'_>, id: ProductId) -> Result<Catalogue> {
    let product = products::sql::by_id(tx, id)?
        .ok_or_else(|| Error::Failure("a license's product is missing".to_owned()))?;
    let features =
        features::sql::of_product(tx, id)?.into_iter().filter(|feature| feature.archived_at.is_none());
    let plans = plans::sql::of_product(tx, id)?.into_iter().filter(|plan| plan.archived_at.is_none());
    let body = Body {
        product: product.code,
        contact: Contact { url: product.contact.url, email: product.contact.email },
        features: features
            .map(|feature| Feature { code: feature.code, title: feature.title, benefit: feature.benefit })
            .collect(),
        plans: plans
            .map(|plan| Plan {
                code: plan.code,
                name: plan.name,
                rank: plan.rank,
                price: plan.price,
                features: plan.terms.features,
                limits: plan.terms.limits,
            })
            .collect(),
    };
    let body = serde_json::to_string(&body)
        .map_err(|error| Error::Failure(format!("a catalogue cannot be written: {error}")))?;
    Ok(Catalogue { etag: Digest::of(&body), body })
}
