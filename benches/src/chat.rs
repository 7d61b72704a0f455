//! `bench chat`: a room with a million messages. How long a search, a page of history and a new message take, how large
//! the file is, how long a start takes.
//!
//! The texts are made of Vietnamese syllables with the frequencies of a language (Zipf): a few words are in every third
//! message, most are rare. What is asked for is drawn from the messages themselves, so that it is found.

use std::io;
use std::path::Path;

use hph_core::crypto::drbg::Drbg;
use hph_core::time::Instant;
use hph_load::figure::Report;
use hph_platform::clock::Clock;
use hph_server::store::{DATABASE_FILE, NewEntry, NewMessage, Store, StoreLimits, StoreReader};

/// Messages of the room.
const MESSAGES: u64 = 1_000_000;
/// The same with `--quick`.
const MESSAGES_QUICK: u64 = 50_000;
/// Messages in one transaction while the room is filled.
const FILL_BATCH: u64 = 4096;
/// Look-ups of each kind.
const LOOK_UPS: usize = 400;
/// Messages of a page, and hits of a search.
const PAGE: usize = 50;
/// Words of the language.
const WORDS: usize = 4000;

/// Measures and prints.
///
/// # Errors
/// The disk is full, or the store fails.
pub fn run(report: &Report, is_quick: bool) -> io::Result<()> {
    let count = if is_quick { MESSAGES_QUICK } else { MESSAGES };
    let directory = tempfile::tempdir()?;
    let mut language = Language::new();
    let mut store = open(directory.path())?;
    let room = store.create_room("Nhóm 17", "lan", 0).map_err(io::Error::other)?.id;
    let began = Clock::now();
    fill(&mut store, room, count, &mut language)?;
    let filled_ms = ms_since(began);
    drop(store);
    let bytes = directory.path().join(DATABASE_FILE).metadata()?.len();
    report.say(&format!("{count} messages of 3 to 20 words in one room, written in {:.0} s.", filled_ms / 1000.0));
    report.value("chat.file_bytes_per_message", bytes as f64 / count as f64, "bytes");

    let began = Clock::now();
    let mut store = open(directory.path())?;
    report.value("chat.start", ms_since(began), "ms");

    let reader = store.reader().map_err(io::Error::other)?;
    search(report, &reader, room, &mut language)?;
    page(report, &reader, room, count, &mut language)?;
    append(report, &mut store, room, &mut language)?;
    Ok(())
}

fn open(directory: &Path) -> io::Result<Store> {
    let limits = StoreLimits { messages_per_room: 10_000_000, ..StoreLimits::default() };
    Store::open(directory, limits).map_err(io::Error::other)
}

fn ms_since(began: Instant) -> f64 {
    Clock::now().since(began).as_micros() as f64 / 1000.0
}

fn fill(store: &mut Store, room: u32, count: u64, language: &mut Language) -> io::Result<()> {
    let mut author_ref = 0;
    while author_ref < count {
        let last = (author_ref + FILL_BATCH).min(count);
        let batch: Vec<_> = (author_ref..last).map(|author_ref| language.message(room, author_ref)).collect();
        author_ref = last;
        store.append_all(&batch).into_iter().collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
    }
    Ok(())
}

/// Searches as people make them: a rare word, a frequent one, two words, two that stand together, none that exists.
fn search(report: &Report, reader: &StoreReader, room: u32, language: &mut Language) -> io::Result<()> {
    let mut all = Vec::new();
    for (kind, name) in [
        (Kind::Rare, "rare_word"),
        (Kind::Frequent, "frequent_word"),
        (Kind::TwoWords, "two_words"),
        (Kind::Together, "together"),
        (Kind::Nothing, "nothing"),
        (Kind::Typed, "typed"),
    ] {
        let mut times = Vec::with_capacity(LOOK_UPS);
        for _ in 0..LOOK_UPS {
            let words = language.query(kind);
            let began = Clock::now();
            let hits = reader.search(room, &words, 0, PAGE).map_err(io::Error::other)?;
            for id in hits.ids {
                reader.message(room, id).map_err(io::Error::other)?;
            }
            times.push(ms_since(began));
        }
        report.value(&format!("chat.search.{name}.p95"), quantile(&mut times, 0.95), "ms");
        all.extend(times);
    }
    // What nobody asks for: frequent words in an order that never occurs.
    let words = format!("\"{}\"", language.words[..6].join(" "));
    let began = Clock::now();
    reader.search(room, &words, 0, PAGE).map_err(io::Error::other)?;
    report.value("chat.search.hardest", ms_since(began), "ms");
    report.value("chat.search.p50", quantile(&mut all, 0.5), "ms");
    report.value("chat.search.p95", quantile(&mut all, 0.95), "ms");
    report.value("chat.search.max", quantile(&mut all, 1.0), "ms");
    Ok(())
}

/// Pages anywhere in the history.
fn page(report: &Report, reader: &StoreReader, room: u32, count: u64, language: &mut Language) -> io::Result<()> {
    let mut times = Vec::with_capacity(LOOK_UPS);
    for _ in 0..LOOK_UPS {
        let before = 1 + language.random.next_u64() % count;
        let began = Clock::now();
        reader.history(room, before, PAGE).map_err(io::Error::other)?;
        times.push(ms_since(began));
    }
    report.value("chat.page.p50", quantile(&mut times, 0.5), "ms");
    report.value("chat.page.max", quantile(&mut times, 1.0), "ms");
    Ok(())
}

