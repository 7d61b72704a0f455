//! All figures as text, in OpenMetrics 1.0: counts and times only, no name, no address, nothing that people say.
//!
//! Nothing here is on a packet's way: the relay threads count in variables of their own and show them five times a second.

use std::fmt::Write as _;
use std::rc::Rc;

use hph_core::error::DropReason;
use hph_core::stats::Histogram;
use hph_core::time::Duration;

use crate::hub::Hub;
use crate::relay::RelayFigures;
use crate::store::{DiskState, StoreFigures};

/// Bounds of the buckets: of what takes part of a millisecond, of what crosses networks, and of what waits for a disk.
const FORWARD_US: &[u64] = &[10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 100_000];
const NETWORK_US: &[u64] = &[1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 200_000, 400_000, 1_000_000, 2_000_000];
const DISK_US: &[u64] =
    &[100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];
/// Of shares, in the unit in which loss is recorded: 0.1, 0.5, 1, 2, 5, 10, 20 and 50 %.
const LOSS: &[u64] = &[65, 327, 655, 1310, 3276, 6553, 13_107, 32_768];

/// A unit in which a histogram is shown: its name, and how many of what is recorded make one.
type Unit = (&'static str, f64);
const SECONDS: Unit = ("seconds", 1e6);
const RATIO: Unit = ("ratio", 65_536.0);

/// Everything that is counted.
pub(crate) fn metrics(hub: &Rc<Hub>) -> String {
    let (figures, store) = (hub.figures(), hub.store.figures());
    let mut text = Text::default();
    write_state(&mut text, hub);
    write_relay(&mut text, &figures);
    write_door(&mut text, hub);
    write_store(&mut text, &store);
    let failures = hub.shelf.failures();
    text.one("hph_file_failures", "counter", "Times that the disk failed under a file.", failures as f64);
    text.0.push_str("# EOF\n");
    text.0
}

fn write_state(text: &mut Text, hub: &Rc<Hub>) {
    let (rooms, people) = hub.counts();
    let in_rooms: usize = hub.people_in_rooms().iter().map(|(_, people)| people).sum();
    text.family("hph_build", "info", "The program.");
    text.row("hph_build_info", &format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1.0);
    for (name, help, value) in [
        ("hph_sessions", "People who are signed in.", f64::from(people)),
        ("hph_rooms", "Rooms.", f64::from(rooms)),
        ("hph_participants", "Places in rooms that are taken.", in_rooms as f64),
        ("hph_strangers", "Connections that have not signed in.", hub.strangers.count() as f64),
        ("hph_resident_bytes", "Memory of the process.", resident_bytes() as f64),
        ("hph_open_files", "Files and sockets of the process.", open_files() as f64),
        ("hph_start_time_seconds", "When it began, since 1970.", hub.began_ms as f64 / 1e3),
    ] {
        text.one(name, "gauge", help, value);
    }
}

fn write_relay(text: &mut Text, figures: &RelayFigures) {
    let repair = &figures.repair;
    for (name, help, value) in [
        ("hph_datagrams_received", "Datagrams of any kind that came over the network.", figures.received.0),
        ("hph_received_bytes", "Their content.", figures.received.1),
        ("hph_datagrams_forwarded", "Media datagrams that were sent on.", figures.forwarded),
        ("hph_sent_bytes", "Content of the datagrams that were sent.", figures.sent_bytes),
        ("hph_datagrams_not_sent", "Datagrams that the socket did not take.", figures.not_sent),
        ("hph_datagrams_handed_over", "From one relay thread to another.", figures.handed_over),
        ("hph_datagrams_not_handed_over", "Those that found no room on their way.", figures.not_handed_over),
        ("hph_datagrams_tunnelled", "Datagrams inside control connections.", figures.tunnelled),
        ("hph_packets_resent", "Lost packets that were sent again.", repair.resent),
        ("hph_packets_asked", "Lost packets that senders were asked for.", repair.asked),
        ("hph_packets_policed", "Packets that were held back for a voice's sake.", repair.policed),
        ("hph_parity_sent", "Packets that make lost ones again.", repair.parity_sent),
    ] {
        text.one(name, "counter", help, value as f64);
    }
    text.family("hph_drops", "counter", "Datagrams that were dropped, by reason.");
    for reason in DropReason::ALL {
        let count = figures.drops.iter().find(|(name, _)| *name == reason.name()).map_or(0, |(_, count)| *count);
        text.row("hph_drops_total", &format!("{{reason=\"{}\"}}", reason.name()), count as f64);
    }
    let help = "From the arrival of a batch to the last receiver's send, for each datagram sent on.";
    text.histogram("hph_forward", help, SECONDS, FORWARD_US, &figures.forward);
    let help = "Round trips between the server and clients, as they report them.";
    text.histogram("hph_client_round_trip", help, SECONDS, NETWORK_US, &figures.reports.round_trip);
    let help = "Loss on the way to clients in the seconds before each report of theirs.";
    text.histogram("hph_client_loss", help, RATIO, LOSS, &figures.reports.loss);
}

fn write_door(text: &mut Text, hub: &Rc<Hub>) {
    for (name, help, value) in [
        ("hph_sign_in_attempts", "Attempts to sign in by password.", hub.sign_in_attempts.get()),
        ("hph_strangers_turned_away", "Connections for which there was no place.", hub.turned_away.get()),
        ("hph_accept_failures", "Times that no connection could be taken.", hub.accept_failures.get()),
    ] {
        text.one(name, "counter", help, value as f64);
    }
    text.family("hph_sign_in_failures", "counter", "Attempts of any kind that were refused, by reason.");
    for (reason, count) in &*hub.sign_in_failures.borrow() {
        text.row("hph_sign_in_failures_total", &format!("{{reason=\"{reason}\"}}"), *count as f64);
    }
}

fn write_store(text: &mut Text, store: &StoreFigures) {
    text.family("hph_store_disk", "stateset", "How the disk under the database is.");
    for state in DiskState::ALL {
        let is_it = f64::from(u8::from(state == store.disk));
        text.row("hph_store_disk", &format!("{{hph_store_disk=\"{}\"}}", state.name()), is_it);
    }
    for (name, help, value) in [
        ("hph_store_disk_full", "Times that the disk was found full.", store.found_full),
        ("hph_store_disk_failures", "Times that the disk failed under the database.", store.failures),
        ("hph_store_reopened", "Times that the database was opened anew after that.", store.reopened),
    ] {
        text.one(name, "counter", help, value as f64);
    }
    let help = "Until messages that were stored together were on the disk.";
    text.histogram("hph_store_commit", help, SECONDS, DISK_US, &store.commit);
    text.histogram("hph_store_search", "Finding messages by their words.", SECONDS, DISK_US, &store.search);
    text.histogram("hph_store_look_up", "Everything else that is looked up.", SECONDS, DISK_US, &store.look_up);
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# TYPE {name} {kind}");
        if let Some(unit) = ["seconds", "bytes", "ratio"].iter().find(|unit| name.ends_with(&format!("_{unit}"))) {
            let _ = writeln!(self.0, "# UNIT {name} {unit}");
        }
        let _ = writeln!(self.0, "# HELP {name} {help}");
    }

    fn row(&mut self, name: &str, labels: &str, value: f64) {
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    /// A family of one sample.
    fn one(&mut self, name: &str, kind: &str, help: &str, value: f64) {
        self.family(name, kind, help);
        let suffix = if kind == "counter" { "_total" } else { "" };
        self.row(&format!("{name}{suffix}"), "", value);
    }

    fn histogram(&mut self, name: &str, help: &str, (unit, scale): Unit, bounds: &[u64], histogram: &Histogram) {
        let name = format!("{name}_{unit}");
        self.family(&name, "histogram", help);
        for bound in bounds {
            let count = histogram.up_to(Duration::from_micros(*bound));
            // As short as it is exact enough: the bound itself is no measurement.
            let bound = format!("{:.5}", *bound as f64 / scale);
            let bound = bound.trim_end_matches('0').trim_end_matches('.');
            self.row(&format!("{name}_bucket"), &format!("{{le=\"{bound}\"}}"), count as f64);
        }
        self.row(&format!("{name}_bucket"), "{le=\"+Inf\"}", histogram.total() as f64);
        self.row(&format!("{name}_count"), "", histogram.total() as f64);
        self.row(&format!("{name}_sum"), "", histogram.sum().as_micros() as f64 / scale);
    }
}

/// Memory that the process has; 0 where the system does not say.
fn resident_bytes() -> u64 {
    let page_bytes = rustix::param::page_size() as u64;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).map_or(0, |pages| pages * page_bytes)
}

/// What it has open, of which there is a limit; 0 where the system does not say.
fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_is_cumulative_and_its_bounds_are_short() {
        let (mut text, mut histogram) = (Text::default(), Histogram::default());
        for us in [30, 60, 7000] {
            histogram.record(Duration::from_micros(us));
        }
        text.histogram("x", "So long.", SECONDS, &[50, 1000], &histogram);
        let rows = "# TYPE x_seconds histogram\n# UNIT x_seconds seconds\n# HELP x_seconds So long.\n\
            x_seconds_bucket{le=\"0.00005\"} 1\nx_seconds_bucket{le=\"0.001\"} 2\n\
            x_seconds_bucket{le=\"+Inf\"} 3\nx_seconds_count 3\nx_seconds_sum 0.00709\n";
        assert_eq!(text.0, rows);
    }
}
