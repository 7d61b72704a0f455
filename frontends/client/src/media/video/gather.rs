//! Strips of one track, gathered into the picture that is shown.

use hph_core::error::DropReason;
use hph_core::time::{Duration, Instant};
use hph_platform::picture::Picture;
use hph_platform::video::StripDecoder;

use crate::engine::IncomingStrip;
use crate::media::receive::Announcement;

/// A picture is shown this long after the strip that came last, whatever is missing in it ...
const PATIENCE: Duration = Duration::from_millis(40);
/// ... and later if its strips come one by one or pictures are far apart, but not later than this: senders spread what a
/// narrow way can't take at once, and whoever sees five pictures a second would rather see them whole.
const PATIENCE_MAX: Duration = Duration::from_millis(150);

/// One strip, as it came.
#[derive(Clone, Debug)]
pub(in crate::media) struct ArrivedStrip {
    /// Number of its frame.
    pub frame: u32,
    /// Capture time on the media clock.
    pub timestamp: u32,
    /// Strips of its frame.
    pub count: u16,
    /// The strip.
    pub bytes: Vec<u8>,
    /// When it came.
    pub at: Instant,
    /// How long it waited for its sound since.
    pub held: Duration,
}

impl From<&IncomingStrip<'_>> for ArrivedStrip {
    fn from(strip: &IncomingStrip<'_>) -> Self {
        Self {
            frame: strip.frame,
            timestamp: strip.timestamp,
            count: strip.count,
            bytes: strip.bytes.to_vec(),
            at: strip.at,
            held: Duration::ZERO,
        }
    }
}

/// The strips of the newest frame, while they come.
#[derive(Clone, Copy, Debug)]
struct Open {
    first_at: Instant,
    /// Time since the first strip of the frame before.
    between: Duration,
    strips: Gathered,
}

impl Open {
    /// When it is shown whatever is missing.
    fn due_at(&self) -> Instant {
        let patience_us = PATIENCE.as_micros().max(self.between.as_micros() / 3) + 2 * self.strips.gathered.as_micros();
        self.strips.last_at + Duration::from_micros(patience_us).min(PATIENCE_MAX)
    }
}

/// A picture as it is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::media) struct Gathered {
    /// Its frame.
    pub frame: u32,
    /// Its capture time on the media clock.
    pub timestamp: u32,
    /// Strips that were there.
    pub strips: u16,
    /// Strips that it has.
    pub count: u16,
    /// Their bytes.
    pub bytes: usize,
    /// Blocks that they brought.
    pub blocks: usize,
    /// From its first strip to its last one.
    pub gathered: Duration,
    /// When the last one came.
    pub last_at: Instant,
    /// How long it waited for its sound.
    pub held: Duration,
    /// How long decoding took, of all strips together.
    pub decoding: Duration,
    /// Share of the picture that is not as it should be, 0 to 1: estimated, since nobody knows what was in a strip that did
    /// not come; as many blocks as in the others.
    pub stale: f32,
}

/// A track that comes as strips.
#[derive(Debug)]
pub(in crate::media) struct StripTrack {
    decoder: StripDecoder,
    announced: Announcement,
    open: Option<Open>,
    shown: Option<u32>,
    /// When the first strip of the newest frame came.
    began_at: Option<Instant>,
}

impl StripTrack {
    /// A track of pictures that are at most as large as was announced.
    pub fn new(announced: Announcement) -> Self {
        let (width, height) = announced.size;
        Self { decoder: StripDecoder::new(width, height), announced, open: None, shown: None, began_at: None }
    }

    /// What was announced.
    pub const fn announced(&self) -> Announcement {
        self.announced
    }

    /// Puts a strip into the picture, and gives what was shown until now if the strip begins a newer frame.
    ///
    /// # Errors
    /// As [`StripDecoder::handle`].
    pub fn handle(
        &mut self,
        strip: &ArrivedStrip,
        clock: impl Fn() -> Instant,
    ) -> Result<Option<Gathered>, DropReason> {
        let began = clock();
        let blocks = self.decoder.handle(strip.frame, &strip.bytes)?;
        let decoding = clock().since(began);
        let newest = self.open.map(|open| open.strips.frame).or(self.shown);
        let is_newer = newest.is_none_or(|newest| (strip.frame.wrapping_sub(newest) as i32) > 0);
        let mut overtaken = None;
        if is_newer {
            overtaken = self.close();
            let between = self.began_at.replace(strip.at).map_or(Duration::ZERO, |before| strip.at.since(before));
            self.open = Some(Open {
                first_at: strip.at,
                between,
                strips: Gathered {
                    frame: strip.frame,
                    timestamp: strip.timestamp,
                    strips: 0,
                    count: strip.count,
                    bytes: 0,
                    blocks: 0,
                    gathered: Duration::ZERO,
                    last_at: strip.at,
                    held: strip.held,
                    decoding: Duration::ZERO,
                    stale: 0.0,
                },
            });
        }
        // A strip of an older frame has patched the picture, that is all.
        if let Some(open) = self.open.as_mut().filter(|open| open.strips.frame == strip.frame) {
            let shown = &mut open.strips;
            shown.strips = shown.strips.saturating_add(1);
            shown.bytes += strip.bytes.len();
            shown.blocks += blocks;
            (shown.last_at, shown.held) = (strip.at, strip.held);
            shown.gathered = strip.at.since(open.first_at);
            shown.decoding = Duration::from_micros(shown.decoding.as_micros() + decoding.as_micros());
        }
        Ok(overtaken)
    }

