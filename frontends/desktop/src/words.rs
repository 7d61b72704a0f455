//! Sentences for what presenters tell by a value: notices, and what is wrong with what was typed. Everything that stands in a
//! `.slint` file is in its catalogue instead.

use hph_client::core::wire::control::Act;
use hph_client::engine::FileFailure;
use hph_presenters::chat::{Problem as ChatProblem, SlashError};
use hph_presenters::signin::{Field, Problem};
use hph_presenters::text::Lang;
use hph_presenters::text::typed::Flaw;
use hph_presenters::toasts::Notice;
use hph_presenters::trouble::Trouble;

/// What a toast says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// What happened.
    pub what: String,
    /// What follows, or a code to quote; empty if nothing.
    pub detail: String,
}

fn told(what: impl Into<String>) -> Told {
    Told { what: what.into(), detail: String::new() }
}

/// Why a file was not sent or fetched, in one sentence.
pub fn failure(reason: &FileFailure, lang: Lang) -> String {
    match reason {
        FileFailure::Refused(reason) => trouble_in_one(Trouble::of_refusal(*reason), lang),
        FileFailure::Untold(reason) => trouble_in_one(Trouble::of_message(*reason), lang),
        FileFailure::Disk(why) => format!("{} {why}", lang.pick("Lỗi tệp hoặc ổ đĩa:", "The file or the disk:")),
        FileFailure::Damaged => {
            let vi = "Tệp nhận được không giống tệp đã gửi nên không được giữ lại.";
            lang.pick(vi, "What came is not what was sent, so nothing of it was kept.").to_owned()
        }
        FileFailure::TooMany => lang.pick("Có quá nhiều tệp đang chờ.", "Too many files are waiting.").to_owned(),
    }
}

/// What went wrong: what happened, what we do, what one can do, a code to quote.
pub fn trouble(trouble: Trouble, lang: Lang) -> Told {
    let words = trouble.words(lang);
    let follows = [words.we, words.you].into_iter().filter(|part| !part.is_empty());
    let detail: Vec<&str> = follows.collect();
    Told { what: words.what.to_owned(), detail: format!("{} ({})", detail.join(" "), trouble.code()) }
}

/// The same in one paragraph.
pub fn trouble_in_one(of: Trouble, lang: Lang) -> String {
    let Told { what, detail } = trouble(of, lang);
    format!("{what} {detail}")
}

/// A notice.
pub fn notice(notice: &Notice, lang: Lang) -> Told {
    let say = |vi: &str, en: &str| told(lang.pick(vi, en));
    let name = |vi: &str, en: &str, name: &str| told(lang.pick(vi, en).replace("{}", name));
    match notice {
        Notice::Trouble(of) => trouble(*of, lang),
        Notice::DeviceTrouble { trouble: of, detail } => {
            let Told { what, detail: advice } = trouble(*of, lang);
            Told { what, detail: format!("{advice} {detail}") }
        }
        Notice::TalkingWhileMuted => {
            say("Bạn đang nói nhưng micro đang tắt.", "You are talking, but your microphone is off.")
        }
        Notice::NoMicrophoneSignal => say("Micro không có tín hiệu.", "Your microphone gives no signal."),
        Notice::Clipping => say("Micro của bạn quá to, tiếng bị vỡ.", "Your microphone is too loud and distorts."),
        Notice::DeviceGone => {
            say("Thiết bị đã bị rút. Đang chờ cắm lại.", "A device is gone. Waiting for it to come back.")
        }
        Notice::DeviceBack => say("Thiết bị đã trở lại.", "The device is back."),
        Notice::MutedBy(by) => name("{} đã tắt micro của bạn.", "{} has muted you.", by),
        Notice::VideoStoppedBy(by) => name("{} đã tắt hình của bạn.", "{} has stopped your video.", by),
        Notice::UnmuteAsked { by, .. } => name("{} đề nghị bạn bật micro.", "{} asks you to unmute.", by),
        Notice::LowerHand => {
            say("Bạn đã nói xong? Tay bạn vẫn đang giơ.", "Have you had your say? Your hand is still up.")
        }
        Notice::Came(who) => name("{} đã vào phòng.", "{} has come in.", who),
        Notice::Went(who) => name("{} đã rời phòng.", "{} has left.", who),
        Notice::HandUp(who) => name("{} giơ tay.", "{} has raised a hand.", who),
        Notice::Done { act, whom } => done(*act, whom, lang),
        Notice::LeftBehind(room) => {
            name("Đã tắt micro trong phòng {}.", "Your microphone in {} was switched off.", room)
        }
        Notice::Direct { name: from, .. } => name("{} nhắn riêng cho bạn.", "{} has written to you privately.", from),
        Notice::Knock { name: who, .. } => name("{} đang chờ được cho vào.", "{} waits to be let in.", who),
        Notice::FileCame { from, name: file } => told(
            lang.pick("{} đã gửi tệp {f}.", "{} has put the file {f} here.").replace("{f}", file).replace("{}", from),
        ),
        Notice::FileFetched(path) => {
            let what = lang.pick("Đã lưu tệp.", "The file is saved.").to_owned();
            Told { what, detail: path.display().to_string() }
        }
        Notice::FileFailed { name: file, reason } => Told {
            what: lang.pick("Không gửi hay nhận được tệp {}.", "The file {} did not come through.").replace("{}", file),
            detail: failure(reason, lang),
        },
        Notice::Called { name: who, room } => {
            told(lang.pick("{} gọi bạn vào {r}.", "{} calls you to {r}.").replace("{r}", room).replace("{}", who))
        }
        Notice::CallDeclined(who) => name("{} đã từ chối cuộc gọi.", "{} has declined the call.", who),
        Notice::CallNotAnswered(who) => name("{} không trả lời.", "{} does not answer.", who),
        Notice::SentToBreakout(group) => name("Bạn được đưa vào nhóm {}.", "You were sent to {}.", group),
        Notice::BackFromBreakout => say("Bạn đã về lại phòng chung.", "You are back in the room."),
        Notice::BreakoutsEnd { seconds } => {
            name("Các nhóm kết thúc sau {} giây.", "The breakout rooms end in {} s.", &seconds.to_string())
        }
        Notice::BreakoutsTold { by, text } => Told {
            what: lang.pick("{} nhắn mọi nhóm:", "{} to all groups:").replace("{}", by),
            detail: text.clone(),
        },
        Notice::Copied => say("Đã sao chép.", "Copied."),
        Notice::KeyChanged(who) => Told {
            detail: lang
                .pick(
                    "Hãy so mã an toàn với họ trước khi nhắn riêng.",
                    "Compare the safety code with them before you write privately.",
                )
                .to_owned(),
            ..name("Khoá của {} đã thay đổi.", "The key of {} has changed.", who)
        },
        Notice::Reconnected => say("Đã kết nối lại.", "Connected again."),
        Notice::Info(text) => told(text.as_str()),
    }
}

