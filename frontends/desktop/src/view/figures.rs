//! The sheet of diagnostics.

use hph_presenters::app::App;
use hph_presenters::diagnostics::{Cause, Light, Sample, stages};
use hph_presenters::room::quality;
use hph_presenters::text::{Lang, count as counts};
use slint::ComponentHandle;

use super::View;
use crate::session::Session;
use crate::ui;

/// How the way to the server is, in bars.
pub fn bars(sample: &Sample) -> i32 {
    if !sample.is_up {
        return 0;
    }
    let loss = sample.loss_up.max(sample.loss_down);
    let (rtt_ms, jitter_ms) = (sample.rtt_ms as u32, sample.jitter_ms as u32);
    i32::from(quality::bars(&quality::Sample { loss, rtt_ms, jitter_ms, is_silent: false }).0)
}

impl View {
    /// Shows the figures of the last second.
    pub fn refresh_figures(&mut self, ui: &ui::App, app: &App, session: &Session) {
        let lang = self.lang.unwrap_or(Lang::En);
        let screen = ui.global::<ui::Diagnostics>();
        let sample = app.diagnostics.now();
        let verdict = app.diagnostics.verdict();
        screen.set_bars(bars(&sample));
        let (text, advice) = sentence(verdict.light, verdict.cause, lang);
        screen.set_verdict(text.into());
        screen.set_advice(advice.into());
        self.figures.set(figures(&sample, lang));
        let stages = stages(&session.stages(), sample.rtt_ms);
        screen.set_stages_total(stages.iter().map(|stage| stage.p50_ms).sum());
        let row = |stage: &hph_presenters::diagnostics::Stage| ui::StageRow {
            name: stage_name(stage.name, lang).into(),
            ms: stage.p50_ms,
            shown: format!("{} ms", counts::decimal(f64::from(stage.p50_ms), lang)).into(),
        };
        self.stages.set(stages.iter().map(row).collect());
    }

    /// The same as text, to send to somebody.
    pub fn figures_text(&self, ui: &ui::App) -> String {
        let screen = ui.global::<ui::Diagnostics>();
        let mut text = format!("{}\n{}\n", screen.get_verdict(), screen.get_advice());
        for row in self.figures.iter() {
            text.push_str(&format!("{}: {}\n", row.name, row.value));
        }
        for row in self.stages.iter() {
            text.push_str(&format!("{}: {}\n", row.name, row.shown));
        }
        text
    }
}

fn sentence(light: Light, cause: Option<Cause>, lang: Lang) -> (&'static str, &'static str) {
    let (vi, en, vi_advice, en_advice) = match (light, cause) {
        (_, Some(Cause::Disconnected)) => (
            "Không có kết nối tới máy chủ.",
            "There is no connection to the server.",
            "Kiểm tra mạng; chương trình tự nối lại.",
            "Check your network; the program reconnects by itself.",
        ),
        (_, Some(Cause::NoDatagrams)) => (
            "Hình và tiếng không qua được: mạng chặn UDP.",
            "Sound and pictures do not come through: UDP is blocked.",
            "Thử mạng khác, hoặc nhờ quản trị mở cổng UDP của máy chủ.",
            "Try another network, or have the server's UDP port opened.",
        ),
        (_, Some(Cause::LossUp)) => (
            "Những gì bạn gửi bị mất nhiều.",
            "Much of what you send is lost.",
            "Dùng dây mạng, hoặc lại gần bộ phát Wi-Fi.",
            "Use a cable, or move closer to the Wi-Fi.",
        ),
        (_, Some(Cause::LossDown)) => (
            "Những gì đến máy bạn bị mất nhiều.",
            "Much of what comes to you is lost.",
            "Dùng dây mạng, hoặc lại gần bộ phát Wi-Fi.",
            "Use a cable, or move closer to the Wi-Fi.",
        ),
        (_, Some(Cause::Delay)) => (
            "Đường tới máy chủ chậm.",
            "The way to the server is slow.",
            "Tạm dừng các việc tải khác trong mạng của bạn.",
            "Pause other downloads in your network.",
        ),
        (_, Some(Cause::Jitter)) => (
            "Độ trễ của mạng không đều.",
            "The delay of the network varies.",
            "Dùng dây mạng sẽ ổn định hơn Wi-Fi.",
            "A cable is steadier than Wi-Fi.",
        ),
        (_, Some(Cause::Bandwidth)) => (
            "Đường gửi hẹp: hình của bạn được thu nhỏ.",
            "Your way out is narrow: your picture is made smaller.",
            "Tắt camera nếu tiếng vẫn bị ngắt.",
            "Switch the camera off if your voice still breaks.",
        ),
        (_, Some(Cause::Machine | Cause::Capture)) => (
            "Máy này không kịp xử lý.",
            "This machine does not keep up.",
            "Đóng bớt chương trình khác, hoặc chọn hình nhỏ hơn.",
            "Close other programs, or choose a smaller picture.",
        ),
        (Light::Green, None) | (_, None) => ("Mọi thứ đều tốt.", "All is well.", "", ""),
    };
    (lang.pick(vi, en), lang.pick(vi_advice, en_advice))
}

