//! Pictures: from cameras to the engine, and from the engine to a screen.

pub(super) mod capture;
pub(super) mod receive;
