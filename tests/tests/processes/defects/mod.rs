//! The defects of the Python program that this one replaces, by their number in `docs/defects.md`: those that no other
//! test covers.

mod control;
mod media;
mod operation;
mod sign_in;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hph_client::engine::Event;
use hph_tests::wire_lab::person::Person;
use hph_tests::wire_lab::raw::RawClient;
use hph_tests::wire_lab::server::LocalServer;
use hph_tests::wire_lab::wait::ms;

const ROOM: &str = "Nhóm 17";
const PASSWORD: &str = "mật khẩu dài lắm";
const BLOCK: Duration = Duration::from_millis(20);

/// A connection that is not signed in.
fn connect(server: &LocalServer) -> RawClient {
    RawClient::connect(&server.target, None).expect("connected")
}

/// Waits until somebody else has left the room.
fn wait_for_gone(person: &mut Person) {
    person.wait("leave", ms(2000), |event| matches!(event, Event::ParticipantGone { .. }).then_some(()));
}

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_owned()
}

/// All files below a folder that are wanted; what is built or belongs to git is not looked at.
fn files(folder: &Path, is_wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            if name != "target" && name != ".git" {
                found.extend(files(&path, is_wanted));
            }
        } else if is_wanted(&path) {
            found.push(path);
        }
    }
    found
}
