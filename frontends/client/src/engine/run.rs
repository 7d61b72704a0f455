//! The engine's life: connect, serve the session, and again, until it is over for good.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_channel::{Receiver, Sender};
use async_io::Timer;
use futures_lite::FutureExt;
use hph_core::crypto::senderkey::DeviceSecret;
use hph_core::endpoint::client::{ClientMachine, ClientRepair, ClientRoomPlace, ClientStorage, HeldPacket};
use hph_core::limits::{
    CONTROL_FRAME_MAX_BYTES, CONTROL_LENGTH_BYTES, FRAGMENTS_MAX, FRAME_MAX_BYTES, PARITY_GROUP_PACKETS_MAX,
    PARITY_GROUP_PARITY_MAX, ROOM_PARTICIPANTS_MAX, SESSION_ROOMS_MAX,
};
use hph_core::media::cache::{CACHE_PACKET_BYTES, CachePlace, PacketCache};
use hph_core::media::nack::{GapTracker, Gaps, Missing};
use hph_core::media::parity::{RECOVERY_PLACE_BYTES, Recovery, RecoveryPlace, Symbol};
use hph_core::media::reassembly::{DEADLINE_DEFAULT, Reassembler, ReassemblySlot};
use hph_core::media::track_window::TrackWindow;
use hph_core::wire::control::{FrameReader, Refusal};
use hph_platform::clock::Clock;
use hph_platform::entropy;

use super::connect::{self, ConnectError};
use super::doors::Doors;
use super::known::KnownPeople;
use super::outbox::Outbox;
use super::session::{self, SafetyCodes, SessionEnd};
use super::transfers::Transfers;
use super::{AccountEvent, CapturedFrame, Command, EndReason, EngineConfig, EngineFigures, Event, FrameSink, Guidance};
use crate::link::authority;
use crate::media::Stages;

/// Frames that are put together at the same time.
const REASSEMBLY_SLOTS: usize = 64;
/// Packets that wait for their key: the first pictures of a room.
const HELD_PACKETS: usize = 256;
/// Own packets that can be sent again: those of more than half a second.
const SENT_PACKETS: usize = 1024;
/// Packets of others that may be missing at the same time: more than come in the 400 ms after which nobody is asked.
const MISSING_PACKETS: usize = 512;
/// Groups of packets from which lost ones can be made again: two frames of eight cameras.
const RECOVERY_PLACES: usize = 16;
/// The first wait before a new attempt; it doubles up to the last.
const BACKOFF_FIRST: Duration = Duration::from_millis(250);
const BACKOFF_LAST: Duration = Duration::from_secs(4);
/// A device that waits to be approved asks so often.
const PAIRING_EVERY: Duration = Duration::from_millis(1500);

/// The engine's ends of its channels.
pub(crate) struct Ends {
    pub commands: Receiver<Command>,
    pub events: Sender<Event>,
    pub frames: Receiver<CapturedFrame>,
    pub stages: Arc<Mutex<Stages>>,
    pub figures: Arc<Mutex<EngineFigures>>,
    pub guidance: Arc<Guidance>,
}

/// What survives a connection.
pub(crate) struct Lasting<'a> {
    pub machine: ClientMachine<'a>,
    pub outbox: Outbox,
    pub transfers: Transfers,
    pub doors: Doors,
    pub sink: FrameSink,
    pub people: KnownPeople,
    /// Safety codes that the frontend was told.
    pub safety: SafetyCodes,
    /// Commands that came while there was no session.
    pub early: Vec<Command>,
}

/// Runs until it is over for good; the last event says why.
pub(crate) async fn run(config: EngineConfig, ends: Ends, sink: FrameSink) {
    let mut rooms: Vec<ClientRoomPlace> = (0..SESSION_ROOMS_MAX).map(|_| ClientRoomPlace::default()).collect();
    let mut slots = vec![ReassemblySlot::EMPTY; REASSEMBLY_SLOTS];
    // Untouched pages cost nothing: only slots that were used take memory.
    let mut memory = vec![0; REASSEMBLY_SLOTS * FRAME_MAX_BYTES];
    let mut tracks = vec![TrackWindow::EMPTY; ROOM_PARTICIPANTS_MAX * 4];
    let mut held = vec![HeldPacket::EMPTY; HELD_PACKETS];
    let reassembler = Reassembler::new(&mut slots, &mut memory, &mut tracks, DEADLINE_DEFAULT);
    let (mut sent, mut sent_bytes) =
        (vec![CachePlace::EMPTY; SENT_PACKETS], vec![0; SENT_PACKETS * CACHE_PACKET_BYTES]);
    let mut gaps = vec![GapTracker::EMPTY; ROOM_PARTICIPANTS_MAX * 2];
    let mut missing = vec![Missing::NONE; MISSING_PACKETS];
    let mut recovered = vec![RecoveryPlace::EMPTY; RECOVERY_PLACES];
    let mut recovered_bytes = vec![0; RECOVERY_PLACES * RECOVERY_PLACE_BYTES];
    let mut parity = vec![Symbol::EMPTY; PARITY_GROUP_PARITY_MAX * FRAGMENTS_MAX.div_ceil(PARITY_GROUP_PACKETS_MAX)];
    let repair = ClientRepair {
        sent: PacketCache::new(&mut sent, &mut sent_bytes),
        gaps: Gaps::new(&mut gaps, &mut missing),
        recovery: Recovery::new(&mut recovered, &mut recovered_bytes),
        parity: &mut parity,
    };
    let storage = ClientStorage { rooms: &mut rooms, reassembler, held: &mut held, repair };
    let machine = ClientMachine::new(storage, DeviceSecret::from_seed(&config.device_seed), entropy::array());
    let server = authority(&config.host, config.port);
    let mut lasting = Lasting {
        machine,
        outbox: Outbox::default(),
        transfers: Transfers::default(),
        doors: Doors::default(),
        sink,
        people: KnownPeople::new(config.people.clone(), server),
        safety: SafetyCodes::default(),
        early: Vec::new(),
    };

    let reason = keep_alive(&config, &ends, &mut lasting).await;
    // Whoever was met last must be known the next time.
    if let Some(unsaved) = lasting.people.unsaved()
        && let (_, Err(error)) = unsaved.save()
    {
        let _ = ends.events.send(Event::KeysUnusable { why: error.to_string() }).await;
    }
    let _ = ends.events.send(Event::Ended(reason)).await;
}

