//! What products ask for: activations, leases, moves, lapses, on both engines.

#[cfg(test)]
mod activations {
    pub mod attacker;
    pub mod backups;
    pub mod changes;
    pub mod clock;
    pub mod copies;
    pub mod credential;
    pub mod domains;
    pub mod giving_back;
    pub mod in_use;
    pub mod leases;
    pub mod lifecycle;
    pub mod lists;
    pub mod model;
    pub mod moves;
    pub mod numbers;
    pub mod places;
    pub mod relocated;
    pub mod restored;
    pub mod retention;
    pub mod scheduled;
    pub mod setting;
    pub mod simultaneous;
    pub mod stored;
    pub mod streams;
    pub mod together;
}
