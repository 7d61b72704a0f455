//! The fuzz targets, as every test run also has them.

#[path = "../src/fuzz/mod.rs"]
pub mod fuzz;
