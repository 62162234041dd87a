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
mod row;
mod schema;
mod sql;
mod sqlite;
mod together;
mod tx;
mod types;

pub use column::{Column, Value};
pub use config::{Config, Engine};
pub use copy::{Cell, Cells, Progress, Sum, Table};
pub use database::Db;
pub use error::{Error, Result};
pub use metrics::Metrics;
pub use migrate::{Migration, Migrations};
pub use param::{Param, ToParam};
pub use row::Row;
pub use sql::{Sql, Statement};
pub use together::{Pace, Together};
pub use tx::Tx;
pub use types::Json;
