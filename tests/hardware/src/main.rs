//! Cameras over a real kernel's drivers. Runs as a program of a virtual machine (see `boot`) with two of them: `vivid`, which makes raw
//! pictures, and `v4l2loopback`, into which this program feeds JPEGs as webcams write them. It drives what it measures, prints a
//! row for each check, and ends with how many passed.
//!
//! `hph-hardware feed PATH` is the other side of the looped camera, `hph-hardware hold NAME` another program that has a camera,
//! `hph-hardware speak` somebody at a microphone.
#![forbid(unsafe_code)]

mod checks;
mod feed;
mod machine;

use std::process::ExitCode;

use hph_hardware::{Check, run};

const CHECKS: [(&str, Check); 10] = [
    ("both cameras are listed by name, and listing opens none", checks::listing),
    ("YUYV pictures have the driver's colours at its rate", checks::yuyv),
    ("NV12 pictures have the driver's colours at its rate", checks::nv12),
    ("off means that the device is closed", checks::closing),
    ("a busy camera is told with the name of who has it", checks::busy),
    ("a camera that is unplugged is lost, and back within 3 s of its return", checks::unplugging),
    ("a driver that is taken out and put in again gives pictures again", checks::reloading),
    ("a webcam's JPEGs come through, cleaned and in order", checks::jpeg),
    ("a camera that falls silent can be closed all the same", checks::silence),
    ("the command line lists cameras and takes a picture", checks::command_line),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("feed"), Some(path)) => return feed::feed(&path),
        (Some("hold"), Some(name)) => return feed::hold(&name),
        (Some("speak"), None) => return feed::speak(),
        _ => {}
    }
    run(&CHECKS)
}
