//! What products ask for: activations, leases, moves, lapses, on both engines.

mod attacker;
mod backups;
mod changes;
mod clock;
mod copies;
mod credential;
mod domains;
mod giving_back;
mod in_use;
mod leases;
mod lifecycle;
mod lists;
mod model;
mod moves;
mod numbers;
mod periodic;
mod places;
mod relocated;
mod restored;
mod retention;
mod scheduled;
mod setting;
mod simultaneous;
mod stored;
mod streams;
mod together;
