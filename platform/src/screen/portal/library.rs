//! PipeWire's library as far as it is needed: its functions, found when a screen is shared, and the memory that it shows.
//! **Unsafe code in a few lines:** to declare what the library's public headers (`pipewire/stream.h`, `spa/buffer`) promise never to
//! change.
//!
//! The library is looked for at run time, and stays: a server, or a computer without PipeWire, starts without it, and nobody
//! needs its headers to build.

#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_void};
use std::sync::OnceLock;

use libloading::Library;

/// The library's name since 2020; a change that old programs can't bear would give it another.
const NAME: &str = "libpipewire-0.3.so.0";

/// Something of the library's that is only ever pointed to.
#[repr(C)]
pub struct Opaque {
    _private: [u8; 0],
}

/// Head of a parameter.
#[repr(C)]
pub struct PodHead {
    /// Bytes behind the head.
    pub size: u32,
    /// What they are.
    pub kind: u32,
}

/// A frame in the library's queue. Newer libraries have more fields behind these.
#[repr(C)]
pub struct Buffer {
    /// What is in it.
    pub spa: *mut SpaBuffer,
    _user_data: *mut c_void,
}

/// A frame.
#[repr(C)]
pub struct SpaBuffer {
    /// How many of the former.
    pub metas_count: u32,
    /// How many of the latter.
    pub datas_count: u32,
    /// What is said of the frame.
    pub metas: *mut SpaMeta,
    /// Where its pixels are.
    pub datas: *mut SpaData,
}

/// Something that is said of a frame.
#[repr(C)]
pub struct SpaMeta {
    /// What.
    pub kind: u32,
    /// Bytes.
    pub size: u32,
    /// In memory that another program writes.
    pub data: *mut c_void,
}

/// Pixels.
#[repr(C)]
pub struct SpaData {
    /// In which kind of memory.
    pub kind: u32,
    _flags: u32,
    /// That memory's file.
    pub fd: i64,
    /// Where in the file it begins.
    pub map_offset: u32,
    /// How long it is.
    pub size_max: u32,
    _data: *mut c_void,
    /// Which part of it is used, in memory that another program writes.
    pub chunk: *mut SpaChunk,
}

/// The part of the memory that is used.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SpaChunk {
    /// Where it begins.
    pub offset: u32,
    /// How long it is.
    pub size: u32,
    /// From one row to the next.
    pub stride: i32,
    /// [`CHUNK_CORRUPTED`] and others.
    pub flags: i32,
}

/// The frame is no good.
pub const CHUNK_CORRUPTED: i32 = 1;

/// What a stream calls, on the thread of its loop, while the loop is locked.
#[repr(C)]
pub struct StreamEvents {
    /// Which of the fields there are: 0 means these.
    pub version: u32,
    /// The stream ends.
    pub destroy: Option<extern "C" fn(*mut c_void)>,
    /// From one of the states to another, with what is wrong or null.
    pub state_changed: Option<extern "C" fn(*mut c_void, c_int, c_int, *const c_char)>,
    /// Not used.
    pub control_info: Option<extern "C" fn(*mut c_void, u32, *const c_void)>,
    /// Not used.
    pub io_changed: Option<extern "C" fn(*mut c_void, u32, *mut c_void, u32)>,
    /// A parameter is another now, or is none.
    pub param_changed: Option<extern "C" fn(*mut c_void, u32, *const PodHead)>,
    /// Not used.
    pub add_buffer: Option<extern "C" fn(*mut c_void, *mut Buffer)>,
    /// A buffer will be no more.
    pub remove_buffer: Option<extern "C" fn(*mut c_void, *mut Buffer)>,
    /// A frame has come.
    pub process: Option<extern "C" fn(*mut c_void)>,
    /// Not used.
    pub drained: Option<extern "C" fn(*mut c_void)>,
}

/// The library's note of who listens: six words of its own.
pub type Hook = [*mut c_void; 6];

