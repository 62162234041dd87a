//! What products ask for: activations, leases, moves, lapses, on both engines.

#[cfg(test)]
mod activations {
    pub mod changes;
    pub mod copies;
    pub mod credential;
    pub mod leases;
    pub mod lifecycle;
    pub mod model;
    pub mod moves;
    pub mod numbers;
    pub mod setting;
    pub mod simultaneous;
    pub mod streams;
}
