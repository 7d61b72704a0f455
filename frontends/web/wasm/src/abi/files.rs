//! Files: what is said of them, their hashes, and the seal of those that are for one person. The page reads and keeps the bytes.

use hph_core::crypto::file::FileCipher;
use hph_core::id::RoomId;
use hph_core::limits::TAG_BYTES;
use hph_core::wire::control::ClientMessage;
use sha2::{Digest, Sha256};

use super::{array, text, texts, with};

/// Bytes of a file's key, which stand before the piece that it seals.
const KEY_BYTES: usize = 32;

/// Input: SHA-256 of what is sent, 32 bytes; login name of the receiver or nothing; the file's name or nothing.
#[unsafe(no_mangle)]
extern "C" fn offer_file(reference: u64, room: u32, size: f64, to: usize, len: usize) -> bool {
    with(len, |state, input| {
        let sha256 = array(input, 0);
        let (to, name) = texts(input.get(32..).unwrap_or_default(), to);
        let (room, size) = (RoomId(room), size as u64);
        state.client.say(&ClientMessage::OfferFile { reference, room, to, name, size, sha256 })
    })
}

/// Input: the piece.
#[unsafe(no_mangle)]
extern "C" fn send_chunk(file: f64, from: f64, len: usize) -> bool {
    with(len, |state, input| {
        let (file, from) = (file as u64, from as u64);
        state.client.say(&ClientMessage::FileChunk { file, from, bytes: input })
    })
}

#[unsafe(no_mangle)]
extern "C" fn fetch_file(request: u32, file: f64, from: f64, count: u32) -> bool {
    with(0, |state, _| {
        let (file, from) = (file as u64, from as u64);
        state.client.say(&ClientMessage::FetchFile { request, file, from, count })
    })
}

#[unsafe(no_mangle)]
extern "C" fn delete_file(request: u32, file: f64) -> bool {
    with(0, |state, _| state.client.say(&ClientMessage::DeleteFile { request, file: file as u64 }))
}

#[unsafe(no_mangle)]
extern "C" fn list_files(request: u32, room: u32, before: f64, count: u8) -> bool {
    with(0, |state, _| {
        let before = before as u64;
        state.client.say(&ClientMessage::ListFiles { request, room: RoomId(room), before, count })
    })
}

/// Begins the hash of that number anew.
#[unsafe(no_mangle)]
extern "C" fn hash_begin(number: u32) {
    with(0, |state, _| {
        state.hashes.insert(number, Sha256::new());
    });
}

/// Input: bytes.
#[unsafe(no_mangle)]
extern "C" fn hash_update(number: u32, len: usize) {
    with(len, |state, input| {
        if let Some(hash) = state.hashes.get_mut(&number) {
            hash.update(&*input);
        }
    });
}

/// Puts the hash, 32 bytes, to the input and forgets it; false if none was begun.
#[unsafe(no_mangle)]
extern "C" fn hash_finish(number: u32) -> bool {
    with(32, |state, input| {
        let Some(hash) = state.hashes.remove(&number) else { return false };
        input.copy_from_slice(&hash.finalize());
        true
    })
}

/// Input: the file's key, 32 bytes; the piece. Seals it in place and puts its tag behind it.
#[unsafe(no_mangle)]
extern "C" fn seal_piece(index: u32, is_last: bool, len: usize) -> bool {
    with(len + TAG_BYTES, |_, input| {
        let cipher = FileCipher::new(&array(input, 0));
        let Some((piece, tag)) = input.get_mut(KEY_BYTES..).and_then(<[u8]>::split_last_chunk_mut::<TAG_BYTES>) else {
            return false;
        };
        let sealed = cipher.seal(index, is_last, piece);
        sealed.map(|sealed| *tag = sealed).is_some()
    })
}

/// Input: the file's key, 32 bytes; the sealed piece with its tag. Opens it in place; false if it is none.
#[unsafe(no_mangle)]
extern "C" fn open_piece(index: u32, is_last: bool, len: usize) -> bool {
    with(len, |_, input| {
        let cipher = FileCipher::new(&array(input, 0));
        let Some((piece, tag)) = input.get_mut(KEY_BYTES..).and_then(<[u8]>::split_last_chunk_mut::<TAG_BYTES>) else {
            return false;
        };
        cipher.is_opened(index, is_last, piece, tag)
    })
}

/// Input: a name. Whether it is one for a file, as the protocol has it.
#[unsafe(no_mangle)]
extern "C" fn is_file_name(len: usize) -> bool {
    with(len, |_, input| hph_core::wire::text::is_file_name(text(input)))
}
