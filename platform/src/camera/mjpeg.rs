//! A file of concatenated JPEGs.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use hph_core::limits::FRAME_MAX_BYTES;

use super::{CameraFormat, CameraSource, Captured, CapturedImage, FileOptions, check_jpeg, frame_pacer, invalid};
use crate::jpeg::jpeg_len_bytes;
use crate::pacer::Pacer;

/// Plays a file of concatenated JPEGs. Their ends are found by walking the markers forward: an end marker may also occur
/// inside a segment.
///
/// **Bound:** memory for one frame of at most [`FRAME_MAX_BYTES`], whatever the file's length.
#[derive(Debug)]
pub struct MjpegSource {
    file: File,
    name: String,
    format: CameraFormat,
    is_looped: bool,
    /// Bytes that were read and not delivered yet, from the start of a JPEG on.
    ahead: Vec<u8>,
    frames: u64,
    pacer: Pacer,
}

impl MjpegSource {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// What the file system says; `InvalidData` if its first frame is no JPEG that may be sent.
    pub fn open(path: &Path, options: FileOptions) -> io::Result<Self> {
        let mut source = Self {
            file: File::open(path)?,
            name: path.display().to_string(),
            format: CameraFormat { width: 0, height: 0, fps: options.fps.max(1) },
            is_looped: options.is_looped,
            ahead: Vec::new(),
            frames: 0,
            pacer: frame_pacer(options.fps, options.pacing),
        };
        let mut first = source.read_jpeg()?.ok_or_else(|| invalid(&source.name, "there is no picture in it"))?;
        let info = check_jpeg(&mut first, None, &source.place())?;
        source.format.width = info.width;
        source.format.height = info.height;
        source.rewind()?;
        Ok(source)
    }

    fn place(&self) -> String {
        format!("{}, frame {}", self.name, self.frames)
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.ahead.clear();
        self.frames = 0;
        self.file.rewind()
    }

    /// The next JPEG of the file; none at its end.
    fn read_jpeg(&mut self) -> io::Result<Option<Vec<u8>>> {
        let room = FRAME_MAX_BYTES.saturating_sub(self.ahead.len());
        self.file.by_ref().take(room as u64).read_to_end(&mut self.ahead)?;
        if self.ahead.is_empty() {
            return Ok(None);
        }
        let len = jpeg_len_bytes(&self.ahead).map_err(|error| invalid(&self.place(), error))?;
        match len {
            Some(len) => {
                self.frames += 1;
                let rest = self.ahead.split_off(len);
                Ok(Some(std::mem::replace(&mut self.ahead, rest)))
            }
            None if self.ahead.len() >= FRAME_MAX_BYTES => {
                let why = format!("longer than {FRAME_MAX_BYTES} bytes");
                Err(invalid(&self.place(), why))
            }
            None => Err(invalid(&self.place(), "the file ends within a picture")),
        }
    }
}

impl CameraSource for MjpegSource {
    fn format(&self) -> CameraFormat {
        self.format
    }

    fn next_frame(&mut self) -> io::Result<Option<Captured>> {
        let mut next = self.read_jpeg()?;
        if next.is_none() && self.is_looped {
            self.rewind()?;
            next = self.read_jpeg()?;
        }
        let Some(mut jpeg) = next else {
            return Ok(None);
        };
        check_jpeg(&mut jpeg, Some(self.format), &self.place())?;
        Ok(Some(Captured { at: self.pacer.wait(1), image: CapturedImage::Jpeg(jpeg) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::JpegEncoder;
    use crate::pacer::Pacing;
    use crate::picture::Picture;
    use crate::test_files::TestDir;

    const OPTIONS: FileOptions = FileOptions { fps: 25, is_looped: false, pacing: Pacing::Unpaced };

    fn jpeg(width: u16, shade: u8) -> Vec<u8> {
        let mut picture = Picture::black(width, 16);
        picture.rgb.fill(shade);
        let mut out = Vec::new();
        JpegEncoder::new().encode(&picture, 70, &mut out).unwrap();
        out
    }

    /// A JPEG with a comment that holds an end marker and a start marker.
    fn tricky() -> Vec<u8> {
        let plain = jpeg(32, 50);
        let comment = [0xFF, 0xFE, 0, 6, 0xFF, 0xD9, 0xFF, 0xD8];
        [&plain[..2], &comment, &plain[2..]].concat()
    }

    fn open(dir: &TestDir, content: &[u8], options: FileOptions) -> io::Result<MjpegSource> {
        let path = dir.path().join("film.mjpeg");
        std::fs::write(&path, content).unwrap();
        MjpegSource::open(&path, options)
    }

    #[test]
    fn every_jpeg_passes_through_unchanged_and_on_time() {
        let dir = TestDir::new("mjpeg-all");
        let frames = [jpeg(32, 10), tricky(), jpeg(32, 200)];
        let mut source = open(&dir, &frames.concat(), OPTIONS).unwrap();
        let format = CameraFormat { width: 32, height: 16, fps: 25 };
        assert_eq!(source.format(), format);
        for (n, frame) in frames.iter().enumerate() {
            let captured = source.next_frame().unwrap().unwrap();
            assert_eq!(captured.image, CapturedImage::Jpeg(frame.clone()));
            assert_eq!(captured.at.as_micros(), n as u64 * 40_000);
        }
        assert_eq!(source.next_frame().unwrap(), None);
        assert_eq!(source.next_frame().unwrap(), None);
    }

    #[test]
    fn a_long_file_is_read_piece_by_piece_and_looped() {
        let dir = TestDir::new("mjpeg-loop");
        let mut content = Vec::new();
        let mut count = 0;
        while content.len() < 2 * FRAME_MAX_BYTES {
            content.extend(jpeg(640, count as u8));
            count += 1;
        }
        let looped = FileOptions { is_looped: true, ..OPTIONS };
        let mut source = open(&dir, &content, looped).unwrap();
        for n in 0..count + 5 {
            let captured = source.next_frame().unwrap().unwrap();
            let expected = jpeg(640, (n % count) as u8);
            assert!(captured.image == CapturedImage::Jpeg(expected), "frame {n}");
            assert!(source.ahead.len() <= FRAME_MAX_BYTES);
        }
    }

    #[test]
    fn files_that_cannot_be_played_are_refused_with_words() {
        let dir = TestDir::new("mjpeg-bad");
        let words = |content: &[u8]| {
            let mut source = match open(&dir, content, OPTIONS) {
                Ok(source) => source,
                Err(error) => return error.to_string(),
            };
            loop {
                match source.next_frame() {
                    Ok(Some(_)) => {}
                    Ok(None) => return "played".into(),
                    Err(error) => return error.to_string(),
                }
            }
        };
        assert!(words(b"").contains("no picture"));
        assert!(words(b"not a film").contains("start marker"));
        let good = jpeg(32, 1);
        assert!(words(&good[..good.len() - 3]).contains("ends within"));
        let cut = [&good[..], &good[..40]].concat();
        assert!(words(&cut).contains("frame 1: the file ends within"));
        assert!(words(&[good.clone(), jpeg(48, 1)].concat()).contains("is 48x16, the first one was 32x16"));
        let mut progressive = good.clone();
        let sof = progressive.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
        progressive[sof + 1] = 0xC2;
        assert!(words(&progressive).contains("baseline"));
        let endless = [&good[..good.len() - 2], &vec![1; FRAME_MAX_BYTES]].concat();
        assert!(words(&endless).contains("longer than"));
    }
}
