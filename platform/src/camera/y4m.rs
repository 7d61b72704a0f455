//! Raw video in a YUV4MPEG2 file.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use hph_core::time::Duration;

use super::{CameraFormat, CameraSource, Captured, CapturedImage, FileOptions, invalid};
use crate::pacer::Pacer;
use crate::picture::{I420, Picture, check_size};

/// Longest line of the file's or a frame's header, in bytes.
const LINE_MAX_BYTES: u64 = 256;
const MAGIC: &str = "YUV4MPEG2";

/// Plays a YUV4MPEG2 file: 4:2:0, 8 bits a sample, at the rate that the file names.
///
/// **Bound:** memory for one picture of allowed size, whatever the file says.
#[derive(Debug)]
pub struct Y4mSource {
    file: BufReader<File>,
    name: String,
    header: Header,
    /// Where the first frame begins.
    first_at: u64,
    is_looped: bool,
    planes: Vec<u8>,
    frames: u64,
    pacer: Pacer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    width: u16,
    height: u16,
    /// Frames per `rate_per` seconds.
    rate: u32,
    rate_per: u32,
    is_full_range: bool,
}

impl Y4mSource {
    /// Opens the file at `path`. The rate in `options` counts only if the file names none.
    ///
    /// # Errors
    /// What the file system says; `InvalidData` if the file is of a form that is not understood or allowed, or empty.
    pub fn open(path: &Path, options: FileOptions) -> io::Result<Self> {
        let name = path.display().to_string();
        let mut file = BufReader::new(File::open(path)?);
        let line = read_line(&mut file)?.unwrap_or_default();
        let header = parse_header(&line, options.fps.max(1)).map_err(|why| invalid(&name, why))?;
        let first_at = file.stream_position()?;
        if file.fill_buf()?.is_empty() {
            return Err(invalid(&name, "there is no picture in it"));
        }
        let luma = usize::from(header.width) * usize::from(header.height);
        Ok(Self {
            file,
            name,
            header,
            first_at,
            is_looped: options.is_looped,
            planes: vec![0; luma + 2 * chroma_len(&header)],
            frames: 0,
            pacer: Pacer::new(options.pacing, header.rate.into(), Duration::from_secs(header.rate_per.into())),
        })
    }

    fn place(&self) -> String {
        format!("{}, frame {}", self.name, self.frames + 1)
    }

    /// Reads the next frame's planes; false at the file's end.
    fn read_planes(&mut self) -> io::Result<bool> {
        let Some(line) = read_line(&mut self.file)? else {
            return Ok(false);
        };
        if line.split(' ').next() != Some("FRAME") {
            return Err(invalid(&self.place(), "does not begin with FRAME"));
        }
        match self.file.read_exact(&mut self.planes) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                Err(invalid(&self.place(), "the file ends within a picture"))
            }
            result => result.map(|()| true),
        }
    }
}

impl CameraSource for Y4mSource {
    fn format(&self) -> CameraFormat {
        let Header { rate, rate_per, .. } = self.header;
        let fps = (rate + rate_per / 2) / rate_per;
        CameraFormat {
            width: self.header.width,
            height: self.header.height,
            fps: u16::try_from(fps.max(1)).unwrap_or(u16::MAX),
        }
    }

    fn next_frame(&mut self) -> io::Result<Option<Captured>> {
        let mut has_frame = self.read_planes()?;
        if !has_frame && self.is_looped {
            self.file.seek(SeekFrom::Start(self.first_at))?;
            self.frames = 0;
            has_frame = self.read_planes()?;
        }
        if !has_frame {
            return Ok(None);
        }
        self.frames += 1;
        let chroma = chroma_len(&self.header);
        let (rest, v) = self.planes.split_at(self.planes.len() - chroma);
        let (y, u) = rest.split_at(rest.len() - chroma);
        let planes = I420 {
            width: self.header.width,
            height: self.header.height,
            y,
            u,
            v,
            is_full_range: self.header.is_full_range,
        };
        let picture = Picture::from_i420(&planes).ok_or_else(|| invalid(&self.name, "no picture"))?;
        Ok(Some(Captured { at: self.pacer.wait(1), image: CapturedImage::Picture(picture) }))
    }
}

fn chroma_len(header: &Header) -> usize {
    usize::from(header.width).div_ceil(2) * usize::from(header.height).div_ceil(2)
}

/// A line of ASCII without its end; none at the end of the file.
fn read_line(file: &mut BufReader<File>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    file.take(LINE_MAX_BYTES).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    match String::from_utf8(line) {
        Ok(text) if text.ends_with('\n') => Ok(Some(text.trim_end().to_owned())),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("no YUV4MPEG2 file: a header is no line of at most {LINE_MAX_BYTES} bytes"),
        )),
    }
}

fn parse_header(line: &str, fps: u16) -> Result<Header, String> {
    let mut fields = line.split(' ');
    if fields.next() != Some(MAGIC) {
        return Err(format!("no {MAGIC} file"));
    }
    let (mut width, mut height) = (0usize, 0usize);
    let (mut rate, mut rate_per) = (u32::from(fps), 1);
    let mut is_full_range = false;
    for field in fields.filter(|field| !field.is_empty()) {
        let wrong = || format!("{field:?} in the header is not understood");
        let (tag, value) = field.split_at_checked(1).ok_or_else(wrong)?;
        match tag {
            "W" => width = value.parse().map_err(|_| wrong())?,
            "H" => height = value.parse().map_err(|_| wrong())?,
            "F" => (rate, rate_per) = parse_rate(value).ok_or_else(wrong)?,
            "I" if !matches!(value, "p" | "?") => return Err("interlaced video is not understood".into()),
            "C" if !matches!(value, "420" | "420jpeg" | "420paldv" | "420mpeg2") => {
                return Err(format!("colour format {value:?}, only 4:2:0 with 8 bits is understood"));
            }
            "X" => is_full_range |= value == "COLORRANGE=FULL",
            _ => {}
        }
    }
    check_size(width, height)?;
    Ok(Header { width: width as u16, height: height as u16, rate, rate_per, is_full_range })
}

