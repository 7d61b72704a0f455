//! Frames from a PipeWire node. **Unsafe code:** calls of the library, and a look at the frames that it shows.
//!
//! The library's thread only notes which frame is the newest and gives the older ones back. Its pixels are read when a picture is wanted:
//! a compositor that draws more often than that costs nothing here.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fs::File;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::library::{
    Buffer, CHUNK_CORRUPTED, DIRECTION_INPUT, FLAGS, Functions, Hook, Opaque, PodHead, STATE_ERROR, STATE_UNCONNECTED,
    SpaBuffer, SpaData, StreamEvents, functions,
};
use super::pixels::{Layout, Memory, Region};
use super::pods::{
    DATA_MEM_FD, META_CROP, META_DAMAGE, PARAM_FORMAT, REGION_BYTES, VideoFormat, offer, parse_format, wishes,
};
use crate::picture::Picture;

const NAME: &CStr = c"HPH Meeting";
const PROPERTIES: &CStr = c"media.type=Video media.category=Capture media.role=Screen";
/// A parameter that is longer is none of a screen's.
const PARAMETER_BYTES_MAX: u32 = 64 * 1024;
const WHOLE: Range<u32> = 0..u32::MAX;

/// Something of the library's. It is only used while the loop is locked, or by its thread.
struct Owned<T>(NonNull<T>);

// SAFETY: the library allows any thread that has locked the loop.
unsafe impl<T> Send for Owned<T> {}

impl<T> Owned<T> {
    fn new(pointer: *mut T, what: &str) -> Result<Self, String> {
        NonNull::new(pointer).map(Self).ok_or_else(|| format!("{what}: {}", std::io::Error::last_os_error()))
    }

    const fn get(&self) -> *mut T {
        self.0.as_ptr()
    }
}

/// How a stream is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// It has no format, or none any more.
    #[default]
    Unready,
    /// Frames come as something changes.
    Ready,
    /// It has ended, with what the library says.
    Over(String),
}

/// What the library's thread has noted.
#[derive(Default)]
struct Noted {
    health: Health,
    format: Option<VideoFormat>,
    /// The newest frame that was not read yet.
    newest: Option<Owned<Buffer>>,
    /// Which rows have changed since the last one that was read.
    rows: Range<u32>,
    /// Which part of the frame counts.
    crop: Option<Region>,
}

/// What the library's thread is called with.
struct Listener {
    functions: &'static Functions,
    stream: *mut Opaque,
    noted: Mutex<Noted>,
    changed: Condvar,
}

/// A stream of frames. Dropping it ends the connection.
pub struct Stream {
    functions: &'static Functions,
    thread: Owned<Opaque>,
    context: Option<Owned<Opaque>>,
    connection: Option<Owned<Opaque>>,
    stream: Option<Owned<Opaque>>,
    // The library holds their addresses until the stream is destroyed.
    listener: Option<Owned<Listener>>,
    hook: Owned<Hook>,
    piece: Vec<u8>,
}

static EVENTS: StreamEvents = StreamEvents {
    version: 0,
    destroy: None,
    state_changed: Some(state_changed),
    control_info: None,
    io_changed: None,
    param_changed: Some(param_changed),
    add_buffer: None,
    remove_buffer: Some(remove_buffer),
    process: Some(process),
    drained: None,
};

impl Stream {
    /// Asks for a node's frames over a socket to PipeWire, at most so many a second.
    ///
    /// # Errors
    /// The library is not there, or what it says.
    pub fn connect(socket: OwnedFd, node: u32, fps_max: u32) -> Result<Self, String> {
        let functions = functions()?;
        // SAFETY: names end with a zero, and null stands for no properties.
        let thread = unsafe { (functions.loop_new)(NAME.as_ptr(), ptr::null()) };
        let thread = Owned::new(thread, "its loop")?;
        let hook = Owned(NonNull::from(Box::leak(Box::new([ptr::null_mut(); 6]))));
        let mut new = Self {
            functions,
            thread,
            context: None,
            connection: None,
            stream: None,
            listener: None,
            hook,
            piece: Vec::new(),
        };
        new.prepare(socket, node, fps_max)?;
        Ok(new)
    }

