//! `bench core`: instructions per packet of every stage of the core, compared with a baseline that is kept in the
//! repository. Instructions do not care about neighbours, so a change of three in a hundred is seen on any machine.
//!
//! Each stage runs twice in a process of its own under `valgrind --tool=callgrind`, with few and with many packets; the
//! difference is what the packets cost, without start and preparation.

use std::hint::black_box;
use std::io;
use std::process::Command;

use hph_core::crypto::hop::{Direction, HopHeader, HopOpener, HopSealer};
use hph_core::crypto::sframe::{ReceiverKey, SenderKey, SframeHeader};
use hph_core::limits::{FRAGMENT_PAYLOAD_MAX_BYTES, HOP_HEADER_BYTES, HOP_PREFIX_BYTES, MEDIA_HEADER_BYTES, TAG_BYTES};
use hph_core::media::fragment::Fragment;
use hph_core::media::reassembly::{DEADLINE_DEFAULT, Inserted, Reassembler, ReassemblySlot};
use hph_core::media::track_window::{TrackKey, TrackWindow};
use hph_core::wire::datagram::Kind;
use hph_core::wire::media::MediaLayout;
use hph_load::figure::Report;
use serde_json::{Value, json};

use crate::world::{NOW, World};

/// The command that makes this program run one stage.
pub const COMMAND: &str = "run-a-stage";
/// What is compared with.
const BASELINE: &str = include_str!("../core-baseline.json");
/// Where it is written.
const BASELINE_PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/core-baseline.json");
/// A stage that takes more than this much more fails.
const REGRESSION_MAX: f64 = 0.03;
/// Packets of the two runs.
const FEW: usize = 100;
const MANY: usize = 600;
const FRAGMENTS: u16 = 20;

/// Its name, and what does its work on so many packets.
type Stage = (&'static str, fn(usize));

const STAGES: [Stage; 7] = [
    ("parse", parse),
    ("verify", verify),
    ("forward_1_to_8", forward),
    ("hop_seal", hop_seal),
    ("seal_end_to_end", seal),
    ("open_end_to_end", open),
    ("reassemble", reassemble),
];

/// Runs one stage; for valgrind.
///
/// # Errors
/// There is no such stage.
pub fn run_stage(arguments: &[&str]) -> io::Result<()> {
    let stage = arguments.get(1).and_then(|name| STAGES.iter().find(|stage| stage.0 == *name));
    let count = arguments.get(2).and_then(|count| count.parse().ok());
    let ((_, work), count) = stage.zip(count).ok_or_else(|| io::Error::other("there is no such stage"))?;
    work(count);
    Ok(())
}

/// Measures, prints, compares. With `is_written` what was measured becomes the baseline.
///
/// # Errors
/// There is no valgrind; or a stage takes more instructions than the baseline allows.
pub fn run(report: &mut Report, is_written: bool) -> io::Result<()> {
    let baseline: Value = serde_json::from_str(BASELINE)?;
    let here = json!({ "architecture": std::env::consts::ARCH, "compiler": compiler() });
    let is_comparable = baseline["machine"]["architecture"] == here["architecture"];
    let (mut stages, mut worse) = (serde_json::Map::new(), Vec::new());
    for (name, _) in STAGES {
        let per_packet = (instructions(name, MANY)? - instructions(name, FEW)?) / (MANY - FEW) as f64;
        report.value(&format!("core.{name}.instructions"), per_packet, "1/packet");
        stages.insert(name.to_owned(), json!(per_packet.round()));
        if let Some(before) = baseline["stages"][name].as_f64().filter(|_| is_comparable) {
            let change = per_packet / before - 1.0;
            report.value(&format!("core.{name}.change"), change * 100.0, "%");
            if change > REGRESSION_MAX {
                worse.push(format!("{name}: {per_packet:.0} instead of {before:.0} instructions"));
            }
        }
    }
    if is_written {
        let text = serde_json::to_string_pretty(&json!({ "machine": here, "stages": stages }))?;
        return std::fs::write(BASELINE_PATH, text + "\n");
    }
    if !is_comparable {
        report.say("The baseline is of another architecture: nothing was compared.");
    } else if baseline["machine"] != here {
        report.say(&format!("The baseline is of {}, this is {}.", baseline["machine"]["compiler"], here["compiler"]));
    }
    if worse.is_empty() {
        Ok(())
    } else {
        Err(io::Error::other(format!("slower than the baseline: {}", worse.join("; "))))
    }
}

/// Instructions of a whole run.
fn instructions(stage: &str, packets: usize) -> io::Result<f64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(std::env::current_exe()?);
    let missing = |error| io::Error::other(format!("valgrind does not run (scripts/setup bench installs it): {error}"));
    let output = valgrind.args([COMMAND, stage, &packets.to_string()]).output().map_err(missing)?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split("Collected :").nth(1));
    let number = collected.and_then(|number| number.trim().parse().ok());
    number.filter(|_| output.status.success()).ok_or_else(|| io::Error::other(format!("valgrind says: {said}")))
}

fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

/// A datagram of the largest size.
fn datagram() -> Vec<u8> {
    World::new(1, 2).seal(0, 1200).1
}

fn parse(count: usize) {
    let datagram = datagram();
    for _ in 0..count {
        let datagram = black_box(&datagram);
        let _ = black_box(HopHeader::parse(datagram));
        let _ = black_box(MediaLayout::parse(&datagram[HOP_PREFIX_BYTES..]));
    }
}

/// The bytes of a media packet that the hop seal covers.
const CLEAR_BYTES: usize = MEDIA_HEADER_BYTES + 4 + TAG_BYTES;

fn verify(count: usize) {
    let mut sealer = HopSealer::new(&[1; 32], 5, Direction::ClientToServer);
    let clear = [9; CLEAR_BYTES];
    let sealed: Vec<_> = (0..MANY).map(|_| sealer.seal_clear(NOW, Kind::Media as u8, &clear)).collect();
    let mut opener = HopOpener::new(&[1; 32], 5, Direction::ClientToServer);
    for prefix in sealed.into_iter().take(count).flatten() {
        let header = HopHeader::parse(black_box(&prefix)).expect("a whole header");
        let tag = prefix[HOP_HEADER_BYTES..].try_into().expect("a whole tag");
        black_box(opener.open_clear(NOW, &header, tag, black_box(&clear))).expect("a tag that fits");
    }
}

fn forward(count: usize) {
    let mut world = World::new(1, 9);
    let mut sealed: Vec<_> = (0..MANY).map(|_| world.seal(0, 1200)).collect();
    for packet in sealed.iter_mut().take(count) {
        world.forward(black_box(packet));
    }
}

fn hop_seal(count: usize) {
    let mut sealer = HopSealer::new(&[1; 32], 5, Direction::ServerToClient);
    for _ in 0..count {
        let _ = black_box(sealer.seal_clear(NOW, Kind::Media as u8, black_box(&[9; CLEAR_BYTES])));
    }
}

fn seal(count: usize) {
    let mut key = SenderKey::new(&[1; 32], 7);
    let mut body = [5; FRAGMENT_PAYLOAD_MAX_BYTES];
    for _ in 0..count {
        let _ = black_box(key.seal(&[3; MEDIA_HEADER_BYTES], black_box(&mut body), &mut [0; 17]));
    }
}

fn open(count: usize) {
    let (mut sender, mut receiver) = (SenderKey::new(&[1; 32], 7), ReceiverKey::new(&[1; 32], 7));
    let metadata = [3; MEDIA_HEADER_BYTES];
    let seal = |_| {
        let (mut body, mut header) = (vec![5; FRAGMENT_PAYLOAD_MAX_BYTES], [0; 17]);
        let (len, tag) = sender.seal(&metadata, &mut body, &mut header).expect("a fresh key");
        (header[..len].to_vec(), tag, body)
    };
    let sealed: Vec<_> = (0..MANY).map(seal).collect();
    for (header, tag, mut body) in sealed.into_iter().take(count) {
        let (parsed, _) = SframeHeader::parse(&header).expect("a whole header");
        black_box(receiver.open(&parsed, &header, &metadata, &tag, &mut body)).expect("a tag that fits");
    }
}

fn reassemble(count: usize) {
    let (mut slots, mut tracks) = ([ReassemblySlot::EMPTY; 4], [TrackWindow::EMPTY; 4]);
    let mut memory = vec![0; 4 * usize::from(FRAGMENTS) * FRAGMENT_PAYLOAD_MAX_BYTES];
    let mut reassembler = Reassembler::new(&mut slots, &mut memory, &mut tracks, DEADLINE_DEFAULT);
    let (key, payload) = (TrackKey { room: 1, sender: 2, track: 1, layer: 0 }, [7; FRAGMENT_PAYLOAD_MAX_BYTES]);
    for at in 0..count {
        let (frame, index) = ((at / usize::from(FRAGMENTS)) as u32, (at % usize::from(FRAGMENTS)) as u16);
        let fragment = Fragment { frame, index, count: FRAGMENTS, timestamp: frame, payload: black_box(&payload) };
        if let Ok(Inserted::Complete(whole)) = reassembler.insert(NOW, key, &fragment) {
            black_box(reassembler.frame(&whole).map(|frame| frame.bytes.len()));
            reassembler.release(whole);
        }
    }
}
