//! Every function that a packet can reach, as far as the proof goes.

use core::hint::black_box;
use core::net::SocketAddr;

use hph_core::crypto::hop::{HopHeader, HopOpener, HopSealer, Opened};
use hph_core::crypto::replay::ReplayWindow;
use hph_core::crypto::sframe::{ReceiverKey, SFRAME_HEADER_BYTES_MAX, SenderKey, SframeHeader};
use hph_core::endpoint::client::{ClientEvent, ClientMachine, ClientOutput, OutgoingFrame};
use hph_core::endpoint::relay::{HandOver, RelayCommand, RelayMachine, RelayOutput, RelayReport};
use hph_core::endpoint::server::{ServerEvent, ServerMachine, ServerOutput};
use hph_core::error::{DropReason, Full, Malformed};
use hph_core::id::{RoomId, SessionId, Slot, TrackId};
use hph_core::limits::{HOP_PREFIX_BYTES, TAG_BYTES};
use hph_core::media::cache::PacketCache;
use hph_core::media::feedback::{Downstream, FEEDBACK_MAX_BYTES, FeedbackReport, ReceiveLog, SentLog};
use hph_core::media::fragment::{Fragment, Fragmenter};
use hph_core::media::jitter::{DecodeError, JitterBuffer, PULL_SAMPLES, Pulled, VoiceDecoder};
use hph_core::media::nack::{GapTracker, Gaps, Missing, NackBody, parse_nack};
use hph_core::media::parity::{ParityEncoder, Recovery, Symbol};
use hph_core::media::reassembly::{FrameRef, Reassembler};
use hph_core::media::red::RedPacket;
use hph_core::media::track_window::TrackKey;
use hph_core::rate::TokenBucket;
use hph_core::room::Room;
use hph_core::stats::{DropCounters, Histogram};
use hph_core::time::{Duration, Instant};
use hph_core::wire::control::{
    ClientMessage, FrameReader, ServerMessage, TrackInfo, emit_client, emit_server, parse_client, parse_server,
};
use hph_core::wire::media::{MediaHeader, MediaLayout};
use hph_core::wire::{datagram, text};

/// An output of which nothing is known.
struct Unknown;

impl ServerOutput for Unknown {
    fn control(&mut self, to: SessionId, message: &ServerMessage<'_>) {
        black_box((to, message));
    }

    fn relay(&mut self, command: &RelayCommand) {
        black_box(command);
    }

    fn event(&mut self, event: ServerEvent<'_>) {
        black_box(event);
    }
}

impl RelayOutput for Unknown {
    fn datagram(&mut self, lane: usize, to: SocketAddr, prefix: &[u8; HOP_PREFIX_BYTES], payload: &[u8]) {
        black_box((lane, to, prefix, payload));
    }

    fn tunnel(&mut self, session: SessionId, prefix: &[u8; HOP_PREFIX_BYTES], payload: &[u8]) {
        black_box((session, prefix, payload));
    }

    fn hand_over(&mut self, shard: usize, what: HandOver, payload: &[u8]) {
        black_box((shard, what, payload));
    }

    fn hand_over_whole(&mut self, shard: usize, from: SocketAddr, datagram: &[u8]) {
        black_box((shard, from, datagram));
    }

    fn report(&mut self, report: &RelayReport) {
        black_box(report);
    }

    fn tell(&mut self, shard: usize, room_index: u16, downstream: Downstream) {
        black_box((shard, room_index, downstream));
    }
}

impl VoiceDecoder for Unknown {
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, DecodeError> {
        black_box((packet, out));
        black_box(Ok(0))
    }

    fn conceal(&mut self, out: &mut [f32]) -> usize {
        black_box(out);
        black_box(0)
    }
}

impl ClientOutput for Unknown {
    fn control(&mut self, message: &ClientMessage<'_>) {
        black_box(message);
    }

    fn datagram(&mut self, bytes: &[u8]) {
        black_box(bytes);
    }

    fn event(&mut self, event: ClientEvent<'_>) {
        black_box(event);
    }
}

