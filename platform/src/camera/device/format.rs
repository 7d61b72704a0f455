//! What a camera can deliver, and what of it to take.

use std::cmp::Reverse;
use std::fmt;

use hph_core::limits::{PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX};
use nokhwa::utils::{CameraFormat as NokhwaFormat, FrameFormat, Resolution};

use crate::camera::CameraFormat;

/// Fewer pictures a second look like a slide show, whatever their size.
const FLUENT_FPS: u16 = 15;

/// How a camera codes its pictures. In the order in which they are taken, all else being equal: raw samples before JPEG (no
/// loss, nothing to decode), those with less to convert first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coding {
    /// Luma, then chroma pairs of 2x2 pixels.
    Nv12,
    /// Luma and chroma in turns, a chroma pair for two pixels.
    Yuyv,
    /// Three bytes a pixel.
    Rgb,
    /// The same, blue first.
    Bgr,
    /// JPEG.
    Jpeg,
    /// Luma only.
    Grey,
}

/// One thing that a camera can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceFormat {
    /// Size and rate.
    pub format: CameraFormat,
    /// How the pictures come.
    pub coding: Coding,
}

impl fmt::Display for DeviceFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CameraFormat { width, height, fps } = self.format;
        write!(f, "{width}x{height}@{fps} {}", self.coding)
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nv12 => "NV12",
            Self::Yuyv => "YUYV",
            Self::Rgb => "RGB",
            Self::Bgr => "BGR",
            Self::Jpeg => "MJPEG",
            Self::Grey => "grey",
        })
    }
}

impl DeviceFormat {
    /// None if it has no size that can be sent, or no rate.
    pub(super) fn from_nokhwa(format: NokhwaFormat) -> Option<Self> {
        let width = u16::try_from(format.width()).ok().filter(|width| (16..=PICTURE_WIDTH_MAX).contains(width))?;
        let height = u16::try_from(format.height()).ok().filter(|height| (16..=PICTURE_HEIGHT_MAX).contains(height))?;
        let fps = u16::try_from(format.frame_rate()).ok().filter(|fps| *fps > 0)?;
        let coding = match format.format() {
            FrameFormat::NV12 => Coding::Nv12,
            FrameFormat::YUYV => Coding::Yuyv,
            FrameFormat::RAWRGB => Coding::Rgb,
            FrameFormat::RAWBGR => Coding::Bgr,
            FrameFormat::MJPEG => Coding::Jpeg,
            FrameFormat::GRAY => Coding::Grey,
        };
        Some(Self { format: CameraFormat { width, height, fps }, coding })
    }

    pub(super) fn to_nokhwa(self) -> NokhwaFormat {
        let coding = match self.coding {
            Coding::Nv12 => FrameFormat::NV12,
            Coding::Yuyv => FrameFormat::YUYV,
            Coding::Rgb => FrameFormat::RAWRGB,
            Coding::Bgr => FrameFormat::RAWBGR,
            Coding::Jpeg => FrameFormat::MJPEG,
            Coding::Grey => FrameFormat::GRAY,
        };
        let size = Resolution::new(self.format.width.into(), self.format.height.into());
        NokhwaFormat::new(size, coding, self.format.fps.into())
    }
}