fn done(act: Act, whom: &str, lang: Lang) -> Told {
    let (vi, en) = match act {
        Act::Mute => ("Đã tắt micro của {}.", "{} is muted."),
        Act::StopVideo => ("Đã tắt hình của {}.", "The video of {} is stopped."),
        Act::AskUnmute => ("Đã đề nghị {} bật micro.", "{} was asked to unmute."),
        Act::LowerHand => ("Đã hạ tay của {}.", "The hand of {} is lowered."),
        Act::Remove => ("Đã mời {} ra khỏi phòng.", "{} was removed from the room."),
        Act::Ban => ("Đã cấm {} vào phòng.", "{} may not come in any more."),
        Act::Unban => ("{} được vào lại.", "{} may come in again."),
        Act::MakeHost => ("{} giờ là chủ phòng.", "{} is a host now."),
        Act::UnmakeHost => ("{} không còn là chủ phòng.", "{} is no longer a host."),
        Act::Lock => ("Phòng đã khoá.", "The room is locked."),
        Act::Unlock => ("Phòng đã mở.", "The room is open."),
        Act::MuteAll => ("Đã tắt micro của mọi người.", "Everybody else is muted."),
        Act::End => ("Cuộc họp đã kết thúc.", "The meeting has ended."),
        Act::Admit => ("Đã cho {} vào.", "{} was let in."),
        Act::TurnAway => ("Không cho {} vào.", "{} was not let in."),
        Act::WaitingRoom => ("Người mới phải chờ cho vào.", "Whoever comes waits to be let in."),
        Act::NoWaitingRoom => ("Người mới vào ngay.", "Whoever comes is in."),
        Act::HostsShare => ("Chỉ người điều hành được chia sẻ.", "Only hosts may share."),
        Act::AllShare => ("Mọi người được chia sẻ.", "Everybody may share."),
        Act::Password => ("Phòng có mật khẩu mới.", "The room has a new password."),
        Act::NoPassword => ("Phòng không cần mật khẩu.", "The room needs no password."),
        Act::OpenBreakout => ("Đã mở thêm một nhóm.", "A breakout room is open."),
        Act::Spread => ("Đã chia mọi người vào các nhóm.", "Everybody is spread over the breakout rooms."),
        Act::Move => ("Đã chuyển {}.", "{} is moved."),
        Act::TellBreakouts => ("Đã gửi tới mọi nhóm.", "All breakout rooms were told."),
        Act::EndBreakouts => ("Các nhóm kết thúc.", "The breakout rooms end."),
    };
    told(lang.pick(vi, en).replace("{}", whom))
}

