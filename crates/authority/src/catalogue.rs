//! A product's features and plans as its customers may see them: the bytes that are served and hashed.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

use kaching_base::{Code, Limits, Price, ProductId};
use kaching_db::Tx;
use kaching_license::Digest;
use serde::Serialize;

use crate::{
    Authority, Error, Result,
    entitlement::{CatalogueVersion, sql},
    features, plans, products,
    status::Asker,
};

/// The catalogue of a product. The server sends `body` as it is, so that its hash is the `cat` of the leases.
pub struct Catalogue {
    /// JSON.
    pub body: String,
    /// SHA-256 of the body: the ETag, and `cat`.
    pub etag: Digest,
}

/// CatalogueCache that were read recently, each with its version.
#[derive(Default)]
pub(crate) struct CatalogueCache(Mutex<HashMap<ProductId, (CatalogueVersion, Arc<Catalogue>)>>);

impl Authority {
    /// The catalogue of the product that a lease or key is for.
    ///
    /// # Errors
    /// If there is no such license.
    pub async fn catalogue(&self, asker: Asker) -> Result<Arc<Catalogue>> {
        let keys = self.keys();
        let (product, version) = self
            .read("catalogue.show", move |tx, now| {
                let license = asker.license(tx, &keys, now)?;
                Ok((license.product, sql::catalogue_version(tx, license.product)?))
            })
            .await?;
        self.catalogue_of(product, version).await
    }

    pub(crate) async fn catalogue_of(
        &self,
        product: ProductId,
        version: CatalogueVersion,
    ) -> Result<Arc<Catalogue>> {
        if let Some(cached) = self.statements.catalogues.find(product, version) {
            return Ok(cached);
        }
        let (version, catalogue) = self
            .read("catalogue.build", move |tx, _| {
                Ok((sql::catalogue_version(tx, product)?, build(tx, product)?))
            })
            .await?;
        let catalogue = Arc::new(catalogue);
        self.statements.catalogues.insert(product, version, Arc::clone(&catalogue));
        Ok(catalogue)
    }
}

impl CatalogueCache {
    fn find(&self, product: ProductId, version: CatalogueVersion) -> Option<Arc<Catalogue>> {
        let cached = self.0.lock().expect("nothing panics while it is held");
        cached.get(&product).filter(|(at, _)| *at == version).map(|(_, catalogue)| Arc::clone(catalogue))
    }

    fn insert(&self, product: ProductId, version: CatalogueVersion, catalogue: Arc<Catalogue>) {
        self.0.lock().expect("nothing panics while it is held").insert(product, (version, catalogue));
    }

    /// Forgets the catalogue of a product that has changed.
    pub(crate) fn forget_product(&self, product: ProductId) {
        self.0.lock().expect("nothing panics while it is held").remove(&product);
    }
}

#[derive(Serialize)]
struct CatalogueBody {
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
    let body = CatalogueBody {
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