/// Pointers to all of them.
pub fn entries() -> [*const (); 46] {
    [
        relay_datagram as *const (),
        relay_tunnelled as *const (),
        relay_handed_over as *const (),
        relay_command as *const (),
        relay_timeout as *const (),
        relay_told as *const (),
        server_control as *const (),
        server_tells as *const (),
        server_timeout as *const (),
        client_datagram as *const (),
        client_tunnelled as *const (),
        client_frame as *const (),
        client_timeout as *const (),
        hop_seals as *const (),
        hop_opens_clear as *const (),
        hop_opens_body as *const (),
        end_to_end_seals as *const (),
        end_to_end_opens as *const (),
        replay as *const (),
        parses as *const (),
        media_header_emit as *const (),
        sframe_header_emit as *const (),
        fragments as *const (),
        reassembly_insert as *const (),
        reassembly_strip as *const (),
        reassembly_frame as *const (),
        reassembly_release as *const (),
        reassembly_timeout as *const (),
        reassembly_forget as *const (),
        room_changes as *const (),
        room_reads as *const (),
        rate as *const (),
        sent_log as *const (),
        receive_log as *const (),
        nack as *const (),
        gaps as *const (),
        cache as *const (),
        voice_parses as *const (),
        jitter_insert as *const (),
        jitter_pull as *const (),
        parity as *const (),
        recovery as *const (),
        stats as *const (),
        control_frames as *const (),
        control_parses as *const (),
        control_emits as *const (),
    ]
}

type Handled = Result<(), DropReason>;

fn relay_datagram(relay: &mut RelayMachine<'_>, now: Instant, from: SocketAddr, bytes: &mut [u8]) -> Handled {
    relay.handle_datagram(now, from, bytes, &mut Unknown)
}

fn relay_tunnelled(relay: &mut RelayMachine<'_>, now: Instant, session: SessionId, bytes: &mut [u8]) -> Handled {
    relay.handle_tunnelled(now, session, bytes, &mut Unknown)
}

fn relay_handed_over(relay: &mut RelayMachine<'_>, now: Instant, what: HandOver, payload: &[u8]) -> Handled {
    relay.handle_handed_over(now, what, payload, &mut Unknown)
}

fn relay_command(relay: &mut RelayMachine<'_>, command: &RelayCommand) {
    relay.apply(command);
}

fn relay_timeout(relay: &mut RelayMachine<'_>, now: Instant) -> Instant {
    relay.handle_timeout(now, &mut Unknown);
    relay.poll_timeout()
}

fn relay_told(relay: &mut RelayMachine<'_>, now: Instant, room_index: u16, downstream: Downstream) {
    relay.handle_told(now, room_index, downstream);
}

fn server_control(server: &mut ServerMachine<'_>, now: Instant, from: SessionId, message: &ClientMessage<'_>) {
    server.handle_control(now, from, message, &mut Unknown);
}

fn server_tells(server: &mut ServerMachine<'_>, session: SessionId) -> bool {
    server.poll_control(session, &mut Unknown)
}

fn server_timeout(server: &mut ServerMachine<'_>, now: Instant) -> Instant {
    server.handle_timeout(now, &mut Unknown);
    server.poll_timeout()
}

fn client_datagram(client: &mut ClientMachine<'_>, now: Instant, bytes: &mut [u8]) -> Handled {
    client.handle_datagram(now, bytes, &mut Unknown)
}

fn client_tunnelled(client: &mut ClientMachine<'_>, now: Instant, bytes: &mut [u8]) -> Handled {
    client.handle_tunnelled(now, bytes, &mut Unknown)
}

fn client_frame(
    client: &mut ClientMachine<'_>,
    now: Instant,
    room: RoomId,
    frame: &OutgoingFrame<'_>,
) -> Result<u16, DropReason> {
    client.send_frame(now, room, frame, &mut Unknown)
}

fn client_timeout(client: &mut ClientMachine<'_>, now: Instant) -> Instant {
    client.handle_packet_timeout(now, &mut Unknown);
    client.poll_timeout()
}

