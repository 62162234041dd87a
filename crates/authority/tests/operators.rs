//! What operators do with what is licensed, on both engines.

mod operators {
    pub mod catalogue;
    pub mod customers;
    pub mod jobs;
    pub mod licenses;
    pub mod lifecycle;
    pub mod lists;
    pub mod setting;
    pub mod tokens;
}