/// A question before something that can't be undone, and the word on its button.
pub fn question(act: Act, name: &str, lang: Lang) -> (String, &'static str) {
    let (vi, en, yes) = match act {
        Act::Ban => ("Cấm {} vào phòng này?", "Keep {} out of this room?", lang.pick("Cấm", "Ban")),
        Act::End => {
            ("Kết thúc cuộc họp cho mọi người?", "End the meeting for everybody?", lang.pick("Kết thúc", "End"))
        }
        _ => ("Mời {} ra khỏi phòng?", "Remove {} from the room?", lang.pick("Mời ra", "Remove")),
    };
    (lang.pick(vi, en).replace("{}", name), yes)
}

/// What is wrong with a text.
pub fn flaw(flaw: Flaw, lang: Lang) -> String {
    let (vi, en) = match flaw {
        Flaw::Empty => ("Hãy điền vào đây.", "Fill this in."),
        Flaw::TooShort { min } => {
            return lang
                .pick("Cần ít nhất {} ký tự.", "At least {} letters are needed.")
                .replace("{}", &min.to_string());
        }
        Flaw::TooLong { max } => {
            return lang.pick("Nhiều nhất {} ký tự.", "At most {} letters fit.").replace("{}", &max.to_string());
        }
        Flaw::Letter(letter) => {
            return lang
                .pick("Không dùng được ký tự “{}”.", "“{}” can't stand here.")
                .replace("{}", &letter.to_string());
        }
        Flaw::Invisible => ("Có ký tự không nhìn thấy được.", "There is something invisible in it."),
        Flaw::Form => ("Không đúng dạng.", "It does not look right."),
        Flaw::Reserved => ("Tên này dành cho khách.", "That name is kept for guests."),
    };
    lang.pick(vi, en).to_owned()
}

/// What is wrong with one field of signing in; empty if nothing, or if it is another field.
pub fn field_problem(problem: Option<&Problem>, field: Field, lang: Lang) -> String {
    let say = |vi: &str, en: &str| lang.pick(vi, en).to_owned();
    match problem {
        Some(Problem::Field(about, what)) if *about == field => flaw(*what, lang),
        Some(Problem::NoAddress) if field == Field::Server => say(
            "Đây không phải lời mời hay địa chỉ. Ví dụ: meet.example.org",
            "That is neither an invitation nor an address. For example: meet.example.org",
        ),
        Some(Problem::WhichServer) if field == Field::Server => say(
            "Mã này dành cho máy chủ nào? Chọn hoặc gõ địa chỉ; mã đã được giữ lại.",
            "Which server is that code for? Choose it or type its address; the code is kept.",
        ),
        Some(Problem::WrongPassword) if field == Field::Password => {
            say("Sai tên đăng nhập hoặc mật khẩu.", "The login name or the password is wrong.")
        }
        Some(Problem::NameTaken) if field == Field::Username => {
            say("Tên này đã có người dùng.", "Somebody has that name already.")
        }
        _ => String::new(),
    }
}

/// What is wrong with signing in as a whole; empty if nothing.
pub fn form_problem(problem: Option<&Problem>, wait_s: u64, lang: Lang) -> String {
    match problem {
        Some(Problem::TooFast) if wait_s > 0 => {
            let text = lang.pick("Thử quá nhiều lần. Thử lại sau {} giây.", "Too many attempts. Try again in {} s.");
            text.replace("{}", &wait_s.to_string())
        }
        Some(Problem::EmailTaken) => trouble_in_one(Trouble::EmailTaken, lang),
        Some(Problem::Trouble(of)) => trouble_in_one(*of, lang),
        _ => String::new(),
    }
}

/// What is wrong with what was written in the chat.
pub fn chat_problem(problem: &ChatProblem, lang: Lang) -> String {
    let name = |vi: &str, en: &str, name: &str| lang.pick(vi, en).replace("{}", name);
    match problem {
        ChatProblem::Text(what) => flaw(*what, lang),
        ChatProblem::Slash(SlashError::Unknown { name: typed, meant }) => {
            let what = name("Không có lệnh {}.", "There is no command {}.", typed);
            let meant = meant.map(|meant| name(" Ý bạn là {}?", " Did you mean {}?", meant));
            what + &meant.unwrap_or_default()
        }
        ChatProblem::Slash(SlashError::Usage(form)) => name("Cách dùng: {}", "How to use it: {}", form),
        ChatProblem::Nobody(typed) => name("Không có ai tên {}.", "Nobody is called {}.", typed),
        ChatProblem::Several(typed) => name("Có nhiều người tên {}.", "Several people are called {}.", typed),
        ChatProblem::Forbidden => {
            lang.pick("Bạn không được làm việc này ở đây.", "You may not do that here.").to_owned()
        }
    }
}
