use axum::{Extension, extract::State, http::HeaderMap};

use super::Facts;

/// A parameter of a handler that states facts of its route. One without facts has an empty body.
pub(crate) trait Describe {
    fn describe(facts: &mut Facts);
}

impl<S> Describe for State<S> {
    fn describe(_: &mut Facts) {}
}

impl<T> Describe for Extension<T> {
    fn describe(_: &mut Facts) {}
}

impl Describe for HeaderMap {
    fn describe(_: &mut Facts) {}
}

/// A handler whose parameters all state facts.
pub(crate) trait Described<P> {
    fn facts() -> Facts;
}

macro_rules! described {
    ($($parameter:ident),+) => {
        impl<F, R, $($parameter: Describe),+> Described<($($parameter,)+)> for F
        where
            F: Fn($($parameter),+) -> R,
        {
            fn facts() -> Facts {
                let mut facts = Facts::default();
                $($parameter::describe(&mut facts);)+
                facts
            }
        }
    };
}

described!(A);
described!(A, B);
described!(A, B, C);
described!(A, B, C, D);
described!(A, B, C, D, E);
described!(A, B, C, D, E, G);

/// Returns the facts that the parameters of a handler state.
pub(crate) fn facts_of<P, H: Described<P>>(_: &H) -> Facts {
    let facts = H::facts();
    assert!(facts.audience.is_some(), "a parameter of each handler says who calls it");
    facts
}
