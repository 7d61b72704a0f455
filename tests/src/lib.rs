//! What the tests of the whole share.

pub mod fuzz;
mod repair_memory;
pub mod sim;
pub mod wire_lab;