    /// What is made here is ended by `drop`, also if it is not all.
    fn prepare(&mut self, socket: OwnedFd, node: u32, fps_max: u32) -> Result<(), String> {
        let functions = self.functions;
        // SAFETY: each thing is made of those before, and lives until `drop`. The thread does not run yet. The events
        // live for ever, hook and listener until the stream is destroyed.
        unsafe {
            let inner = (functions.loop_inner)(self.thread.get());
            let context = Owned::new((functions.context_new)(inner, ptr::null_mut(), 0), "its context")?;
            let context = self.context.insert(context).get();
            let connection = (functions.connect_fd)(context, socket.into_raw_fd(), ptr::null_mut(), 0);
            let connection = Owned::new(connection, "its connection")?;
            let connection = self.connection.insert(connection).get();
            let properties = (functions.properties_new)(PROPERTIES.as_ptr());
            let stream = Owned::new((functions.stream_new)(connection, NAME.as_ptr(), properties), "its stream")?;
            let stream = self.stream.insert(stream).get();
            let noted = Mutex::new(Noted { rows: WHOLE, ..Noted::default() });
            let listener = Listener { functions, stream, noted, changed: Condvar::new() };
            let listener = Owned(NonNull::from(Box::leak(Box::new(listener))));
            let listener = self.listener.insert(listener).get();
            (functions.stream_listen)(stream, self.hook.get(), &raw const EVENTS, listener.cast());
            let offer = aligned(&offer(fps_max));
            let offers = [offer.as_ptr().cast::<PodHead>()];
            check((functions.stream_connect)(stream, DIRECTION_INPUT, node, FLAGS, offers.as_ptr(), 1))?;
            check((functions.loop_start)(self.thread.get()))
        }
    }

    fn listener(&self) -> Option<&Listener> {
        // SAFETY: it lives as long as we; all that changes in it is behind a lock.
        self.listener.as_ref().map(|listener| unsafe { listener.0.as_ref() })
    }

    /// How it is now.
    pub fn health(&self) -> Health {
        self.listener().map(|listener| listener.noted().health.clone()).unwrap_or_default()
    }

    /// Waits for a format, then for a frame, or until it is over. The format; none if there is none.
    pub fn wait(&self, for_format: Duration, for_frame: Duration) -> Option<VideoFormat> {
        let listener = self.listener()?;
        let wait = |limit, is_idle: fn(&mut Noted) -> bool| {
            let waited = listener.changed.wait_timeout_while(listener.noted(), limit, is_idle);
            waited.unwrap_or_else(PoisonError::into_inner).0.format
        };
        wait(for_format, |noted| noted.health == Health::Unready)?;
        wait(for_frame, |noted| noted.newest.is_none() && noted.health == Health::Ready)
    }

    /// Reads the newest frame into `picture`, which must hold the one that was read before, and gives it back. Whether there was one.
    /// A frame that is broken is left out.
    pub fn read(&mut self, picture: &mut Picture) -> bool {
        let functions = self.functions;
        let (Some(stream), Some(listener)) = (&self.stream, &self.listener) else { return false };
        // SAFETY: as in `listener`; the loop is locked while a frame is looked at, so nothing takes it away, and it is given
        // back to the stream that it is from.
        unsafe {
            (functions.loop_lock)(self.thread.get());
            let mut noted = listener.0.as_ref().noted();
            let mut was_read = false;
            if let (Some(newest), Some(format)) = (noted.newest.take(), noted.format) {
                let rows = noted.rows.clone();
                was_read = read_frame(&newest, format, noted.crop, rows, picture, &mut self.piece);
                // What is left half read must be read anew.
                noted.rows = if was_read { 0..0 } else { WHOLE };
                (functions.queue)(stream.get(), newest.get());
            }
            drop(noted);
            (functions.loop_unlock)(self.thread.get());
            was_read
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let functions = self.functions;
        // SAFETY: each thing is ended once, before what it was made of, and when the thread calls nothing any more. Hook and listener
        // were boxes, and nobody knows them any more.
        unsafe {
            (functions.loop_stop)(self.thread.get());
            if let Some(stream) = &self.stream {
                (functions.stream_destroy)(stream.get());
            }
            if let Some(connection) = &self.connection {
                (functions.disconnect)(connection.get());
            }
            if let Some(context) = &self.context {
                (functions.context_destroy)(context.get());
            }
            (functions.loop_destroy)(self.thread.get());
            if let Some(listener) = self.listener.take() {
                drop(Box::from_raw(listener.get()));
            }
            drop(Box::from_raw(self.hook.get()));
        }
    }
}

impl Listener {
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes all frames that have come, and keeps the newest.
    fn take_newest(&self) {
        let mut noted = self.noted();
        while let Some(newer) = self.oldest() {
            // SAFETY: it is ours until it is given back.
            let look = unsafe { Look::at(&newer) };
            let Some(look) = look.filter(|look| look.is_good) else {
                self.give_back(&newer);
                continue;
            };
            if look.crop != noted.crop {
                noted.crop = look.crop;
                noted.rows = WHOLE;
            }
            noted.rows = around(&noted.rows, &look.rows);
            if let Some(older) = noted.newest.replace(newer) {
                self.give_back(&older);
            }
        }
        drop(noted);
        self.changed.notify_all();
    }