/// What to take of what a camera can do. First of all the pictures must be fluent, then as large as wanted (else the next smaller,
/// else the next larger size), then as many a second as wanted; then see [`Coding`]. So a webcam gives JPEG where its cable
/// is too slow for raw samples: from 1280x720 on, mostly.
pub fn choose_format(formats: &[DeviceFormat], wanted: CameraFormat) -> Option<DeviceFormat> {
    let area = |format: &CameraFormat| u32::from(format.width) * u32::from(format.height);
    formats.iter().copied().min_by_key(|DeviceFormat { format, coding }| {
        let is_fluent = format.fps >= wanted.fps.min(FLUENT_FPS);
        let is_too_large = format.width > wanted.width || format.height > wanted.height;
        let too_many = format.fps.saturating_sub(wanted.fps);
        (
            (*coding == Coding::Grey, !is_fluent, is_too_large, area(format).abs_diff(area(&wanted))),
            (Reverse(format.fps.min(wanted.fps)), *coding, too_many),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(width: u16, height: u16, fps: u16, coding: Coding) -> DeviceFormat {
        DeviceFormat { format: CameraFormat { width, height, fps }, coding }
    }

    /// As a webcam on USB 2 tells it.
    fn webcam() -> Vec<DeviceFormat> {
        let mut formats = Vec::new();
        for (width, height, raw_fps) in
            [(320, 240, 30), (640, 360, 30), (640, 480, 30), (1280, 720, 10), (1920, 1080, 5)]
        {
            for fps in [5, 10, 15, 30] {
                formats.push(format(width, height, fps, Coding::Jpeg));
                if fps <= raw_fps {
                    formats.push(format(width, height, fps, Coding::Yuyv));
                }
            }
        }
        formats
    }

    fn chosen(formats: &[DeviceFormat], width: u16, height: u16, fps: u16) -> DeviceFormat {
        choose_format(formats, CameraFormat { width, height, fps }).unwrap()
    }

    #[test]
    fn raw_samples_are_taken_where_the_cable_carries_them_and_jpeg_where_not() {
        let webcam = webcam();
        assert_eq!(chosen(&webcam, 640, 360, 30), format(640, 360, 30, Coding::Yuyv));
        assert_eq!(chosen(&webcam, 1280, 720, 30), format(1280, 720, 30, Coding::Jpeg));
        assert_eq!(chosen(&webcam, 1280, 720, 10), format(1280, 720, 10, Coding::Yuyv));
        assert_eq!(chosen(&webcam, 1920, 1080, 30), format(1920, 1080, 30, Coding::Jpeg));
    }

    #[test]
    fn the_next_smaller_size_is_taken_and_the_next_larger_only_if_there_is_none() {
        let webcam = webcam();
        assert_eq!(chosen(&webcam, 1000, 700, 30).format.width, 640);
        assert_eq!(chosen(&webcam, 160, 120, 30).format.width, 320);
        assert_eq!(chosen(&webcam, 640, 360, 25).format.fps, 30, "rather more pictures than fewer");
    }

    #[test]
    fn a_fluent_small_picture_goes_before_a_large_slow_one() {
        let raw: Vec<_> = webcam().into_iter().filter(|format| format.coding == Coding::Yuyv).collect();
        assert_eq!(chosen(&raw, 1280, 720, 30), format(640, 480, 30, Coding::Yuyv));
        assert_eq!(chosen(&raw, 1280, 720, 5), format(1280, 720, 5, Coding::Yuyv), "unless slow is what is wanted");
        assert_eq!(choose_format(&[], CameraFormat { width: 1, height: 1, fps: 1 }), None);
    }

    #[test]
    fn colour_goes_before_grey() {
        let formats = [format(640, 480, 30, Coding::Grey), format(320, 240, 5, Coding::Yuyv)];
        assert_eq!(chosen(&formats, 640, 480, 30).coding, Coding::Yuyv);
        assert_eq!(chosen(&formats[..1], 640, 480, 30).coding, Coding::Grey);
    }

    #[test]
    fn formats_survive_nokhwa_and_what_cannot_be_sent_is_left_out() {
        for format in webcam() {
            assert_eq!(DeviceFormat::from_nokhwa(format.to_nokhwa()), Some(format));
        }
        let of = |width, height, fps| NokhwaFormat::new(Resolution::new(width, height), FrameFormat::YUYV, fps);
        for format in [of(3840, 2160, 30), of(640, 480, 0), of(8, 8, 30), of(70_000, 480, 30)] {
            assert_eq!(DeviceFormat::from_nokhwa(format), None);
        }
    }
}
