use std::sync::Arc;

use axum::extract::State;

use crate::cluster::Cluster;

/// The state of every handler.
pub(crate) type Shared = State<Arc<Cluster>>;
