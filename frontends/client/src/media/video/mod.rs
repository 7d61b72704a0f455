//! Pictures: from cameras to the engine, and from the engine to a screen.

pub(super) mod capture;
pub(super) mod encode;
pub(super) mod gather;
mod hold;
mod publisher;
pub(super) mod receive;
mod steps;
