//! What the tests of the whole share.

pub mod fuzz;
pub mod sim;
pub mod wire_lab;