/// A rate as `30000:1001`: at most 240 frames a second, at least one in ten seconds.
fn parse_rate(value: &str) -> Option<(u32, u32)> {
    let (rate, per) = value.split_once(':')?;
    let (rate, per): (u32, u32) = (rate.parse().ok()?, per.parse().ok()?);
    let is_sane = rate > 0 && per > 0 && u64::from(rate) <= 240 * u64::from(per) && per / 10 <= rate;
    (is_sane && rate <= 10_000_000).then_some((rate, per))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pacer::Pacing;
    use crate::test_files::TestDir;

    const OPTIONS: FileOptions = FileOptions { fps: 30, is_looped: false, pacing: Pacing::Unpaced };

    /// A film of 3x2 pixels, one shade a frame.
    fn film(header: &str, shades: &[u8]) -> Vec<u8> {
        let mut film = format!("{header}\n").into_bytes();
        for shade in shades {
            film.extend_from_slice(b"FRAME Ip\n");
            film.extend_from_slice(&[*shade; 6]);
            film.extend_from_slice(&[128; 4]);
        }
        film
    }

    fn open(dir: &TestDir, content: &[u8], options: FileOptions) -> io::Result<Y4mSource> {
        let path = dir.path().join("film.y4m");
        std::fs::write(&path, content).unwrap();
        Y4mSource::open(&path, options)
    }

    fn shade(source: &mut Y4mSource) -> Option<(u8, u64)> {
        let captured = source.next_frame().unwrap()?;
        match captured.image {
            CapturedImage::Picture(picture) => Some((picture.rgb[0], captured.at.as_micros())),
            CapturedImage::Jpeg(_) => None,
        }
    }

    #[test]
    fn frames_are_converted_and_timed_by_the_header() {
        let dir = TestDir::new("y4m-play");
        let content = film("YUV4MPEG2 W3 H2 F30000:1001 Ip A1:1 C420jpeg XYSCSS=420JPEG", &[16, 235]);
        let mut source = open(&dir, &content, OPTIONS).unwrap();
        let format = CameraFormat { width: 3, height: 2, fps: 30 };
        assert_eq!(source.format(), format);
        assert_eq!(shade(&mut source), Some((0, 0)));
        assert_eq!(shade(&mut source), Some((255, 33_366)));
        assert_eq!(shade(&mut source), None);
    }

    #[test]
    fn full_range_and_loops_are_kept() {
        let dir = TestDir::new("y4m-loop");
        let looped = FileOptions { is_looped: true, ..OPTIONS };
        let mut source = open(&dir, &film("YUV4MPEG2 H2 W3 XCOLORRANGE=FULL", &[16, 235]), looped).unwrap();
        let shades: Vec<u8> = (0..5).filter_map(|_| shade(&mut source)).map(|(s, _)| s).collect();
        assert_eq!(shades, [16, 235, 16, 235, 16]);
    }

    #[test]
    fn files_that_cannot_be_played_are_refused_with_words() {
        let dir = TestDir::new("y4m-bad");
        for (header, word) in [
            ("RIFF", "YUV4MPEG2"),
            ("YUV4MPEG2 W3", "empty"),
            ("YUV4MPEG2 W3 Hx", "Hx"),
            ("YUV4MPEG2 W1921 H2", "1920x1088"),
            ("YUV4MPEG2 W99999999999 H2", "1920x1088"),
            ("YUV4MPEG2 W3 H2 F0:0", "F0:0"),
            ("YUV4MPEG2 W3 H2 F9999:1", "F9999:1"),
            ("YUV4MPEG2 W3 H2 It", "interlaced"),
            ("YUV4MPEG2 W3 H2 C444", "4:2:0"),
            ("YUV4MPEG2 W3 H2 C420p10", "4:2:0"),
            ("YUV4MPEG2 W3 H2 é", "é"),
            (&"x".repeat(300), "line"),
        ] {
            let error = open(&dir, &film(header, &[1]), OPTIONS).unwrap_err();
            assert!(error.to_string().contains(word), "{header}: {error}");
        }
        let error = open(&dir, b"YUV4MPEG2 W3 H2\n", OPTIONS).unwrap_err();
        assert!(error.to_string().contains("no picture"));
    }

    #[test]
    fn a_broken_frame_is_refused_with_its_number() {
        let dir = TestDir::new("y4m-cut");
        let whole = film("YUV4MPEG2 W3 H2", &[1, 2]);
        let mut source = open(&dir, &whole[..whole.len() - 1], OPTIONS).unwrap();
        assert!(shade(&mut source).is_some());
        let error = source.next_frame().unwrap_err();
        assert!(error.to_string().contains("frame 2: the file ends"), "{error}");
        let other = [&whole[..16], b"FRAMES\n0123456789"].concat();
        let mut source = open(&dir, &other, OPTIONS).unwrap();
        assert!(source.next_frame().unwrap_err().to_string().contains("FRAME"));
    }
}
