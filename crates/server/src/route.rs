//! The facts of a route (who may call it, what it takes from others, what a repeat does) follow from the types of its
//! handler's parameters. The router, the limits, the metrics and the description of the API read them here.

mod facts;
mod parameters;

use std::{collections::BTreeMap, sync::Arc};

use axum::{http::Method, routing::MethodRouter};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

pub(crate) use facts::{Audience, CallClass, Facts, Proof, VersionUse};
pub(crate) use parameters::{Describe, facts_of};

/// Routes with their facts.
pub(crate) struct Routes<S> {
    router: OpenApiRouter<S>,
    facts: BTreeMap<Operation, Facts>,
}

/// The template of a path, and a method in lower case, as the description names them.
pub(crate) type Operation = (String, String);

/// The route of a handler, with the facts that its parameters state.
macro_rules! route {
    ($($handler:tt)+) => {
        (utoipa_axum::routes!($($handler)+), $crate::route::facts_of(&$($handler)+))
    };
}
pub(crate) use route;

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    pub(crate) fn new() -> Self {
        Self { router: OpenApiRouter::new(), facts: BTreeMap::new() }
    }

    /// Adds the route of one handler, made by [`route!`].
    pub(crate) fn add(mut self, (route, facts): (UtoipaMethodRouter<S>, Facts)) -> Self {
        for (path, item) in &route.1.paths {
            let item = serde_json::to_value(item).expect("a description is plain data");
            for method in item.as_object().expect("a path is an object").keys() {
                self.facts.insert((path.clone(), method.clone()), facts.clone());
            }
        }
        Self { router: self.router.routes(route), ..self }
    }

    /// Adds a route that the description leaves out.
    pub(crate) fn add_undescribed(self, path: &str, route: MethodRouter<S>) -> Self {
        Self { router: self.router.route(path, route), ..self }
    }

    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.facts.extend(other.facts);
        Self { router: self.router.merge(other.router), ..self }
    }

    /// Returns the router for axum, and the facts of its routes.
    pub(crate) fn into_parts(self) -> (axum::Router<S>, Table) {
        (self.router.split_for_parts().0, Table::new(&self.facts))
    }

    /// Returns the description that the handlers have, and the facts of each operation in it.
    pub(crate) fn describe(self) -> (OpenApi, BTreeMap<Operation, Facts>) {
        (self.router.split_for_parts().1, self.facts)
    }
}

/// The facts of routes by the template of their path.
#[derive(Clone, Default)]
pub(crate) struct Table(Arc<BTreeMap<String, Vec<(String, Facts)>>>);

impl Table {
    fn new(facts: &BTreeMap<Operation, Facts>) -> Self {
        let mut by_path: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for ((path, method), facts) in facts {
            by_path.entry(path.clone()).or_default().push((method.clone(), facts.clone()));
        }
        Self(Arc::new(by_path))
    }

    /// Returns the facts of a route; where its path does not have the method, those of another of its methods. `None` where
    /// nothing is described: for an unknown path, and for the description itself.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Option<&Facts> {
        let methods = self.0.get(path)?;
        let own = methods.iter().find(|(name, _)| name.eq_ignore_ascii_case(method.as_str()));
        own.or(methods.first()).map(|(_, facts)| facts)
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::State;

    use super::*;
    use crate::{App, router};

    #[test]
    fn each_operation_of_the_description_has_facts() {
        let (described, facts) = router::all_routes().describe();
        let paths = serde_json::to_value(&described.paths).unwrap();
        let described: Vec<Operation> = paths
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                item.as_object().unwrap().keys().map(|method| (path.clone(), method.clone()))
            })
            .collect();
        assert_eq!(described.len(), facts.len());
        for operation in described {
            let facts = &facts[&operation];
            let audience = facts.audience.expect("the audience of each route is known");
            let is_operators = operation.0.starts_with("/v1/admin/");
            assert_eq!(is_operators, audience == Audience::Operators, "{operation:?}");
            assert_eq!(is_operators, facts.scope.is_some(), "{operation:?}");
            assert_eq!(facts.is_addressed, operation.0.contains("{id}"), "{operation:?}");
            assert!(audience != Audience::Products || !facts.proofs.is_empty(), "{operation:?}");
            assert!(!facts.is_repeatable || operation.1 != "get", "{operation:?}");
        }
    }

    #[test]
    #[should_panic(expected = "a parameter of each handler says who calls it")]
    fn a_handler_without_a_caller_is_refused() {
        async fn handler(_: State<App>) {}
        facts_of(&handler);
    }
}
