//! How good pictures look (VMAF), and what x264 would need for the same.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::clip::Clip;

/// Compares raw files by ffmpeg.
pub struct Judge<'a> {
    ffmpeg: &'a Path,
    clip: &'a Clip,
    original: PathBuf,
}

impl<'a> Judge<'a> {
    /// A judge that compares with this raw RGB file.
    pub const fn new(ffmpeg: &'a Path, clip: &'a Clip, original: PathBuf) -> Self {
        Self { ffmpeg, clip, original }
    }

    /// Mean VMAF of a raw RGB file, 0 to 100.
    ///
    /// # Errors
    /// ffmpeg fails, or has no VMAF.
    pub fn raw(&self, shown: &Path) -> io::Result<f64> {
        self.vmaf(&self.raw_input(shown))
    }

    /// Bytes a frame that x264, given the raw RGB file `input`, in its `veryfast` preset without look-ahead needs for that VMAF, interpolated between
    /// qualities; none if no quality reaches it.
    ///
    /// # Errors
    /// As [`Self::raw`].
    pub fn x264_bytes_per_frame(&self, vmaf: f64, input: &Path, scratch: &Path) -> io::Result<Option<f64>> {
        let path = scratch.join("x264.h264");
        let mut better: Option<(f64, f64)> = None;
        for crf in [18, 21, 24, 27, 30, 33, 36, 40] {
            let mut command = self.command();
            command.args(self.raw_input(input)).args(["-pix_fmt", "yuv420p", "-c:v", "libx264"]);
            command.args(["-preset", "veryfast", "-tune", "zerolatency", "-crf", &crf.to_string(), "-y"]).arg(&path);
            run(command)?;
            let fps = self.clip.fps.to_string();
            let found = self.vmaf(&["-r".into(), fps, "-i".into(), path.display().to_string()])?;
            let bytes = std::fs::metadata(&path)?.len() as f64 / self.clip.frames as f64;
            if found < vmaf {
                return Ok(better.map(|(upper, upper_bytes)| {
                    let share = (vmaf - found) / (upper - found);
                    (bytes.ln() + share * (upper_bytes.ln() - bytes.ln())).exp()
                }));
            }
            better = Some((found, bytes));
        }
        Ok(better.map(|(_, bytes)| bytes))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.ffmpeg);
        command.args(["-hide_banner", "-nostats"]).stdin(Stdio::null());
        command
    }

    fn raw_input(&self, path: &Path) -> Vec<String> {
        let size = format!("{}x{}", self.clip.width, self.clip.height);
        let fps = self.clip.fps.to_string();
        let fixed = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", &size, "-r", &fps, "-i"];
        fixed.into_iter().map(str::to_owned).chain([path.display().to_string()]).collect()
    }

    fn vmaf(&self, input: &[String]) -> io::Result<f64> {
        let mut command = self.command();
        command.args(input).args(self.raw_input(&self.original));
        let filter = "[0:v]format=yuv420p[d];[1:v]format=yuv420p[r];[d][r]libvmaf=n_threads=2";
        command.args(["-lavfi", filter, "-f", "null", "-"]);
        let said = run(command)?;
        let score = said.lines().rev().find_map(|line| line.split_once("VMAF score: "));
        score.and_then(|(_, score)| score.trim().parse().ok()).ok_or_else(|| io::Error::other("ffmpeg gave no VMAF"))
    }
}

/// Runs a command and gives what it said.
fn run(mut command: Command) -> io::Result<String> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(said) } else { Err(io::Error::other(said)) }
}