fn hop_seals(sealer: &mut HopSealer, now: Instant, kind: u8, clear: &[u8], body: &mut [u8]) -> Handled {
    black_box(sealer.seal_clear(now, kind, clear)?);
    black_box(sealer.seal_body(now, kind, body)?);
    Ok(())
}

fn hop_opens_clear(
    opener: &mut HopOpener,
    now: Instant,
    header: &HopHeader,
    tag: &[u8; TAG_BYTES],
    clear: &[u8],
) -> Result<Opened, DropReason> {
    opener.open_clear(now, header, tag, clear)
}

fn hop_opens_body(
    opener: &mut HopOpener,
    now: Instant,
    header: &HopHeader,
    tag: &[u8; TAG_BYTES],
    body: &mut [u8],
) -> Result<Opened, DropReason> {
    opener.open_body(now, header, tag, body)
}

fn end_to_end_seals(
    key: &mut SenderKey,
    metadata: &[u8],
    body: &mut [u8],
    header: &mut [u8; SFRAME_HEADER_BYTES_MAX],
) -> Result<(usize, [u8; TAG_BYTES]), DropReason> {
    key.seal(metadata, body, header)
}

fn end_to_end_opens(
    key: &mut ReceiverKey,
    header: &SframeHeader,
    bytes: &[u8],
    metadata: &[u8],
    tag: &[u8; TAG_BYTES],
    body: &mut [u8],
) -> Handled {
    key.open(header, bytes, metadata, tag, body)
}

fn replay(window: &mut ReplayWindow, counter: u64) -> Handled {
    black_box(window.is_newest(counter));
    window.commit(counter);
    window.check(counter)
}

fn parses(bytes: &[u8]) -> Handled {
    black_box(HopHeader::parse(bytes)).ok();
    black_box(MediaHeader::parse(bytes)).ok();
    black_box(MediaLayout::parse(bytes)).ok();
    black_box(SframeHeader::parse(bytes)).ok();
    black_box(datagram::parse_clocks(bytes)).ok();
    datagram::Kind::parse(*bytes.first().ok_or(DropReason::Length)?).map(|kind| _ = black_box(kind))
}

fn media_header_emit(header: &MediaHeader) -> [u8; 28] {
    header.emit()
}

fn sframe_header_emit(header: &SframeHeader, out: &mut [u8; SFRAME_HEADER_BYTES_MAX]) -> usize {
    header.emit(out)
}

fn fragments(len: usize, index: u16) {
    let Ok(cut) = Fragmenter::new(len) else { return };
    black_box((cut.count(), cut.size(), cut.fragment(index)));
    for fragment in cut.fragments() {
        black_box(fragment);
    }
}

fn reassembly_insert(
    reassembler: &mut Reassembler<'_>,
    now: Instant,
    key: TrackKey,
    fragment: &Fragment<'_>,
) -> Handled {
    reassembler.insert(now, key, fragment).map(|inserted| _ = black_box(inserted))
}

fn reassembly_strip(
    reassembler: &mut Reassembler<'_>,
    now: Instant,
    key: TrackKey,
    frame: u32,
    count: u16,
) -> Result<bool, DropReason> {
    reassembler.note_strip(now, key, frame, count)
}

fn reassembly_frame(reassembler: &Reassembler<'_>, frame: &FrameRef) {
    black_box(reassembler.frame(frame));
}

fn reassembly_release(reassembler: &mut Reassembler<'_>, frame: FrameRef) {
    reassembler.release(frame);
}

fn reassembly_timeout(reassembler: &mut Reassembler<'_>, now: Instant) -> Option<Instant> {
    reassembler.handle_timeout(now);
    reassembler.poll_timeout()
}

fn reassembly_forget(reassembler: &mut Reassembler<'_>, room: u32, sender: u16) {
    reassembler.forget(room, sender);
}

fn room_changes(room: &mut Room, session: u16, slot: Slot, track: TrackId, info: TrackInfo) {
    black_box(room.join(session)).ok();
    room.set_track(slot, track, info);
    room.leave(slot);
}

fn room_reads(room: &Room, seen: u32, joined: u32) {
    black_box(room.change_after(seen, joined));
}

