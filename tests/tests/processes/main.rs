//! Whole programs, or whole engines and servers, against each other over real sockets.
//!
//! One program of many modules: each that is linked by itself costs seconds and tens of megabytes.

mod abuse;
mod accounts;
mod breakouts;
#[cfg(target_os = "linux")]
mod capture;
mod chat;
mod defects;
mod disk;
mod doctor;
mod door;
mod endurance;
mod figures;
mod files;
mod gateway;
mod lan;
mod media_path;
mod moderation;
mod owner;
mod reactions;
mod resilience;
mod rights;
mod screen;
mod secrecy;
mod shards;
mod steps;
mod strips;
mod tls;
mod trust;
mod tunnel;
mod voice;