async fn keep_alive(config: &EngineConfig, ends: &Ends, lasting: &mut Lasting<'_>) -> EndReason {
    let mut token: Option<(String, [u8; 32])> = None;
    let mut trust = config.trust;
    let mut attempt = 0u32;
    let mut was_in = false;
    // The code that the frontend was told.
    let mut pairing: Option<u32> = None;
    let mut memory = vec![0; CONTROL_FRAME_MAX_BYTES + CONTROL_LENGTH_BYTES];
    loop {
        if pairing.is_none() {
            let _ = ends.events.send(Event::Connecting { attempt }).await;
        }
        let config = EngineConfig { trust, ..config.clone() };
        let mut frames = FrameReader::new(&mut memory, CONTROL_FRAME_MAX_BYTES);
        let connecting = async {
            let mut secured = connect::secure(&config).await?;
            let device = DeviceSecret::from_seed(&config.device_seed);
            let known = token.as_ref().map(|(username, token)| (username.as_str(), *token));
            let welcome = connect::sign_in(&config, &device, known, &mut secured, &mut frames).await?;
            Ok(Ok((secured, welcome)))
        };
        let connected = match connecting.or(quit_while_away(ends, lasting)).await {
            Ok(Ok(connected)) => Ok(connected),
            Ok(Err(())) => return EndReason::Quit,
            Err(error) => Err(error),
        };
        let (why, retry_after_s) = match connected {
            Ok((secured, welcome)) => {
                attempt = 0;
                was_in = true;
                pairing = None;
                // From now on it must be the same server.
                trust = crate::tls::Trust::Expect(secured.pin);
                if let Some(new) = welcome.signed_in.token {
                    token = Some((welcome.username.clone(), new));
                }
                let end = session::serve(ends, lasting, secured, &welcome, &mut frames).await;
                lasting.machine.handle_disconnected();
                match end {
                    SessionEnd::Quit => return EndReason::Quit,
                    SessionEnd::Elsewhere => return EndReason::SignedInElsewhere,
                    SessionEnd::Revoked => return EndReason::Revoked,
                    SessionEnd::Lost(why) => (why, 0),
                }
            }
            Err(ConnectError::Unpaired { code, seconds }) => {
                if pairing.replace(code) != Some(code) {
                    let told = AccountEvent::PairingCode { code: format!("{code:06}"), seconds };
                    let _ = ends.events.send(Event::Account(told)).await;
                }
                if let Ok::<_, ConnectError>(Err(())) = wait_or_quit(PAIRING_EVERY, ends, lasting).await {
                    return EndReason::Quit;
                }
                continue;
            }
            // Whoever was in waits for as long as the server says: after a restart everybody comes back at once.
            Err(ConnectError::Final(EndReason::Refused { reason: Refusal::TooFast, retry_after_s, .. })) if was_in => {
                (Refusal::TooFast.code().to_owned(), retry_after_s)
            }
            // The token may be void: once more with the password.
            Err(ConnectError::Final(EndReason::Refused { .. })) if token.take().is_some() => continue,
            Err(ConnectError::Final(reason)) => return reason,
            Err(ConnectError::Transient { why, .. }) if !was_in && !config.is_patient => {
                return EndReason::Unreachable(why);
            }
            Err(ConnectError::Transient { why, retry_after_s }) => (why, retry_after_s),
        };
        let retry_in = backoff(attempt).max(Duration::from_secs(retry_after_s.into()));
        attempt = attempt.saturating_add(1);
        let _ = ends.events.send(Event::Lost { why, retry_in }).await;
        if let Ok::<_, ConnectError>(Err(())) = wait_or_quit(retry_in, ends, lasting).await {
            return EndReason::Quit;
        }
    }
}

/// Waits, unless the user quits.
async fn wait_or_quit(time: Duration, ends: &Ends, lasting: &mut Lasting<'_>) -> Result<Result<(), ()>, ConnectError> {
    let waiting = async {
        Timer::after(time).await;
        Ok(Ok(()))
    };
    waiting.or(quit_while_away(ends, lasting)).await
}

/// Keeps commands for the next session; ends only if the user quits. Frames captured meanwhile are of no use later.
async fn quit_while_away<T>(ends: &Ends, lasting: &mut Lasting<'_>) -> Result<Result<T, ()>, ConnectError> {
    let commands = async {
        loop {
            match ends.commands.recv().await {
                Ok(Command::Quit) | Err(_) => return,
                Ok(command) => session::keep(lasting, command, Clock::now()),
            }
        }
    };
    let frames = async {
        while ends.frames.recv().await.is_ok() {}
        futures_lite::future::pending().await
    };
    commands.or(frames).await;
    Ok(Err(()))
}

/// Doubling, with up to a quarter more by chance, so that many clients do not come back at the same moment.
fn backoff(attempt: u32) -> Duration {
    let doubled = BACKOFF_FIRST.saturating_mul(1 << attempt.min(8)).min(BACKOFF_LAST);
    let [chance] = entropy::array::<1>();
    doubled + doubled.mul_f32(f32::from(chance) / 1024.0)
}
