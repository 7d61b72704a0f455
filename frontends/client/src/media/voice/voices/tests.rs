use hph_core::id::{RoomId, Slot, TrackId};
use hph_core::limits::FRAGMENT_PAYLOAD_MAX_BYTES;
use hph_core::media::red::{RedSender, Redundancy};
use hph_platform::voice::BLOCK_SAMPLES;
use hph_platform::voice::opus::{OpusConfig, OpusEncoder, PACKET_MAX_BYTES};

use super::*;

const FRAME: usize = 2 * BLOCK_SAMPLES;

/// Packets of a tone of 20 ms each, from one person.
struct Speaker {
    slot: Slot,
    frequency_hz: f32,
    amplitude: f32,
    encoder: OpusEncoder,
    red: RedSender,
    frame: u32,
}

impl Speaker {
    fn new(slot: u16, frequency_hz: f32, amplitude: f32) -> Self {
        let encoder = OpusEncoder::new(OpusConfig { is_dtx: false, ..OpusConfig::default() }).unwrap();
        Self { slot: Slot(slot), frequency_hz, amplitude, encoder, red: RedSender::new(), frame: 0 }
    }

    fn track(&self) -> RemoteTrack {
        (RoomId(1), self.slot, TrackId::MICROPHONE)
    }

    fn packet(&mut self, now: Instant) -> Received {
        let begin = self.frame as usize * FRAME;
        let turns = |n: usize| (begin + n) as f32 * self.frequency_hz / 48_000.0;
        let sound: Vec<f32> = (0..FRAME).map(|n| self.amplitude * (turns(n) * std::f32::consts::TAU).sin()).collect();
        let (mut packet, mut bytes) = ([0; PACKET_MAX_BYTES], [0; FRAGMENT_PAYLOAD_MAX_BYTES]);
        let len = self.encoder.encode(&sound, &mut packet).unwrap();
        let timestamp = self.frame * FRAME as u32;
        let len = self.red.emit(Redundancy::None, timestamp, &packet[..len], &mut bytes).unwrap();
        self.frame += 1;
        Received {
            room: RoomId(1),
            slot: self.slot,
            track: TrackId::MICROPHONE,
            frame: self.frame,
            timestamp,
            level: 20,
            bytes: bytes[..len].to_vec(),
            complete_at: now,
            is_newest: true,
        }
    }
}

/// A second of everybody; `shared` holds the volumes. What was mixed in the second half.
fn hear(voices: &mut Voices, speakers: &mut [Speaker], shared: &VoiceShared, start_ms: u64) -> Vec<f32> {
    let mut heard = Vec::new();
    for block in 0..100u64 {
        let now = Instant::from_micros((start_ms + block * 10) * 1000);
        if block.is_multiple_of(2) {
            for speaker in speakers.iter_mut() {
                voices.insert(&speaker.packet(now)).unwrap();
            }
        }
        let mix = voices.pull(now, shared, |_, _, _| {});
        if block >= 50 {
            heard.extend(mix);
        }
    }
    heard
}

/// Power of one frequency in a sound.
fn power_at(sound: &[f32], frequency_hz: f32) -> f32 {
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in sound.iter().enumerate() {
        let angle = n as f32 * frequency_hz / 48_000.0 * std::f32::consts::TAU;
        (re, im) = (re + sample * angle.cos(), im + sample * angle.sin());
    }
    (re * re + im * im) / (sound.len() as f32).powi(2)
}

#[test]
fn everybody_is_heard_at_the_volume_that_was_chosen() {
    let mut voices = Voices::new(JitterConfig::default());
    let mut speakers = [Speaker::new(1, 440.0, 0.2), Speaker::new(2, 1000.0, 0.2)];
    let shared = VoiceShared::default();
    let both = hear(&mut voices, &mut speakers, &shared, 1_000);
    let (low, high) = (power_at(&both, 440.0), power_at(&both, 1000.0));
    assert!(low > 0.005 && high > 0.005, "{low} {high}");
    shared.set_volume(speakers[0].track(), 0);
    shared.set_volume(speakers[1].track(), 200);
    let one = hear(&mut voices, &mut speakers, &shared, 2_000);
    assert!(power_at(&one, 440.0) < low / 1000.0, "silenced");
    let gain = power_at(&one, 1000.0) / high;
    assert!((3.0..5.0).contains(&gain), "twice as loud is four times the power: {gain}");
}