/// State of a stream: it has failed.
pub const STATE_ERROR: c_int = -1;
/// It has no server.
pub const STATE_UNCONNECTED: c_int = 0;
/// Frames come in.
pub const DIRECTION_INPUT: c_int = 0;
/// Connect to the node at once; do not look for another one when that is gone.
pub const FLAGS: c_int = 1 | (1 << 7);

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident: $symbol:literal ($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// Functions of the library.
        pub struct Functions { $($(#[$doc])* pub $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)* }

        impl Functions {
            fn find(library: &Library) -> Result<Self, libloading::Error> {
                // SAFETY: the types are those of the public headers.
                unsafe { Ok(Self { $($name: *library.get($symbol)?,)* }) }
            }
        }
    };
}

functions! {
    /// Prepares the library; may be called again.
    init: b"pw_init\0" (*mut c_int, *mut *mut *mut c_char);
    /// A loop with a thread of its own.
    loop_new: b"pw_thread_loop_new\0" (*const c_char, *const c_void) -> *mut Opaque;
    /// Ends it.
    loop_destroy: b"pw_thread_loop_destroy\0" (*mut Opaque);
    /// The loop in it.
    loop_inner: b"pw_thread_loop_get_loop\0" (*mut Opaque) -> *mut Opaque;
    /// Lets the thread run.
    loop_start: b"pw_thread_loop_start\0" (*mut Opaque) -> c_int;
    /// Waits until it has ended.
    loop_stop: b"pw_thread_loop_stop\0" (*mut Opaque);
    /// Keeps it from calling anything.
    loop_lock: b"pw_thread_loop_lock\0" (*mut Opaque);
    /// Lets it go on.
    loop_unlock: b"pw_thread_loop_unlock\0" (*mut Opaque);
    /// All that belongs to connections of a loop.
    context_new: b"pw_context_new\0" (*mut Opaque, *mut Opaque, usize) -> *mut Opaque;
    /// Ends it.
    context_destroy: b"pw_context_destroy\0" (*mut Opaque);
    /// A connection over a socket, which is the library's from then on.
    connect_fd: b"pw_context_connect_fd\0" (*mut Opaque, c_int, *mut Opaque, usize) -> *mut Opaque;
    /// Ends it.
    disconnect: b"pw_core_disconnect\0" (*mut Opaque) -> c_int;
    /// Properties in a text.
    properties_new: b"pw_properties_new_string\0" (*const c_char) -> *mut Opaque;
    /// A stream, not connected.
    stream_new: b"pw_stream_new\0" (*mut Opaque, *const c_char, *mut Opaque) -> *mut Opaque;
    /// Ends it.
    stream_destroy: b"pw_stream_destroy\0" (*mut Opaque);
    /// Who is called.
    stream_listen: b"pw_stream_add_listener\0" (*mut Opaque, *mut Hook, *const StreamEvents, *mut c_void);
    /// Connects it to a node.
    stream_connect: b"pw_stream_connect\0" (*mut Opaque, c_int, u32, c_int, *const *const PodHead, u32) -> c_int;
    /// Answers a format.
    stream_answer: b"pw_stream_update_params\0" (*mut Opaque, *const *const PodHead, u32) -> c_int;
    /// The oldest frame, or null.
    dequeue: b"pw_stream_dequeue_buffer\0" (*mut Opaque) -> *mut Buffer;
    /// Gives it back.
    queue: b"pw_stream_queue_buffer\0" (*mut Opaque, *mut Buffer) -> c_int;
}

/// The library's functions.
///
/// # Errors
/// It is not installed, or is none that can be used: what the loader says.
pub fn functions() -> Result<&'static Functions, String> {
    static FOUND: OnceLock<Result<Functions, String>> = OnceLock::new();
    let find = || {
        // SAFETY: what the library does when it is loaded is what it does to every program that is linked with it.
        let library = unsafe { Library::new(NAME) }.map_err(|error| error.to_string())?;
        let functions = Functions::find(&library).map_err(|error| error.to_string())?;
        // Its threads may outlast us.
        std::mem::forget(library);
        // SAFETY: no arguments are given, which is allowed.
        unsafe { (functions.init)(std::ptr::null_mut(), std::ptr::null_mut()) };
        Ok(functions)
    };
    FOUND.get_or_init(find).as_ref().map_err(Clone::clone)
}
