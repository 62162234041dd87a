//! The schema, step by step; a step that has landed is never edited.

use kaching_db::{Migration, Migrations};

macro_rules! steps {
    ($($name:literal for $minimum:literal),+ $(,)?) => {
        &[$(Migration {
            name: $name,
            sqlite: include_str!(concat!("../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../migrations/postgres/", $name, ".sql")),
            minimum_version: $minimum,
        }),+]
    };
}

/// Every step, in order, each with the lowest version that can still serve the schema after it.
pub(crate) const ALL: Migrations = Migrations {
    version: env!("CARGO_PKG_VERSION"),
    list: steps! {
        "0001_foundation" for "0.1.0",
        "0002_catalogue" for "0.1.0",
        "0003_activations" for "0.1.0",
        "0004_changes" for "0.1.0",
        "0005_room" for "0.1.0",
        "0006_lists" for "0.1.0",
        "0007_counts" for "0.1.0",
        "0008_domains" for "0.1.0",
        "0009_level_use" for "0.1.0",
        "0010_tokens" for "0.1.0",
        "0011_retention" for "0.1.0",
        "0012_moves_by_key" for "0.1.0",
        "0013_repeated_entries" for "0.1.0",
        "0014_long_rows" for "0.1.0",
        "0015_search" for "0.1.0",
        "0016_terms" for "0.1.0",
        "0017_usage_inbox" for "0.1.0",
        "0018_jobs" for "0.1.0",
        "0019_filters" for "0.1.0",
        "0020_ending" for "0.1.0",
    },
};