fn rate(bucket: &mut TokenBucket, now: Instant) -> bool {
    bucket.take(now)
}

fn sent_log(log: &mut SentLog, now: Instant, prefix: &[u8; HOP_PREFIX_BYTES], body: &[u8]) -> Handled {
    log.note(now, prefix, body.len());
    log.handle_report(now, &FeedbackReport::parse(body)?, |packet| _ = black_box(packet));
    black_box(log.stats());
    Ok(())
}

fn receive_log(log: &mut ReceiveLog, now: Instant, header: &HopHeader, out: &mut [u8; FEEDBACK_MAX_BYTES]) {
    log.note(now, header.phase, header.counter, header.kind == 0, true);
    black_box(log.poll_report(now, Downstream::default(), out));
    black_box((log.loss(), log.poll_timeout()));
}

fn nack(body: &[u8], key: TrackKey, seq: u32, out: &mut NackBody) -> Handled {
    for entry in parse_nack(body)? {
        entry.packets().for_each(|seq| _ = black_box(seq));
    }
    black_box(out.add(key, seq));
    black_box(out.finish());
    Ok(())
}

type ClientGaps<'a> = Gaps<&'a mut [GapTracker], &'a mut [Missing]>;

fn gaps(gaps: &mut ClientGaps<'_>, now: Instant, header: &MediaHeader, rtt: Duration) -> Instant {
    gaps.note(now, header, &mut |key, seq| _ = black_box((key, seq)));
    gaps.handle_made(header);
    black_box(gaps.poll(now, rtt, &mut |key, seq| _ = black_box((key, seq))));
    gaps.forget(header.room.0, header.sender.0);
    gaps.due_at()
}

fn cache(cache: &mut PacketCache<'_>, key: TrackKey, seq: u32, clear: usize, payload: &[u8]) {
    cache.store(key, seq, clear, payload);
    black_box(cache.find(key, seq));
}

fn voice_parses(timestamp: u32, payload: &[u8]) -> Handled {
    RedPacket::parse(timestamp, payload)?.frames().for_each(|frame| _ = black_box(frame));
    Ok(())
}

fn jitter_insert(buffer: &mut JitterBuffer, now: Instant, timestamp: u32, payload: &[u8]) -> Handled {
    buffer.insert(now, timestamp, payload).map(|inserted| _ = black_box(inserted))
}

fn jitter_pull(buffer: &mut JitterBuffer, now: Instant, out: &mut [f32; PULL_SAMPLES]) -> Pulled {
    buffer.pull(now, &mut Unknown, out)
}

fn parity(memory: &mut [Symbol], count: u16, parity: u8, index: u16, sealed: &[u8]) {
    let mut encoder = ParityEncoder::new(memory, count, parity);
    encoder.add(index, sealed);
    encoder.symbols().for_each(|symbol| _ = black_box(symbol));
}

fn recovery(recovery: &mut Recovery<'_>, now: Instant, header: &MediaHeader, sealed: &[u8]) {
    if let Some(solvable) = recovery.insert(now, header, sealed) {
        black_box(recovery.solve(&solvable));
        black_box(recovery.next_made(&solvable));
    }
    recovery.forget(header.room.0, header.sender.0);
}

fn stats(drops: &mut DropCounters, reason: DropReason, spans: &mut Histogram, span: Duration, permille: u64) -> u64 {
    drops.count(reason);
    spans.record(span);
    black_box(spans.quantile(permille));
    drops.of(reason).wrapping_add(drops.total())
}

fn control_frames(reader: &mut FrameReader<'_>, received: usize) -> Result<bool, Malformed> {
    black_box(reader.space());
    reader.advance(received);
    reader.next_frame().map(|frame| black_box(frame).is_some())
}

fn control_parses(body: &[u8], label: &str) -> bool {
    black_box(parse_client(body)).ok();
    black_box(parse_server(body)).ok();
    text::is_room_name(label) && text::is_chat_text(label)
}

fn control_emits(up: &ClientMessage<'_>, down: &ServerMessage<'_>, out: &mut [u8]) -> Result<usize, Full> {
    emit_client(up, out)?;
    emit_server(down, out)
}
