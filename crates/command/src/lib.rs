#![doc = include_str!("../README.md")]

pub mod data_dir;
pub mod failure;
pub mod log;
pub mod open_local;
pub mod output;
pub mod remote;
pub mod serve;
pub mod settings;
pub mod words;
