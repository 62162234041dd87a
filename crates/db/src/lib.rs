#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod column;
mod config;
mod copy;
mod database;
mod error;
mod job;
mod metrics;
mod migrate;
mod moment;
mod param;
mod place;
mod postgres;
mod queues;
mod row;
mod schema;
mod sql;
mod sqlite;
mod tx;
mod types;
mod write_batcher;

pub use column::{Column, Value};
pub use config::{Config, Engine};
pub use copy::{Cell, Cells, CopyProgress, Sum, Table};
pub use database::{Db, DiskSpace};
pub use error::{Error, Result};
pub use metrics::Metrics;
pub use migrate::{Migration, Migrations};
pub use param::{Param, ToParam};
pub use row::Row;
pub use sql::{Sql, Statement};
pub use tx::Tx;
pub use types::Json;
pub use write_batcher::{BatchLimits, WriteBatcher};