    /// The oldest frame that waits.
    fn oldest(&self) -> Option<Owned<Buffer>> {
        // SAFETY: the stream lives while it calls us.
        NonNull::new(unsafe { (self.functions.dequeue)(self.stream) }).map(Owned)
    }

    fn give_back(&self, buffer: &Owned<Buffer>) {
        // SAFETY: it is from this stream, which lives while it calls us.
        unsafe { (self.functions.queue)(self.stream, buffer.get()) };
    }

    /// Notes a format, and says what frames must be like.
    fn take_format(&self, format: Option<VideoFormat>) {
        let mut noted = self.noted();
        noted.rows = WHOLE;
        noted.format = format;
        if !matches!(noted.health, Health::Over(_)) {
            noted.health = if format.is_some() { Health::Ready } else { Health::Unready };
        }
        drop(noted);
        if format.is_some() {
            let wishes = wishes().map(|wish| aligned(&wish));
            let pointers = [0, 1, 2].map(|n: usize| wishes[n].as_ptr().cast::<PodHead>());
            // SAFETY: the stream lives while it calls us, and copies what it is told.
            unsafe { (self.functions.stream_answer)(self.stream, pointers.as_ptr(), pointers.len() as u32) };
        }
        self.changed.notify_all();
    }

    fn take_end(&self, why: String) {
        self.noted().health = Health::Over(why);
        self.changed.notify_all();
    }
}

/// What is said of a frame.
struct Look {
    is_good: bool,
    crop: Option<Region>,
    rows: Range<u32>,
}

impl Look {
    /// None if there are no pixels.
    ///
    /// # Safety
    /// The frame is ours.
    unsafe fn at(buffer: &Owned<Buffer>) -> Option<Self> {
        // SAFETY: the library fills these in before it hands a frame over, and leaves them alone.
        let (spa, data) = unsafe { parts(buffer) }?;
        // SAFETY: the chunk is valid memory of its size, which the compositor may write to at any time.
        let chunk = unsafe { ptr::read_volatile(NonNull::new(data.chunk)?.as_ptr()) };
        let is_good = data.kind == DATA_MEM_FD && chunk.size > 0 && chunk.flags & CHUNK_CORRUPTED == 0;
        let mut crop = None;
        let mut rows: Option<Range<u32>> = None;
        for index in 0..spa.metas_count as usize {
            // SAFETY: there are so many.
            let meta = unsafe { &*spa.metas.add(index) };
            let count = meta.size / REGION_BYTES;
            // SAFETY: it is as long as it says.
            let region = |n: u32| unsafe {
                Region::parse(ptr::read_volatile(meta.data.cast::<[u8; REGION_BYTES as usize]>().add(n as usize)))
            };
            let mut regions = (0..count).filter(|_| !meta.data.is_null()).map(region);
            match meta.kind {
                META_CROP => crop = regions.next().filter(|region| !region.is_empty()),
                META_DAMAGE => {
                    let changed = regions.take_while(|region| !region.is_empty()).map(|region| region.rows(u32::MAX));
                    rows = changed.reduce(|one, other| around(&one, &other));
                }
                _ => {}
            }
        }
        // Where nothing is said, all may have changed.
        Some(Self { is_good, crop, rows: rows.unwrap_or(WHOLE) })
    }
}

/// A frame, and where its pixels are.
///
/// # Safety
/// The frame is ours.
unsafe fn parts(buffer: &Owned<Buffer>) -> Option<(&SpaBuffer, &SpaData)> {
    // SAFETY: the library fills these in before it hands a frame over, and leaves them alone.
    unsafe {
        let spa = buffer.0.as_ref().spa.as_ref()?;
        let data = spa.datas.as_ref().filter(|_| spa.datas_count > 0)?;
        Some((spa, data))
    }
}

/// Whether the frame was read.
///
/// # Safety
/// The frame is ours.
unsafe fn read_frame(
    buffer: &Owned<Buffer>,
    format: VideoFormat,
    crop: Option<Region>,
    rows: Range<u32>,
    picture: &mut Picture,
    piece: &mut Vec<u8>,
) -> bool {
    // SAFETY: as it says.
    let Some((_, data)) = (unsafe { parts(buffer) }) else { return false };
    let (Some(chunk), Ok(fd)) = (NonNull::new(data.chunk), c_int::try_from(data.fd)) else { return false };
    if data.kind != DATA_MEM_FD || fd < 0 {
        return false;
    }
    // SAFETY: the chunk is valid memory of its size, which the compositor may write to at any time.
    let chunk = unsafe { ptr::read_volatile(chunk.as_ptr()) };
    let memory = Memory {
        begin: data.map_offset.into(),
        len_bytes: data.size_max.into(),
        offset: chunk.offset.into(),
        stride: chunk.stride.into(),
    };
    let Some(layout) = Layout::new(format, memory, crop) else { return false };
    // Rows are counted from the top of the part that counts.
    let top = crop.and_then(|crop| u32::try_from(crop.y).ok()).unwrap_or(0);
    let rows = rows.start.saturating_sub(top)..rows.end.saturating_sub(top);
    // SAFETY: the library keeps the file open while the frame is ours; we do not close it.
    let file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd) });
    layout.read(&file, rows, picture, piece).is_ok()
}

