//! The JPEGs of a folder.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use hph_core::limits::FRAME_MAX_BYTES;

use super::{CameraFormat, CameraSource, Captured, CapturedImage, FileOptions, check_jpeg, frame_pacer, invalid};
use crate::pacer::Pacer;

/// Plays the JPEGs of a folder (`*.jpg`, `*.jpeg`) in the order of their names.
///
/// **Bound:** the names are kept, and one picture at a time.
#[derive(Debug)]
pub struct FolderSource {
    files: Vec<PathBuf>,
    next: usize,
    format: CameraFormat,
    is_looped: bool,
    pacer: Pacer,
}

impl FolderSource {
    /// Opens the folder at `path`.
    ///
    /// # Errors
    /// What the file system says; `InvalidData` if there is no JPEG in it, or the first one may not be sent.
    pub fn open(path: &Path, options: FileOptions) -> io::Result<Self> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let file = entry?.path();
            if is_jpeg_name(&file) && file.is_file() {
                files.push(file);
            }
        }
        files.sort();
        let first = files.first().ok_or_else(|| invalid(&path.display().to_string(), "there is no JPEG in it"))?;
        let info = check_jpeg(&mut read_bounded(first)?, None, &first.display().to_string())?;
        let format = CameraFormat { width: info.width, height: info.height, fps: options.fps.max(1) };
        Ok(Self {
            files,
            next: 0,
            format,
            is_looped: options.is_looped,
            pacer: frame_pacer(options.fps, options.pacing),
        })
    }
}

impl CameraSource for FolderSource {
    fn format(&self) -> CameraFormat {
        self.format
    }

    fn next_frame(&mut self) -> io::Result<Option<Captured>> {
        if self.next == self.files.len() && self.is_looped {
            self.next = 0;
        }
        let Some(file) = self.files.get(self.next) else {
            return Ok(None);
        };
        let mut jpeg = read_bounded(file)?;
        check_jpeg(&mut jpeg, Some(self.format), &file.display().to_string())?;
        self.next += 1;
        Ok(Some(Captured { at: self.pacer.wait(1), image: CapturedImage::Jpeg(jpeg) }))
    }
}

fn is_jpeg_name(path: &Path) -> bool {
    let is_jpeg = |e: &std::ffi::OsStr| e.eq_ignore_ascii_case("jpg") || e.eq_ignore_ascii_case("jpeg");
    path.extension().is_some_and(is_jpeg)
}

/// A file's bytes, at most one more than a frame may have: the gate refuses those.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FRAME_MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::open_file;
    use crate::jpeg::JpegEncoder;
    use crate::pacer::Pacing;
    use crate::picture::Picture;
    use crate::test_files::TestDir;

    const OPTIONS: FileOptions = FileOptions { fps: 10, is_looped: false, pacing: Pacing::Unpaced };

    fn write(dir: &TestDir, name: &str, width: u16) -> Vec<u8> {
        let mut out = Vec::new();
        JpegEncoder::new().encode(&Picture::black(width, 16), 70, &mut out).unwrap();
        std::fs::write(dir.path().join(name), &out).unwrap();
        out
    }

    #[test]
    fn pictures_come_in_the_order_of_their_names() {
        let dir = TestDir::new("folder-order");
        let last = write(&dir, "c.jpg", 16);
        write(&dir, "a.JPG", 16);
        write(&dir, "b.jpeg", 16);
        std::fs::write(dir.path().join("notes.txt"), "no picture").unwrap();
        let mut source = open_file(dir.path(), OPTIONS).unwrap();
        assert_eq!(source.format().fps, 10);
        for _ in 0..2 {
            source.next_frame().unwrap().unwrap();
        }
        let captured = source.next_frame().unwrap().unwrap();
        assert_eq!(captured.image, CapturedImage::Jpeg(last));
        assert_eq!(captured.at.as_micros(), 200_000);
        assert_eq!(source.next_frame().unwrap(), None);
    }

    #[test]
    fn a_looped_folder_starts_again() {
        let dir = TestDir::new("folder-loop");
        write(&dir, "a.jpg", 16);
        let looped = FileOptions { is_looped: true, ..OPTIONS };
        let mut source = FolderSource::open(dir.path(), looped).unwrap();
        assert!((0..5).all(|_| source.next_frame().unwrap().is_some()));
    }

    #[test]
    fn empty_folders_wrong_sides_and_long_files_are_refused_with_words() {
        let dir = TestDir::new("folder-bad");
        let error = FolderSource::open(dir.path(), OPTIONS).unwrap_err();
        assert!(error.to_string().contains("no JPEG"));
        write(&dir, "a.jpg", 16);
        write(&dir, "b.jpg", 32);
        let mut source = FolderSource::open(dir.path(), OPTIONS).unwrap();
        source.next_frame().unwrap();
        let error = source.next_frame().unwrap_err();
        assert!(error.to_string().contains("b.jpg: is 32x16"), "{error}");
        std::fs::write(dir.path().join("a.jpg"), vec![0xFF; FRAME_MAX_BYTES * 2]).unwrap();
        let error = FolderSource::open(dir.path(), OPTIONS).unwrap_err();
        assert!(error.to_string().contains("bytes, allowed"), "{error}");
    }
}