#[test]
fn only_the_loudest_are_mixed() {
    let mut voices = Voices::new(JitterConfig::default());
    let mut speakers: Vec<Speaker> =
        (0..8u8).map(|n| Speaker::new(n.into(), 300.0 + 150.0 * f32::from(n), 0.05 + 0.02 * f32::from(n))).collect();
    let heard = hear(&mut voices, &mut speakers, &VoiceShared::default(), 1_000);
    let mixed: Vec<u16> = {
        let mut mixed: Vec<_> = voices.figures().filter(|(_, f)| f.is_heard).map(|((_, slot, _), _)| slot.0).collect();
        mixed.sort_unstable();
        mixed
    };
    assert_eq!(mixed, [2, 3, 4, 5, 6, 7]);
    assert!(power_at(&heard, 300.0) < power_at(&heard, 1350.0) / 300.0, "the quietest is not heard");
}

#[test]
fn who_says_nothing_more_is_idle_and_then_forgotten() {
    let mut voices = Voices::new(JitterConfig::default());
    let shared = VoiceShared::default();
    hear(&mut voices, &mut [Speaker::new(1, 440.0, 0.2)], &shared, 1_000);
    assert!(!voices.is_idle());
    let mut mix = SILENCE;
    for block in 0..300u64 {
        mix = voices.pull(Instant::from_micros(2_000_000 + block * 10_000), &shared, |_, _, _| {});
    }
    assert!(voices.is_idle() && !voices.is_empty());
    assert_eq!(mix, SILENCE);
    voices.pull(Instant::from_micros(90_000_000), &shared, |_, _, _| {});
    assert!(voices.is_empty());
}

#[test]
fn nonsense_and_too_many_voices_are_refused_with_their_reasons() {
    let mut voices = Voices::new(JitterConfig::default());
    let now = Instant::from_micros(1_000_000);
    let mut speaker = Speaker::new(1, 440.0, 0.2);
    let nonsense = Received { bytes: vec![3, 1, 2], ..speaker.packet(now) };
    assert_eq!(voices.insert(&nonsense), Err(DropReason::VoicePacket));
    for room in 0..200 {
        let packet = Received { room: RoomId(room), ..speaker.packet(now) };
        let is_taken = voices.insert(&packet).is_ok();
        assert_eq!(is_taken, voices.voices.len() <= VOICES_MAX && voices.voices.contains_key(&packet.remote_track()));
    }
    assert_eq!(voices.voices.len(), VOICES_MAX);
    let packet = Received { room: RoomId(999), ..speaker.packet(now) };
    assert_eq!(voices.insert(&packet), Err(DropReason::ReassemblyFull));
}

#[test]
fn nothing_is_invented_of_somebody_who_has_gone() {
    let mut voices = Voices::new(JitterConfig::default());
    let mut speakers = [Speaker::new(1, 440.0, 0.2), Speaker::new(2, 1000.0, 0.2)];
    let shared = VoiceShared::default();
    hear(&mut voices, &mut speakers, &shared, 1_000);
    voices.end(RoomId(2), None);
    voices.end(RoomId(1), Some(Slot(1)));
    let [_, speaker] = speakers;
    let one = hear(&mut voices, &mut [speaker], &shared, 2_000);
    assert!(power_at(&one, 440.0) < 1e-6 && power_at(&one, 1000.0) > 0.005);
    assert_eq!(voices.figures().map(|(track, _)| track.1).collect::<Vec<_>>(), [Slot(2)]);
    voices.end(RoomId(1), None);
    let mut concealed = 0;
    for block in 0..10u64 {
        let now = Instant::from_micros((3_000 + block * 10) * 1000);
        voices.pull(now, &shared, |_, _, pulled| concealed += u32::from(pulled.kind == PulledKind::Concealed));
    }
    assert!(voices.is_empty() && concealed <= 1, "{concealed}");
}