/// What lies around both; nothing lies in an empty one.
fn around(one: &Range<u32>, other: &Range<u32>) -> Range<u32> {
    match (one.is_empty(), other.is_empty()) {
        (true, _) => other.clone(),
        (_, true) => one.clone(),
        _ => one.start.min(other.start)..one.end.max(other.end),
    }
}

/// The bytes in words, as the library wants them.
fn aligned(bytes: &[u8]) -> Vec<u64> {
    let word = |chunk: &[u8]| {
        let mut word = [0; 8];
        word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
        u64::from_ne_bytes(word)
    };
    bytes.chunks(8).map(word).collect()
}

fn check(result: c_int) -> Result<(), String> {
    if result < 0 { Err(std::io::Error::from_raw_os_error(-result).to_string()) } else { Ok(()) }
}

/// Whoever is called.
///
/// # Safety
/// `data` is what was given to the stream, which calls us.
unsafe fn listener<'a>(data: *mut c_void) -> &'a Listener {
    // SAFETY: a listener, which lives until after the stream; all that changes in it is behind a lock.
    unsafe { &*data.cast::<Listener>() }
}

extern "C" fn state_changed(data: *mut c_void, _old: c_int, new: c_int, error: *const c_char) {
    if new == STATE_ERROR || new == STATE_UNCONNECTED {
        // SAFETY: the text is valid while we are called, and ends with a zero.
        let why = (!error.is_null()).then(|| unsafe { CStr::from_ptr(error) }.to_owned());
        let why = why.unwrap_or_else(|| CString::from(c"the connection is gone"));
        // SAFETY: the stream calls us with it.
        unsafe { listener(data) }.take_end(why.to_string_lossy().into_owned());
    }
}

extern "C" fn param_changed(data: *mut c_void, id: u32, param: *const PodHead) {
    if id != PARAM_FORMAT {
        return;
    }
    // SAFETY: a parameter is as long as its head says, and valid while we are called.
    let bytes = unsafe {
        let head = param.as_ref().filter(|head| head.size <= PARAMETER_BYTES_MAX);
        head.map(|head| std::slice::from_raw_parts(param.cast::<u8>(), size_of::<PodHead>() + head.size as usize))
    };
    // SAFETY: the stream calls us with it.
    unsafe { listener(data) }.take_format(bytes.and_then(parse_format));
}

extern "C" fn remove_buffer(data: *mut c_void, buffer: *mut Buffer) {
    // SAFETY: the stream calls us with it.
    let mut noted = unsafe { listener(data) }.noted();
    if noted.newest.as_ref().is_some_and(|newest| newest.get() == buffer) {
        noted.newest = None;
        noted.rows = WHOLE;
    }
}

extern "C" fn process(data: *mut c_void) {
    // SAFETY: the stream calls us with it.
    unsafe { listener(data) }.take_newest();
}
