//! A graphics card that is not there. The wlroots portal of Debian 12 shares no screen unless the compositor says how a frame would lie in a
//! card's memory, although it is then given ordinary memory. This stands between both and adds that word to each frame.

use std::collections::HashSet;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg, shutdown,
};

/// As many as a message of libwayland's carries.
const FILES_MAX: usize = 28;
const DISPLAY: u32 = 1;
const MANAGER: &[u8] = b"zwlr_screencopy_manager_v1\0";
/// `DRM_FORMAT_XRGB8888`.
const FORMAT: u32 = 0x3432_5258;
/// `zwlr_screencopy_frame_v1.linux_dmabuf`.
const IN_A_CARD: u32 = 5;

/// Passes on what whoever connects to `at` says to the compositor at `to`, and back. Does not return but with an error.
pub fn stand_between(at: &str, to: &str) -> io::Result<()> {
    for client in UnixListener::bind(at)?.incoming() {
        let (client, server) = (client?, UnixStream::connect(to)?);
        let known = Arc::new(Mutex::new(Known::default()));
        let (asking, answering) = (Arc::clone(&known), known);
        let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
        std::thread::spawn(move || {
            pass(&from_client, &to_server, |message| {
                asking.lock().unwrap_or_else(PoisonError::into_inner).ask(message)
            });
        });
        std::thread::spawn(move || {
            pass(&server, &client, |message| answering.lock().unwrap_or_else(PoisonError::into_inner).answer(message));
        });
    }
    Ok(())
}

/// Objects of one client.
#[derive(Default)]
struct Known {
    registries: HashSet<u32>,
    manager: Option<u32>,
    frames: HashSet<u32>,
}

impl Known {
    /// A request: notes what it makes.
    fn ask(&mut self, message: &[u8]) -> Vec<u8> {
        let (object, code) = (word(message, 0), word(message, 1) & 0xFFFF);
        let last = word(message, message.len() / 4 - 1);
        if (object, code) == (DISPLAY, 1) {
            self.registries.insert(word(message, 2));
        } else if self.registries.contains(&object) && message.get(16..).is_some_and(|rest| rest.starts_with(MANAGER)) {
            self.manager = Some(last);
        } else if self.manager == Some(object) && code < 2 {
            self.frames.insert(word(message, 2));
        }
        message.to_vec()
    }

    /// An event: adds a word to that of a frame's memory.
    fn answer(&mut self, message: &[u8]) -> Vec<u8> {
        let (object, code) = (word(message, 0), word(message, 1) & 0xFFFF);
        let mut out = message.to_vec();
        if (object, code) == (DISPLAY, 1) {
            self.frames.remove(&word(message, 2));
        } else if self.frames.contains(&object) && code == 0 {
            let more = [object, 20 << 16 | IN_A_CARD, FORMAT, word(message, 3), word(message, 4)];
            out.extend(more.iter().flat_map(|word| word.to_ne_bytes()));
        }
        out
    }
}

fn word(message: &[u8], index: usize) -> u32 {
    message.get(index * 4..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32::from_ne_bytes(*bytes))
}

/// Until one of both is closed.
fn pass(from: &UnixStream, to: &UnixStream, mut change: impl FnMut(&[u8]) -> Vec<u8>) {
    let (mut waiting, mut files) = (Vec::new(), Vec::new());
    while receive(from, &mut waiting, &mut files).is_ok_and(|count| count > 0) {
        let mut out = Vec::new();
        while waiting.len() >= 8 {
            let len = ((word(&waiting, 1) >> 16) as usize).max(8);
            if waiting.len() < len {
                break;
            }
            out.extend(change(&waiting[..len]));
            waiting.drain(..len);
        }
        if !out.is_empty() && send(to, &out, &mut files).is_err() {
            break;
        }
    }
    for end in [from, to] {
        let _ = shutdown(end, rustix::net::Shutdown::Both);
    }
}

fn receive(from: &UnixStream, bytes: &mut Vec<u8>, files: &mut Vec<OwnedFd>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES_MAX))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut piece = vec![0; 4096];
    let told = recvmsg(from, &mut [IoSliceMut::new(&mut piece)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            files.extend(rights);
        }
    }
    bytes.extend_from_slice(&piece[..told.bytes]);
    Ok(told.bytes)
}

fn send(to: &UnixStream, bytes: &[u8], files: &mut Vec<OwnedFd>) -> io::Result<()> {
    let mut sent = 0;
    while sent < bytes.len() {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES_MAX))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let borrowed: Vec<_> = files.iter().map(AsFd::as_fd).collect();
        if !borrowed.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(&borrowed));
        }
        sent += sendmsg(to, &[IoSlice::new(&bytes[sent..])], &mut ancillary, SendFlags::NOSIGNAL)?;
        drop(borrowed);
        files.clear();
    }
    Ok(())
}