fn figures(sample: &Sample, lang: Lang) -> Vec<ui::FigureRow> {
    let row = |vi: &str, en: &str, value: String, is_bad| ui::FigureRow {
        name: lang.pick(vi, en).into(),
        value: value.into(),
        is_bad,
        ..ui::FigureRow::default()
    };
    let percent = |part: f32| format!("{} %", counts::decimal(f64::from(part) * 100.0, lang));
    let ms = |value: f32| format!("{} ms", counts::decimal(f64::from(value), lang));
    let rate = |value: f32| format!("{}/s", counts::decimal(f64::from(value), lang));
    let granted = sample.granted_bps.map_or_else(|| "–".to_owned(), |bps| counts::bitrate(bps.into(), lang));
    vec![
        row("Độ trễ", "Round trip", ms(sample.rtt_ms), sample.rtt_ms >= 250.0),
        row("Mất gói đi", "Loss up", percent(sample.loss_up), sample.loss_up >= 0.03),
        row("Mất gói về", "Loss down", percent(sample.loss_down), sample.loss_down >= 0.03),
        row("Dao động", "Jitter", ms(sample.jitter_ms), sample.jitter_ms >= 40.0),
        row("Bộ đệm tiếng", "Voice buffer", ms(sample.buffer_ms), sample.buffer_ms >= 200.0),
        row("Gửi", "Sending", counts::bitrate(sample.up_bps, lang), false),
        row("Nhận", "Receiving", counts::bitrate(sample.down_bps, lang), false),
        row("Đường gửi cho phép", "Our way out carries", granted, false),
        row("Khung hình đến", "Frames received", rate(sample.frames), false),
        row("Khung hình mất", "Frames lost", rate(sample.frames_lost), sample.frames_lost >= 1.0),
        row("Không kịp giải mã", "Not decoded in time", rate(sample.overrun), sample.overrun >= 1.0),
        row("Không kịp gửi", "Not sent in time", rate(sample.unsent), sample.unsent >= 2.0),
    ]
}

fn stage_name(name: &str, lang: Lang) -> String {
    let (vi, en) = match name {
        "encode" => ("Mã hoá", "Encoding"),
        "network" => ("Mạng (nửa vòng)", "Network (half a round trip)"),
        "queue" => ("Chờ gửi", "Waiting to be sent"),
        "seal_and_send" => ("Niêm phong và gửi", "Sealing and sending"),
        "reassemble" => ("Ghép gói", "Gathering packets"),
        "wait" => ("Chờ khớp tiếng", "Waiting for the voice"),
        "hand_over" => ("Chuyển giao", "Handing over"),
        "decode" => ("Giải mã", "Decoding"),
        "paint" => ("Vẽ", "Painting"),
        other => return other.to_owned(),
    };
    lang.pick(vi, en).to_owned()
}