    /// When the picture is to be shown whatever is missing; none if there is nothing new.
    pub fn deadline(&self) -> Option<Instant> {
        self.open.map(|open| open.due_at())
    }

    /// What is to be shown now: a frame of which every strip came, or whose time is up.
    pub fn due(&mut self, now: Instant) -> Option<Gathered> {
        let open = self.open?;
        let is_due = open.strips.strips >= open.strips.count || now >= open.due_at();
        if is_due { self.close() } else { None }
    }

    /// Ends the frame whose strips are coming.
    pub fn close(&mut self) -> Option<Gathered> {
        let Open { mut strips, .. } = self.open.take()?;
        let missing = strips.count.saturating_sub(strips.strips);
        let blocks = self.decoder.block_count().max(1) as f32;
        let lost = strips.blocks as f32 * f32::from(missing) / f32::from(strips.strips.max(1));
        strips.stale = (lost / blocks).min(1.0).max(self.decoder.missing());
        self.shown = Some(strips.frame);
        Some(strips)
    }

    /// The picture as it is now.
    pub fn picture(&mut self) -> &Picture {
        self.decoder.picture()
    }
}

#[cfg(test)]
mod tests {
    use hph_platform::video::{StripEncoder, StripFrame, StripParams};

    use super::*;

    /// Strips of pictures that change everywhere.
    struct Sender {
        encoder: StripEncoder,
        frame: u32,
    }

    impl Sender {
        fn next(&mut self) -> Vec<ArrivedStrip> {
            self.frame += 1;
            let mut picture = Picture::black(320, 192);
            for (at, value) in picture.rgb.iter_mut().enumerate() {
                *value = (at * 7 / 3) as u8 ^ (self.frame * 85) as u8;
            }
            let at = Instant::from_micros(u64::from(self.frame) * 100_000);
            let mut out = StripFrame::default();
            self.encoder.encode(at, self.frame, &picture, &StripParams::default(), &mut out).unwrap();
            let count = out.strips.len() as u16;
            assert!(count > 2);
            let strip = |range: &std::ops::Range<usize>| ArrivedStrip {
                frame: self.frame,
                timestamp: self.frame * 9000,
                count,
                bytes: out.bytes[range.clone()].to_vec(),
                at,
                held: Duration::ZERO,
            };
            out.strips.iter().map(strip).collect()
        }
    }

    fn of_size(width: u16, height: u16) -> Announcement {
        Announcement { size: (width, height), member: 1 }
    }

    fn sender() -> (Sender, StripTrack) {
        (Sender { encoder: StripEncoder::new(), frame: 0 }, StripTrack::new(of_size(320, 192)))
    }

    fn still() -> Instant {
        Instant::default()
    }

    #[test]
    fn pictures_that_are_far_apart_wait_longer_for_their_strips() {
        let (mut sender, mut track) = sender();
        track.handle(&sender.next()[0], still).unwrap();
        sender.frame += 2;
        let strips = sender.next();
        track.handle(&strips[0], still).unwrap();
        assert_eq!(track.deadline(), Some(strips[0].at + Duration::from_millis(100)));
        sender.frame += 20;
        let strips = sender.next();
        track.handle(&strips[0], still).unwrap();
        assert_eq!(track.deadline(), Some(strips[0].at + PATIENCE_MAX));
    }

    #[test]
    fn a_picture_is_shown_when_its_last_strip_is_there() {
        let (mut sender, mut track) = sender();
        let strips = sender.next();
        let (last, others) = strips.split_last().unwrap();
        for strip in others {
            assert_eq!(track.handle(strip, still), Ok(None));
            assert_eq!(track.due(strip.at), None);
        }
        track.handle(last, still).unwrap();
        let shown = track.due(last.at).unwrap();
        assert_eq!((shown.frame, shown.strips, shown.count, shown.blocks), (1, last.count, last.count, 240));
        assert_eq!((shown.stale, shown.timestamp), (0.0, 9000));
        assert_eq!((track.due(last.at), track.deadline()), (None, None), "once");
    }

    #[test]
    fn a_picture_with_a_gap_is_shown_when_its_time_is_up_or_a_newer_one_comes() {
        let (mut sender, mut track) = sender();
        let first = sender.next();
        first.iter().skip(1).for_each(|strip| assert_eq!(track.handle(strip, still), Ok(None)));
        let at = first[1].at;
        assert_eq!(track.deadline(), Some(at + PATIENCE));
        assert_eq!(track.due(at), None);
        let shown = track.due(at + PATIENCE).unwrap();
        assert_eq!((shown.strips, shown.count), (first[0].count - 1, first[0].count));
        assert!(shown.stale > 0.0 && shown.stale < 0.5, "{}", shown.stale);

        let second = sender.next();
        track.handle(&second[0], still).unwrap();
        let third = sender.next();
        let overtaken = track.handle(&third[0], still).unwrap().unwrap();
        assert_eq!((overtaken.frame, overtaken.strips), (2, 1));
        assert_eq!(track.handle(&second[1], still), Ok(None), "it patches, and shows nothing by itself");
        assert_eq!(track.deadline(), Some(third[0].at + PATIENCE));
    }

    #[test]
    fn a_strip_larger_than_announced_is_refused_and_shows_nothing() {
        let (mut sender, _) = sender();
        let mut track = StripTrack::new(of_size(319, 192));
        assert_eq!(track.handle(&sender.next()[0], still), Err(DropReason::StripSize));
        assert_eq!(track.deadline(), None);
    }
}