/// New messages one after the other, each on the disk before the next; beside it, as baseline, the same wait for the disk
/// without a database.
fn append(report: &Report, store: &mut Store, room: u32, language: &mut Language) -> io::Result<()> {
    let mut times = Vec::new();
    for n in 0..LOOK_UPS as u64 {
        let message = language.message(room, u64::MAX - n);
        let began = Clock::now();
        store.append_all(&[message]).into_iter().collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
        times.push(ms_since(began));
    }
    let mut plain = tempfile::tempfile()?;
    let mut synced = Vec::new();
    for _ in 0..LOOK_UPS {
        let began = Clock::now();
        io::Write::write_all(&mut plain, &[0; 4096])?;
        plain.sync_data()?;
        synced.push(ms_since(began));
    }
    report.value("chat.append.p50", quantile(&mut times, 0.5), "ms");
    report.value("chat.append.p99", quantile(&mut times, 0.99), "ms");
    report.value("chat.append.max", quantile(&mut times, 1.0), "ms");
    report.value("chat.disk.p50", quantile(&mut synced, 0.5), "ms");
    report.value("chat.disk.p99", quantile(&mut synced, 0.99), "ms");
    Ok(())
}

fn quantile(times: &mut [f64], at: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    let last = times.len().saturating_sub(1);
    times.get((last as f64 * at).ceil() as usize).copied().unwrap_or(f64::NAN)
}

#[derive(Clone, Copy)]
enum Kind {
    Rare,
    Frequent,
    TwoWords,
    Together,
    Nothing,
    /// As people type: two words without their accents, drawn as they are used.
    Typed,
}

/// Words, the more frequent ones first.
struct Language {
    words: Vec<String>,
    /// Frequencies added up.
    weights: Vec<f64>,
    random: Drbg,
}

impl Language {
    fn new() -> Self {
        let onsets = [
            "", "b", "c", "ch", "d", "đ", "g", "gi", "h", "kh", "l", "m", "n", "ng", "nh", "ph", "qu", "s", "t", "th",
            "tr", "v", "x",
        ];
        let rimes = [
            "a", "à", "á", "ả", "ã", "ạ", "ai", "ại", "an", "ạn", "anh", "ao", "ât", "ất", "ê", "ế", "ề", "iên", "iện",
            "iều", "o", "ó", "ọ", "oan", "oán", "ô", "ổ", "ông", "ộng", "ơ", "ờ", "ời", "u", "ủ", "ung", "úng", "ư",
            "ử", "ương", "ường",
        ];
        let mut random = Drbg::from_seed([17; 32]);
        let mut words: Vec<String> =
            onsets.iter().flat_map(|onset| rimes.iter().map(move |rime| format!("{onset}{rime}"))).collect();
        // Names and foreign words: everything else that people write.
        words.extend((words.len()..WORDS).map(|n| format!("từ{n}")));
        for at in (1..words.len()).rev() {
            words.swap(at, random.next_u64() as usize % (at + 1));
        }
        let mut sum = 0.0;
        let weights = (0..words.len()).map(|rank| {
            sum += 1.0 / (rank as f64 + 2.7);
            sum
        });
        Self { weights: weights.collect(), words, random }
    }

    fn word(&mut self) -> usize {
        let total = self.weights.last().copied().unwrap_or(1.0);
        let at = self.random.next_u32() as f64 / f64::from(u32::MAX) * total;
        self.weights.partition_point(|weight| *weight < at).min(self.words.len() - 1)
    }

    fn text(&mut self) -> String {
        let words = 3 + self.random.next_u32() % 18;
        let words: Vec<usize> = (0..words).map(|_| self.word()).collect();
        words.into_iter().map(|word| self.words[word].as_str()).collect::<Vec<_>>().join(" ")
    }

    fn message(&mut self, room: u32, author_ref: u64) -> NewEntry {
        let author = format!("người{}", self.random.next_u32() % 20);
        let text = self.text();
        NewEntry::Message(NewMessage {
            room,
            author_name: author.clone(),
            author,
            author_ref,
            time_ms: author_ref,
            text,
        })
    }

    fn query(&mut self, kind: Kind) -> String {
        let text = self.text();
        let words: Vec<&str> = text.split(' ').collect();
        let rank = self.random.next_u32() as usize;
        match kind {
            Kind::Rare => self.words[self.words.len() - 1 - rank % 1000].clone(),
            Kind::Frequent => self.words[rank % 10].clone(),
            Kind::TwoWords => format!("{} {}", self.words[rank % 10], self.words[10 + rank / 16 % 90]),
            Kind::Together => format!("\"{} {}\"", words[0], words[1]),
            Kind::Nothing => format!("{} khôngcó{rank}", words[0]),
            Kind::Typed => without_accents(&format!("{} {}", words[0], words[2])),
        }
    }
}

/// As somebody types who is in a hurry.
fn without_accents(text: &str) -> String {
    const PLAIN: [(&str, char); 6] =
        [("àáảãạâấ", 'a'), ("êếề", 'e'), ("óọôổộơờ", 'o'), ("úủưử", 'u'), ("ệ", 'e'), ("đ", 'd')];
    text.chars().map(|c| PLAIN.iter().find(|(of, _)| of.contains(c)).map_or(c, |(_, plain)| *plain)).collect()
}
