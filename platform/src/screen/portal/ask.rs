//! Asking the desktop's portal for a screen. The person at the screen chooses, in the desktop's own window; nothing is seen without that.

use std::future::Future;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use ashpd::desktop::screencast::{CursorMode, Screencast, SelectSourcesOptions, SourceType};
use ashpd::desktop::{PersistMode, ResponseError, Session};
use ashpd::enumflags2::BitFlags;
use ashpd::zbus;
use async_io::Timer;
use futures_lite::future::{block_on, or};
use futures_lite::{StreamExt, pin};

use super::PortalTrouble;

/// How long a portal may take to start and to answer what needs nobody: it may itself wait for something that does not answer, which D-Bus
/// gives up after 25 s.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// How long a person may take to choose.
const CHOICE_MAX: Duration = Duration::from_secs(120);
/// How long it may take to say that sharing is over.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// A screen that somebody has chosen. Dropping it tells the desktop that sharing is over.
pub struct Share {
    is_closed: Arc<AtomicBool>,
    /// Dropped to end it.
    stop: Option<async_channel::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Where its frames are.
pub struct Place {
    /// A connection to PipeWire that shows nothing else.
    pub socket: OwnedFd,
    /// The node there.
    pub node: u32,
}

impl Share {
    /// Asks, and waits until somebody has chosen.
    ///
    /// # Errors
    /// Why there is nothing to share.
    pub fn ask() -> Result<(Self, Place), PortalTrouble> {
        let is_closed = Arc::new(AtomicBool::new(false));
        let (stop, stopped) = async_channel::bounded::<()>(1);
        let (tell, told) = mpsc::sync_channel(1);
        let closed = Arc::clone(&is_closed);
        let live = move || {
            block_on(share(&tell, stopped));
            closed.store(true, Ordering::Relaxed);
        };
        let thread = std::thread::Builder::new().name("portal".to_owned()).spawn(live);
        let thread = thread.map_err(|error| PortalTrouble::Failed(error.to_string()))?;
        let share = Self { is_closed, stop: Some(stop), thread: Some(thread) };
        // Each step of the thread has its time, so it answers.
        let place = told.recv().map_err(|_| PortalTrouble::Failed("no answer".to_owned()))??;
        Ok((share, place))
    }

    /// Whether the desktop has ended it, as by a press on its own button.
    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Whether a portal answers that can share screens.
///
/// # Errors
/// Why not.
pub fn look() -> Result<(), PortalTrouble> {
    block_on(within(ANSWER_MAX, silent(), async { portal().await.map(|_| ()) }))
}

/// From the question to the end.
async fn share(tell: &mpsc::SyncSender<Result<Place, PortalTrouble>>, stopped: async_channel::Receiver<()>) {
    let (session, place) = match ask().await {
        Ok(chosen) => chosen,
        Err(trouble) => return drop(tell.send(Err(trouble))),
    };
    let closed = session.receive_closed().await;
    let was_told = tell.send(Ok(place)).is_ok();
    if was_told && let Ok(closed) = closed {
        pin!(closed);
        let by_desktop = async {
            closed.next().await;
            true
        };
        let by_us = async {
            // Nothing is ever sent: the channel closes when it is over.
            let _ = stopped.recv().await;
            false
        };
        if or(by_desktop, by_us).await {
            return;
        }
    }
    let _ = within(GOODBYE_MAX, silent(), async { session.close().await.map_err(|error| trouble(&error)) }).await;
}

async fn ask() -> Result<(Session<Screencast>, Place), PortalTrouble> {
    let failed = |error: ashpd::Error| trouble(&error);
    let (portal, session) = within(ANSWER_MAX, silent(), async {
        let (portal, kinds) = portal().await?;
        let session = portal.create_session(Default::default()).await.map_err(failed)?;
        // Older portals can't tell.
        let cursors = portal.available_cursor_modes().await.unwrap_or_default();
        let wish = SelectSourcesOptions::default()
            .set_sources(kinds & (SourceType::Monitor | SourceType::Window))
            .set_multiple(false)
            .set_cursor_mode(cursors.contains(CursorMode::Embedded).then_some(CursorMode::Embedded))
            .set_persist_mode((portal.version() >= 4).then_some(PersistMode::DoNot));
        portal.select_sources(&session, wish).await.and_then(|told| told.response()).map_err(failed)?;
        Ok((portal, session))
    })
    .await?;
    let chosen = within(CHOICE_MAX, PortalTrouble::NoAnswer(CHOICE_MAX.as_secs()), async {
        portal.start(&session, None, Default::default()).await.and_then(|told| told.response()).map_err(failed)
    })
    .await;
    let chosen = match chosen {
        Ok(chosen) => chosen,
        Err(trouble) => {
            // Takes the desktop's question from the screen.
            let _ = within(GOODBYE_MAX, silent(), async { session.close().await.map_err(failed) }).await;
            return Err(trouble);
        }
    };
    let node = chosen.streams().first().map(|stream| stream.pipe_wire_node_id());
    let node = node.ok_or_else(|| PortalTrouble::Failed("it chose nothing".to_owned()))?;
    let socket = within(ANSWER_MAX, silent(), async {
        portal.open_pipe_wire_remote(&session, Default::default()).await.map_err(failed)
    })
    .await?;
    Ok((session, Place { socket, node }))
}

/// The portal, and what can be shared there: to ask for that tells whether it is there. Over a connection of its own: when it is
/// closed, the desktop knows that sharing is over, also if this program is killed.
async fn portal() -> Result<(Screencast, BitFlags<SourceType>), PortalTrouble> {
    let none = |error: ashpd::Error| PortalTrouble::NoPortal(error.to_string());
    let connection = zbus::Connection::session().await.map_err(|error| PortalTrouble::NoDesktop(error.to_string()))?;
    let portal = Screencast::with_connection(connection).await.map_err(none)?;
    let kinds = portal.available_source_types().await.map_err(none)?;
    Ok((portal, kinds))
}

async fn within<T>(
    limit: Duration,
    else_what: PortalTrouble,
    work: impl Future<Output = Result<T, PortalTrouble>>,
) -> Result<T, PortalTrouble> {
    let late = async {
        Timer::after(limit).await;
        Err(else_what)
    };
    or(work, late).await
}

fn silent() -> PortalTrouble {
    PortalTrouble::NoPortal("it does not answer".to_owned())
}

fn trouble(error: &ashpd::Error) -> PortalTrouble {
    match error {
        ashpd::Error::Response(ResponseError::Cancelled) => PortalTrouble::Refused,
        ashpd::Error::PortalNotFound(_) => PortalTrouble::NoPortal(error.to_string()),
        _ => PortalTrouble::Failed(error.to_string()),
    }
}
