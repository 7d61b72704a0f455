//! The talk, in English and Vietnamese. A phrase has both or does not compile.

use std::fmt::Display;

/// A language of the talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    /// English: also for everybody whose language is not here.
    En,
    /// Vietnamese.
    Vi,
}

/// Something to say, in every language. `{}` stands for what the program fills in, in the same order everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phrase {
    en: &'static str,
    vi: &'static str,
}

impl Lang {
    /// The language of the locale for messages (POSIX: the first of the three that is not empty).
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let locale =
            ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|name| variable(name).filter(|l| !l.is_empty()));
        let language = locale.as_deref().and_then(|locale| locale.split(['_', '.', '@', '-']).next());
        if language.is_some_and(|language| language.eq_ignore_ascii_case("vi")) { Self::Vi } else { Self::En }
    }

    /// The phrase as it is.
    pub const fn text(self, phrase: &Phrase) -> &'static str {
        match self {
            Self::En => phrase.en,
            Self::Vi => phrase.vi,
        }
    }

    /// The phrase with its places filled.
    pub fn fill(self, phrase: &Phrase, values: &[&dyn Display]) -> String {
        let mut text = String::new();
        let mut values = values.iter();
        for (index, part) in self.text(phrase).split("{}").enumerate() {
            if index > 0
                && let Some(value) = values.next()
            {
                text.push_str(&value.to_string());
            }
            text.push_str(part);
        }
        text
    }
}

macro_rules! phrases {
    ($($name:ident: $en:literal, $vi:literal;)*) => {
        $(#[doc = $en] pub const $name: Phrase = Phrase { en: $en, vi: $vi };)*
        #[cfg(test)]
        const ALL: &[Phrase] = &[$($name),*];
    };
}

phrases! {
    CONNECTING: "connecting to {} …", "đang kết nối tới {} …";
    CONNECTING_AGAIN: "connecting again (attempt {}) …", "đang kết nối lại (lần {}) …";
    SIGNED_IN: "signed in to “{}” as {}", "đã vào máy chủ “{}” với tên {}";
    FIRST_CONTACT: "first contact with {}: its key has the fingerprint {}; compare it with what the owner tells you. It is remembered from now on",
        "lần đầu gặp {}: vân tay khoá là {}; hãy so với vân tay mà chủ máy chủ cho biết. Từ nay khoá này được ghi nhớ";
    KEY_KNOWN: "the server's key is the known one: {}", "khoá máy chủ đúng như đã biết: {}";
    KEY_NEW: "first contact with {}: the key {} is remembered from now on", "lần đầu gặp {}: từ nay khoá {} được ghi nhớ";
    KEY_CHANGED: "!!! THE KEY OF {} HAS CHANGED. Perhaps it is another device of theirs; perhaps somebody listens in. The new key: {}. Ask {} by another way. Until you accept it nothing is written to them: hph trust accept {} {}, or /trust in a meeting",
        "!!! KHOÁ CỦA {} ĐÃ THAY ĐỔI. Có thể đó là thiết bị khác của họ; cũng có thể có kẻ nghe lén. Khoá mới: {}. Hãy hỏi {} qua đường khác. Khi bạn chưa chấp nhận thì không gửi gì cho họ: hph trust accept {} {}, hoặc /trust trong cuộc họp";
    KEY_ACCEPTED: "* the key of {} is accepted; it was not compared", "* đã chấp nhận khoá của {}; chưa so";
    KEY_COMPARED: "* the key of {} is noted as compared", "* đã ghi nhận khoá của {} là đã so khớp";
    KEYS_UNUSABLE: "!!! the remembered keys of people can't be used: {}", "!!! không dùng được khoá đã ghi nhớ của mọi người: {}";
    SAFETY_CODE: "* safety code of {}: {}", "* mã an toàn của {}: {}";
    SAFETY_HOW: "Read it to the others, or let them read it: all must have the same digits. Then /verified, or /verified USER for one.",
        "Hãy đọc cho những người khác nghe, hoặc để họ đọc: mọi người phải có cùng các chữ số. Sau đó gõ /verified, hoặc /verified TÊN cho một người.";
    SAFETY_FIRST: "not noted: look at the code first with /safety, and compare again if somebody came or changed", "chưa ghi nhận: hãy xem mã bằng /safety trước, và so lại nếu có người mới vào hoặc đổi khoá";
    SAFETY_NOT_YET: "there is no safety code yet", "chưa có mã an toàn";
    NOT_KEPT: "{} is a guest: a guest's key is not remembered, so it can't be noted as compared", "{} là khách: khoá của khách không được ghi nhớ nên không thể ghi nhận là đã so";
    NOTHING_CHANGED: "no changed key of {} is waiting", "không có khoá mới nào của {} đang chờ";
    OWN_CODE: "this device: {}", "thiết bị này: {}";
    STATE_ME: "you", "bạn";
    STATE_NOT_KEPT: "encrypted, not compared (not remembered)", "mã hoá, chưa so (không ghi nhớ)";
    STATE_SEEN: "encrypted, not compared", "mã hoá, chưa so";
    STATE_COMPARED: "verified", "đã so khớp";
    STATE_CHANGED: "KEY CHANGED, not compared", "KHOÁ ĐÃ ĐỔI, chưa so";
    STATE_UNREADABLE: "not compared (remembered keys can't be read)", "chưa so (không đọc được khoá đã ghi nhớ)";
    LOST: "connection lost ({}); trying again in {} s", "mất kết nối ({}); thử lại sau {} giây";
    MEDIA_UP: "pictures and sound can flow", "hình và tiếng đã thông";
    MEDIA_DOWN: "no datagrams come back: chat works, pictures and sound do not", "gói hình và tiếng không qua được: vẫn trò chuyện bằng chữ được";
    TUNNEL_ON: "this network lets no UDP pass: voice and pictures go over TCP now, a little later", "mạng này chặn UDP: tiếng và hình tạm đi qua TCP, sẽ chậm hơn một chút";
    TUNNEL_OFF: "UDP passes again: voice and pictures go over it", "UDP đã thông trở lại: tiếng và hình lại đi qua UDP";
    LOOKING: "looking for servers in this network …", "đang tìm máy chủ trong mạng này …";
    FOUND: "found “{}” at {}, whose key has the fingerprint {}", "đã tìm thấy “{}” tại {}, vân tay khoá là {}";
    ROOMS_AND_PEOPLE: "{} rooms, {} people", "{} phòng, {} người";
    SERVER_GONE: "{} is gone", "{} không còn nữa";
    WHICH_SERVER: "Which one? 1 to {}:", "Chọn máy chủ nào? 1 đến {}:";
    E_SEVERAL: "there are several servers; name one: hph join ADDRESS --room ROOM", "có nhiều máy chủ; hãy nêu một: hph join ĐỊA-CHỈ --room PHÒNG";
    E_NOBODY: "no server was found in this network", "không tìm thấy máy chủ nào trong mạng này";
    A_NOBODY: "Name it: hph join ADDRESS. Some networks let nobody be found; a server says nothing with announce = \"off\".", "Hãy nêu địa chỉ: hph join ĐỊA-CHỈ. Có mạng không cho tìm; máy chủ có announce = \"off\" thì không tự giới thiệu.";
    ANNOUNCED: "found by hph find and hph join in the local network (announce = \"off\" ends that)", "hph find và hph join trong mạng nội bộ tìm thấy máy chủ này (muốn tắt: announce = \"off\")";
    NOT_ANNOUNCED: "not found by itself in the local network: {}", "không tự được tìm thấy trong mạng nội bộ: {}";
    DOCTOR_SAYS: "{} bad, {} doubtful", "{} lỗi, {} điều đáng ngờ";
    DOCTOR_CLOCK: "the clock may be right", "đồng hồ có vẻ đúng";
    DOCTOR_CLOCK_BEHIND: "the clock is {} hours behind what was already written", "đồng hồ chậm {} giờ so với dữ liệu đã ghi";
    DOCTOR_FILES: "{} files may be open", "được mở {} tệp";
    DOCTOR_FEW_FILES: "only {} files may be open, {} are needed", "chỉ được mở {} tệp, cần {}";
    DOCTOR_NO_DIRECTORY: "{} is no directory", "{} không phải là thư mục";
    DOCTOR_DATA: "{} can be written", "ghi được vào {}";
    DOCTOR_DATA_LATER: "{} will be made", "{} sẽ được tạo";
    DOCTOR_NO_WRITING: "nothing can be written to {}: {}", "không ghi được vào {}: {}";
    DOCTOR_KEY: "fingerprint {}", "vân tay {}";
    DOCTOR_KEY_LATER: "a key is made at the first start", "khoá sẽ được tạo khi chạy lần đầu";
    DOCTOR_KEY_OPEN: "others on this machine can read {}", "người khác trên máy này đọc được {}";
    DOCTOR_KEY_DAMAGED: "{}. If there is a backup, restore it; else a new key is made, and everybody must accept it", "{}. Nếu có bản sao lưu thì hãy phục hồi; nếu không, khoá mới sẽ được tạo và mọi người phải chấp nhận lại";
    DOCTOR_RUNNING: "the server that runs here has it", "máy chủ đang chạy ở đây giữ nó";
    DOCTOR_DATABASE: "every page of accounts and messages is whole", "mọi trang dữ liệu tài khoản và tin nhắn đều nguyên vẹn";
    DOCTOR_DATABASE_LATER: "is made at the first start", "sẽ được tạo khi chạy lần đầu";
    DOCTOR_DATABASE_DAMAGED: "accounts and messages can't be used: {}", "không dùng được dữ liệu tài khoản và tin nhắn: {}";
    DOCTOR_DISK: "{} MB are free", "còn trống {} MB";
    DOCTOR_DISK_UNKNOWN: "nobody tells how much is free at {}", "không biết còn trống bao nhiêu ở {}";
    DOCTOR_PORT_FREE: "{} is free", "{} còn trống";
    DOCTOR_PORT_TAKEN: "another program has {}", "chương trình khác đang giữ {}";
    DOCTOR_PORT_FORBIDDEN: "only root may listen at port {}", "chỉ root mới được nghe ở cổng {}";
    DOCTOR_NOT_OURS: "this machine can't listen at {}: {}", "máy này không nghe được ở {}: {}";
    DOCTOR_NO_METRICS: "off", "tắt";
    DOCTOR_METRICS: "figures can't be told at {}: {}", "không công bố được số liệu ở {}: {}";
    DOCTOR_ADDRESS: "reached at {}", "vào qua {}";
    DOCTOR_NO_SUCH_HOST: "invitations name {}, which nobody can find", "lời mời ghi {}, không ai tìm được tên này";
    DOCTOR_BUFFERS: "the system holds back {} kB of datagrams for a busy server; more loses less", "hệ thống chỉ giữ {} kB gói tin khi máy chủ bận; nhiều hơn thì ít mất hơn";
    DOCTOR_SERVER: "“{}” at {} answered in {} ms; its key has the fingerprint {}", "“{}” tại {} trả lời sau {} ms; vân tay khoá là {}";
    DOCTOR_NO_SERVER: "{} can't be reached: {}", "không tới được {}: {}";
    FILE_SENT: "{} is there, as file #{}", "{} đã gửi xong, là tệp #{}";
    FILE_FETCHED: "{} is here: {}", "đã tải {} về: {}";
    FILE_CAME: "[{}] {} put the file {} ({}) on the shelf: /fetch #{}", "[{}] {} vừa gửi tệp {} ({}): /fetch #{}";
    FILE_FOR_YOU: "* {} sends you the file {} ({}), sealed: /fetch #{}, or hph fetch LINK '{}'", "* {} gửi riêng cho bạn tệp {} ({}), đã niêm phong: /fetch #{}, hoặc hph fetch LINK '{}'";
    FILE_GONE: "[{}] file #{} was taken away", "[{}] tệp #{} đã bị xoá";
    FILE_DELETED: "the file is taken away", "đã xoá tệp";
    FILE_DAMAGED: "what came is not what was sent; nothing of it was kept", "tệp nhận được không đúng với tệp đã gửi; không giữ lại gì";
    TOO_MANY_FILES: "too many files are waiting", "có quá nhiều tệp đang chờ";
    SHELF_EMPTY: "there are no files in this room", "phòng này không có tệp nào";
    UNKNOWN_FILE: "no file of that number was told of here; /files lists them", "chưa thấy tệp nào có số đó; /files liệt kê các tệp";
    NOT_A_FILE: "it is no file", "không phải là tệp";
    E_FILE: "{}: {}", "{}: {}";
    E_NO_SUCH_FILE: "there is no file {} in this room", "phòng này không có tệp {}";
    W_CLOSED: "the server closed the connection", "máy chủ đã đóng kết nối";
    W_NO_SERVER: "no server listens there", "ở đó không có máy chủ";
    W_NO_WAY: "there is no way to that network", "không có đường tới mạng đó";
    W_NO_ANSWER: "no answer in time", "không có trả lời kịp thời";
    W_SILENT: "the server is silent", "máy chủ không trả lời nữa";
    W_SHUTTING_DOWN: "the server stops or restarts", "máy chủ đang dừng hoặc khởi động lại";
    W_TOO_SLOW: "the connection is too slow for the server", "kết nối quá chậm với máy chủ";
    W_IDLE: "the server has not heard this program for too long", "máy chủ không nghe thấy chương trình này đã lâu";
    ROW_TRACK: "{} frames	{} lost", "{} khung	mất {}";
    ROW_CONNECTION: "rtt {} ms	datagrams {} out, {} in	kB {} out, {} in", "khứ hồi {} ms	gói gửi {}, nhận {}	kB gửi {}, nhận {}";
    ROW_REPAIR: "packets lost {} %, after repair {} %	asked {}, by parity {}, given up {}	sent again {}, may send {} kbit/s", "gói mất {} %, sau khi bù {} %	xin lại {}, bù bằng chẵn lẻ {}, bỏ {}	gửi lại {}, được gửi {} kbit/s";
    ROW_VOICE: "buffer {} ms of {} ms, concealed {} %, lost {} of {}, not recovered {}, level -{} dB", "đệm {} trên {} ms, tự bù {} %, mất {} trên {}, không bù được {}, mức -{} dB";
    ROW_PROGRESS_LOST: "lost {}", "mất {}";
    LEAVING: "leaving …", "đang rời …";
    TEMPORARY_DEVICE: "another hph uses this device's key: this guest gets a new one for now", "một hph khác đang dùng khoá của thiết bị này: khách này tạm dùng khoá mới";
    YOU_ARE_IN: "* you are in {}", "* bạn đang ở {}";
    YOU_ARE_BACK: "* you are back in {}", "* bạn đã trở lại {}";
    YOU_LEFT: "* you left {}", "* bạn đã rời {}";
    ROOM_CLOSED: "* {} was closed", "* {} đã đóng";
    CAME: "* {} is in {} ({})", "* {} đang ở {} ({})";
    CHANGED: "* {} in {}: {}", "* {} trong {}: {}";
    GONE: "* {} left {}", "* {} đã rời {}";
    YOUR_DEVICES: "* you in {}: {}", "* bạn trong {}: {}";
    MIC_ON: "mic on", "mic bật";
    MIC_OFF: "mic off", "mic tắt";
    CAMERA_ON: "camera {}x{}", "camera {}x{}";
    SCREEN_ON: "screen {}x{}", "màn hình {}x{}";
    CAMERA_OFF: "camera off", "camera tắt";
    DIRECT: "[direct] {}: {}", "[tin riêng] {}: {}";
    DIRECT_DOUBTFUL: "[direct] {} (KEY CHANGED, may be somebody else): {}", "[tin riêng] {} (KHOÁ ĐÃ ĐỔI, có thể là người khác): {}";
    DIRECT_UNREADABLE: "[direct] {}: (written for another device of yours)", "[tin riêng] {}: (viết cho thiết bị khác của bạn)";
    DIRECT_STORED: "* delivered to the server", "* máy chủ đã nhận";
    RINGING: "* {} calls you to {}: /accept or /decline, {} s", "* {} gọi bạn vào {}: /accept để nhận, /decline để từ chối, {} giây";
    CALL_RINGING: "* it rings …", "* đang đổ chuông …";
    CALL_ACCEPTED: "* the call was accepted", "* cuộc gọi được nhận";
    CALL_DECLINED: "* the call was declined", "* cuộc gọi bị từ chối";
    CALL_TIMED_OUT: "* nobody answered", "* không ai trả lời";
    CALL_CANCELLED: "* the caller hung up", "* người gọi đã gác máy";
    CALL_GONE: "* the other side is gone", "* bên kia đã rời đi";
    NOT_SENT: "* not sent: {}", "* chưa gửi được: {}";
    DELAYED: "* not sent yet: {}; it is tried again", "* chưa gửi được ngay: {}; sẽ tự gửi lại";
    NOT_ACCEPTING: "nobody more can connect now ({}): those who are here go on", "tạm thời không nhận thêm kết nối ({}): những người đang ở đây vẫn tiếp tục";
    ACCEPTING: "people can connect again", "lại nhận kết nối mới";
    LOG_SIGNED_IN: "session {} begins", "phiên {} bắt đầu";
    LOG_SIGNED_OUT: "session {} ends", "phiên {} kết thúc";
    LOG_ROOM_MADE: "room {} made by session {}", "phòng {} do phiên {} tạo";
    STATUS: "{} people, {} rooms; {}", "{} người, {} phòng; {}";
    STATUS_STOPPING: "saying goodbye", "đang chào tạm biệt";
    STATUS_DISK_WELL: "the disk is well", "đĩa ổn";
    STATUS_DISK_FULL: "the disk is full: nothing is stored", "đĩa đầy: chưa lưu được gì";
    STATUS_DISK_FAILED: "the disk fails: nothing is stored", "đĩa lỗi: chưa lưu được gì";
    DISK_FULL: "the disk is full: nothing that people say or send can be stored until there is place; meetings go on", "đĩa đã đầy: chưa lưu được tin nhắn và tệp cho đến khi có chỗ trống; các cuộc họp vẫn tiếp tục";
    DISK_FAILED: "the disk fails ({}): nothing that people say or send is stored until it can be opened anew; meetings go on", "đĩa bị lỗi ({}): chưa lưu được tin nhắn và tệp cho đến khi mở lại được; các cuộc họp vẫn tiếp tục";
    DISK_WELL: "the disk is well again: what people say is stored", "đĩa đã ổn: tin nhắn lại được lưu";
    FILE_NOT_STORED: "a file that somebody sent could not be stored: {}", "không lưu được một tệp vừa được gửi: {}";
    REFUSED_HERE: "* refused: {}", "* bị từ chối: {}";
    SOURCE_OVER: "* {}: the file is over, it is off now", "* {}: hết tệp, đã tắt";
    SOURCE_LOST: "* {}: its device is gone; it goes on when that is plugged in again", "* {}: thiết bị đã bị rút; cắm lại là chạy tiếp";
    SOURCE_BACK: "* {}: its device is back", "* {}: thiết bị đã trở lại";
    NO_SCREEN: "there is no screen: start with --screen default, NAME or test", "không có màn hình: chạy với --screen default, TÊN hoặc test";
    NO_CAMERA: "there is no camera: start with --video NAME, default, FILE, DIR or test", "không có camera: chạy với --video TÊN, default, TỆP, THƯ MỤC hoặc test";
    NO_MIC: "there is no microphone: start with --microphone NAME, default, FILE, tone or test", "không có micro: chạy với --microphone TÊN, default, TỆP, tone hoặc test";
    MICROPHONES: "microphones (* is the default):", "micro (* là mặc định):";
    SPEAKERS: "loudspeakers (* is the default):", "loa (* là mặc định):";
    CAMERAS: "cameras (* is the default):", "camera (* là mặc định):";
    SCREEN_CHOICE: "what you choose when the desktop asks", "cái bạn chọn khi máy hỏi";
    SCREEN_ASKED: "* the desktop asks what to share: choose there", "* máy đang hỏi chia sẻ gì: hãy chọn ở đó";
    SCREEN_OVER: "* sharing has ended, the screen is off now", "* đã hết chia sẻ, màn hình đã tắt";
    SCREENS: "screens and windows:", "màn hình và cửa sổ:";
    CAMERA_WORKS: "{}: {}, {} pictures/s, {} unusable; the last one is in {}", "{}: {}, {} hình/giây, {} hình hỏng; hình cuối ở {}";
    NO_DEVICES: "none", "không có";
    IS_MONITOR: " (hears what a loudspeaker plays)", " (nghe lại những gì loa phát)";
    PLAYING_TONE: "you should hear a tone …", "bạn sẽ nghe một tiếng bíp dài …";
    SPEAK_NOW: "say something …", "hãy nói gì đó …";
    PLAYING_BACK: "this is how you sound …", "giọng của bạn nghe như thế này …";
    TALKING_MUTED: "* nobody hears you: /ptt on", "* không ai nghe bạn nói: /ptt on";
    NO_SIGNAL: "* the microphone gives no signal: is it switched off or muted?", "* micro không có tín hiệu: có phải nó đang tắt hoặc bị tắt tiếng?";
    SIGNAL: "* the microphone gives a signal again", "* micro đã có tín hiệu trở lại";
    CLIPPING: "* the microphone is too loud and distorts: turn it down", "* micro quá to nên bị méo tiếng: hãy vặn nhỏ lại";
    MIC_GONE: "* the microphone is gone", "* micro đã bị rút ra";
    MIC_BACK: "* there is a microphone again", "* đã có micro trở lại";
    VOLUME_IS: "* {} is at {} %", "* âm lượng của {} là {} %";
    BREAKOUT_NAME: "Group {}", "Nhóm {}";
    NO_BREAKOUTS: "there are no breakout rooms: /breakout 3", "chưa chia nhóm: /breakout 3";
    BREAKOUT_OPEN: "* {} has breakout room {}: {}", "* {} có nhóm {}: {}";
    MOVED: "* you go to breakout room {}: {}", "* bạn được chuyển sang nhóm {}: {}";
    MOVED_BACK: "* you go back to the room", "* bạn trở lại phòng chung";
    SENT_TO: "* {} goes to breakout room {}", "* {} sang nhóm {}";
    SENT_BACK: "* {} comes back to the room", "* {} trở lại phòng chung";
    BREAKOUTS_END: "* the breakout rooms end in {} s", "* các nhóm kết thúc sau {} giây";
    BREAKOUTS_OVER: "* the breakout rooms are over", "* đã kết thúc chia nhóm";
    BREAKOUTS_TOLD: "[to all breakout rooms] {}: {}", "[gửi mọi nhóm] {}: {}";
    NO_ROOM: "you are in no room: /join ROOM", "bạn chưa ở phòng nào: /join PHÒNG";
    NO_CALL: "nobody calls", "không có ai gọi";
    NOT_ALONE: "more than one person is called “{}”: use the login name", "có nhiều người tên “{}”: hãy dùng tên đăng nhập";
    UNKNOWN_COMMAND: "no such command: {} (see /help)", "không có lệnh này: {} (xem /help)";
    COMMAND_USAGE: "usage: {}", "cách dùng: {}";
    BUSY: "too much at once: that was not sent", "quá nhiều một lúc: lệnh vừa rồi chưa gửi";
    TOO_LONG: "not sent: a message has 1 to 4000 bytes and no control characters", "chưa gửi: một tin có 1 đến 4000 byte và không có ký tự điều khiển";
    FORGOT: "forgot {} key(s) of {}", "đã quên {} khoá của {}";
    FORGOT_NONE: "no key of {} is remembered", "không nhớ khoá nào của {}";
    BROWSERS: "browsers: {}", "trình duyệt: {}";
    BROWSERS_OWN_KEY: "each browser warns once of the certificate, which is this gateway's own. Whoever wants no warning installs its authority from {}; its SHA-256 must be {}",
        "mỗi trình duyệt sẽ cảnh báo một lần về chứng chỉ, vì nó là của chính cổng này. Ai không muốn bị cảnh báo thì cài chứng chỉ gốc từ {}; SHA-256 của nó phải là {}";
    BROWSERS_PLAIN: "plain HTTP: away from this machine browsers give no camera and no microphone to such a page, unless a reverse proxy with HTTPS stands in front",
        "HTTP không mã hoá: trừ khi có proxy HTTPS đứng trước, trình duyệt ở máy khác sẽ không cho trang này dùng camera và micro";
    SERVING: "“{}” listens at {}, TCP and UDP", "“{}” đang nghe tại {}, TCP và UDP";
    FINGERPRINT: "fingerprint of its key: {}", "vân tay khoá: {}";
    REGISTRATION: "new accounts from: {}   guests from: {}", "mở tài khoản mới từ: {}   khách từ: {}";
    ACCESS_PRIVATE: "private networks", "mạng nội bộ";
    ACCESS_EVERYONE: "everywhere", "mọi nơi";
    ACCESS_NOBODY: "nowhere", "không nơi nào";
    DATA_IN: "data in {}", "dữ liệu ở {}";
    MEMORY: "up to {} people at once in {} rooms; {} MB of memory set aside", "tối đa {} người cùng lúc trong {} phòng; {} MB bộ nhớ dành sẵn";
    MEMORY_BILL: "memory: {}", "bộ nhớ: {}";
    RELAYING: "relay: {}", "chuyển tiếp: {}";
    INVITE: "people come in with this link:", "mọi người vào bằng liên kết này:";
    STOP_WITH: "stop with Ctrl-C", "dừng bằng Ctrl-C";
    STOPPED: "stopped; {} packets forwarded, {} sent again", "đã dừng; đã chuyển {} gói, gửi lại {} gói";
    CONFIG_GOOD: "the configuration is good", "cấu hình tốt";
    PASSWORD_OF: "password of {}: ", "mật khẩu của {}: ";
    NO_ROOMS: "no rooms yet", "chưa có phòng nào";
    E_UNREACHABLE: "can't reach {}: {}", "không tới được {}: {}";
    A_UNREACHABLE: "Check the address, that the server runs (hph serve), and that its port is open for TCP and UDP.", "Hãy kiểm tra địa chỉ, máy chủ có đang chạy (hph serve) không, và cổng có mở cho TCP và UDP không.";
    E_PIN: "{}: {}", "{}: máy chủ có khoá khác với khoá đã biết ({})";
    A_PIN: "Somebody may be listening in. If the owner confirms the new key: hph forget {}", "Có thể có kẻ nghe lén. Nếu chủ máy chủ xác nhận khoá mới: hph forget {}";
    E_SIGN_IN: "wrong name or password", "sai tên hoặc mật khẩu";
    A_SIGN_IN: "A new account is made with --register, where the owner allows it.", "Muốn tạo tài khoản mới hãy thêm --register, nếu chủ máy chủ cho phép.";
    E_TOO_FAST: "too many attempts", "thử quá nhiều lần";
    A_TOO_FAST: "Try again in {} s.", "Hãy thử lại sau {} giây.";
    E_REGISTRATION_CLOSED: "the owner allows no new accounts from here", "chủ máy chủ không cho mở tài khoản từ đây";
    E_GUESTS_CLOSED: "the owner allows no guests from here", "chủ máy chủ không nhận khách từ đây";
    A_GUESTS_CLOSED: "Sign in with --user NAME.", "Hãy đăng nhập bằng --user TÊN.";
    E_FALSE_SERVER: "the server can't prove that it knows the account", "máy chủ không chứng minh được là nó biết tài khoản này";
    A_FALSE_SERVER: "Do not enter the password again before the owner was asked.", "Đừng nhập lại mật khẩu trước khi hỏi chủ máy chủ.";
    E_ELSEWHERE: "the same person signed in from elsewhere", "chính người này vừa đăng nhập từ nơi khác";
    A_ELSEWHERE: "If that was not you, change the password.", "Nếu không phải bạn, hãy đổi mật khẩu.";
    E_PROTOCOL: "the server speaks another language", "máy chủ nói một ngôn ngữ khác";
    A_PROTOCOL: "Client and server must be of about the same version; see hph --version.", "Máy khách và máy chủ phải cùng phiên bản; xem hph --version.";
    E_JOIN: "can't enter “{}”: {}", "không vào được “{}”: {}";
    E_SOURCE: "{}: {}", "{}: {}";
    A_SOURCE: "See hph devices. Cameras also: MJPEG or Y4M file, folder of JPEGs, test. Microphones also: WAV file, tone, test.", "Xem hph devices. Camera còn có thể là: tệp MJPEG hoặc Y4M, thư mục JPEG, test. Micro còn có thể là: tệp WAV, tone, test.";
    P_NO_DESKTOP: "no portal: there is no desktop session to ask ({})", "không có cổng chia sẻ: không có phiên desktop nào để hỏi ({})";
    A_NO_DESKTOP: "Start hph inside the desktop session, not over ssh or with sudo. Or --screen x11:default.", "Chạy hph ngay trong phiên desktop, không qua ssh hay sudo. Hoặc --screen x11:default.";
    P_NO_PORTAL: "no portal: this desktop has none for screens ({})", "không có cổng chia sẻ: desktop này không có cổng cho màn hình ({})";
    A_NO_PORTAL: "Install xdg-desktop-portal and the part for the desktop (xdg-desktop-portal-gnome, -kde or -wlr), then sign in anew. Or sign in under X11.", "Cài xdg-desktop-portal và phần dành cho desktop (xdg-desktop-portal-gnome, -kde hoặc -wlr) rồi đăng nhập lại. Hoặc đăng nhập bằng X11.";
    P_REFUSED: "the desktop did not allow it: the question was declined or closed{}", "desktop không cho phép: câu hỏi đã bị từ chối hoặc đóng{}";
    A_REFUSED: "Share again and choose a screen or a window there.", "Hãy chia sẻ lại và chọn một màn hình hoặc cửa sổ ở đó.";
    P_NO_ANSWER: "the desktop's question was not answered within {} s", "câu hỏi của desktop không được trả lời trong {} giây";
    A_NO_ANSWER: "Share again, and look for the question behind other windows.", "Hãy chia sẻ lại, và tìm câu hỏi phía sau các cửa sổ khác.";
    P_NO_PIPEWIRE: "no frames from PipeWire: {}", "không nhận được hình từ PipeWire: {}";
    A_NO_PIPEWIRE: "Install pipewire and libpipewire-0.3-0, and look whether it runs: systemctl --user status pipewire.", "Cài pipewire và libpipewire-0.3-0, và xem nó có chạy không: systemctl --user status pipewire.";
    P_FAILED: "the portal failed: {}", "cổng chia sẻ gặp lỗi: {}";
    E_RECORDING: "the recording failed: {}", "không ghi được: {}";
    E_TIME: "no answer within {} s", "không có trả lời trong {} giây";
    E_INTERRUPTED: "interrupted", "đã dừng";
    E_STATE: "{}", "{}";
    A_STATE: "Choose another place with --state DIR.", "Hãy chọn nơi khác bằng --state THƯ_MỤC.";
    R_VERSION: "another protocol version", "khác phiên bản giao thức";
    R_INVALID: "a name or text that is not allowed", "tên hoặc nội dung không được phép";
    R_OUT_OF_ORDER: "not possible now", "lúc này không làm được";
    R_TOO_FAST: "too fast", "quá nhanh";
    R_NAME_TAKEN: "the name is taken", "tên đã có người dùng";
    R_EMAIL_TAKEN: "the email address is taken", "địa chỉ email đã có người dùng";
    R_NO_SUCH_ROOM: "there is no such room", "không có phòng này";
    R_NO_SUCH_PERSON: "there is no such person, or they are not here", "không có người này, hoặc họ không có mặt";
    R_NOT_IN_ROOM: "one must be in the room for that", "phải ở trong phòng";
    R_ROOM_FULL: "the room is full", "phòng đã đầy";
    R_ROOMS_FULL: "the server has all the rooms it may have", "máy chủ đã đủ số phòng";
    R_TOO_MANY_ROOMS: "you are in as many rooms as you may be", "bạn đã ở đủ số phòng được phép";
    R_SERVER_FULL: "the server is full", "máy chủ đã đầy";
    R_STORAGE: "the server can't store it now", "máy chủ chưa lưu được";
    R_KEY_CHANGED: "the key of the receiver has changed", "khoá của người nhận đã thay đổi";
    A_KEY_CHANGED: "Ask them by another way whether it is their device. Then: hph trust accept LINK USER", "Hãy hỏi họ qua đường khác xem đó có phải thiết bị của họ không. Sau đó: hph trust accept LIÊN_KẾT TÊN";
    R_KEYS_UNREADABLE: "the remembered keys of people can't be read", "không đọc được khoá đã ghi nhớ của mọi người";
    E_OTHER_CODE: "no key of {} has this code", "không có khoá nào của {} có mã này";
    A_OTHER_CODE: "Either you have not met yet, or somebody has put a key in between: see hph trust list.", "Hoặc hai bên chưa gặp nhau, hoặc có kẻ đã chen khoá vào giữa: xem hph trust list.";
    R_NO_SUCH_CALL: "there is no such call any more", "cuộc gọi không còn";
    R_NO_SUCH_MESSAGE: "there is no such message any more", "không còn tin này";
    R_FORBIDDEN: "only others may do that", "bạn không có quyền làm việc này";
    CHAT_EDITED: "[{}] {} changed #{}: {}", "[{}] {} đã sửa tin #{}: {}";
    CHAT_DELETED: "[{}] {} took back #{}", "[{}] {} đã thu hồi tin #{}";
    EDITED: "(edited)", "(đã sửa)";
    TAKEN_BACK: "(taken back)", "(đã thu hồi)";
    NOTHING_OLDER: "* there is nothing older", "* không còn tin nào cũ hơn";
    NOTHING_FOUND: "* nothing found", "* không tìm thấy";
    MORE_BELOW: "* there is more: --before {}", "* còn nữa: --before {}";
    LOOKING_UP: "* one moment: the last search is not over", "* xin chờ: lần tìm trước chưa xong";
    NO_OWN_MESSAGE: "you have said nothing here yet: /edit ID TEXT, /delete ID", "bạn chưa viết gì ở đây: /edit SỐ NỘI_DUNG, /delete SỐ";
    DIRECTS: "direct messages", "tin riêng";
    UNREAD_OF: "{}\t{}", "{}\t{}";
    ALL_READ: "* you have read everything", "* bạn đã đọc hết";
    R_FILE_TOO_LARGE: "the file is larger than this server takes", "tệp lớn hơn mức máy chủ cho phép";
    R_NO_SPACE: "there is no space left for files here", "ở đây không còn chỗ cho tệp";
    R_NO_SUCH_FILE: "there is no such file", "không có tệp này";
    R_WRONG_PASSWORD: "that is not the room's password", "đó không phải mật khẩu của phòng";
    R_TURNED_AWAY: "the host did not let you in", "người điều hành không cho bạn vào";
    R_PASSWORD_WANTED: "the room wants a password: --room-password-file, $HPH_ROOM_PASSWORD or a prompt", "phòng cần mật khẩu: --room-password-file, $HPH_ROOM_PASSWORD hoặc gõ vào";
    PASSWORD_OF_ROOM: "password of the room: ", "mật khẩu của phòng: ";
    WAITING: "* you wait before {} until a host lets you in", "* bạn đang chờ người điều hành cho vào {}";
    KNOCKS: "* {} waits to come into {}: /admit {}, or /turnaway", "* {} đang chờ vào {}: /admit {}, hoặc /turnaway";
    KNOCKS_NO_MORE: "* {} waits no longer before {} ({})", "* {} không còn chờ trước {} ({})";
    RULES: "* {}: waiting room {}, password {}, only hosts share {}", "* {}: phòng chờ {}, mật khẩu {}, chỉ người điều hành chia sẻ {}";
    YES: "yes", "có";
    NO: "no", "không";
    E_NO_SERVER: "no server answers at {}: {}", "không có máy chủ nào trả lời tại {}: {}";
    A_NO_SERVER: "Is it running, is it its data directory (--data DIR), and are you its user?", "Máy chủ có đang chạy không, thư mục dữ liệu (--data DIR) và người dùng có đúng không?";
    NO_ADMIN: "nobody can administer it: {}", "không quản trị được: {}";
    METRICS_AT: "figures: http://{}/metrics", "số liệu: http://{}/metrics";
    BACKUP_WHOLE: "whole: {} members, {} bytes", "nguyên vẹn: {} phần, {} byte";
    R_LOCKED: "the room is locked", "phòng đang khoá";
    REMOVED: "* you were put out of {}", "* bạn đã bị đưa ra khỏi {}";
    DONE: "* done", "* đã xong";
    R_NO_SUCH_INVITATION: "the invitation or code is wrong, used up, too old or withdrawn", "lời mời hoặc mã không đúng, đã dùng hết, quá hạn hoặc đã bị thu hồi";
    R_DEVICE_REVOKED: "this device may not sign in to this account any more", "thiết bị này không còn được đăng nhập vào tài khoản này";
    E_REVOKED: "this device was signed out for good", "thiết bị này đã bị đăng xuất vĩnh viễn";
    A_REVOKED: "Ask whoever owns the account or the server. Another device, or another key (--state DIR), may sign in.", "Hãy hỏi chủ tài khoản hoặc chủ máy chủ. Thiết bị khác, hoặc khoá khác (--state DIR), có thể đăng nhập.";
    GOOD_UNTIL: "number {}, good until {}, for {}", "số {}, dùng được đến {}, cho {} người";
    DEVICE_HERE: "signed in now", "đang đăng nhập";
    E_NO_SUCH_DEVICE: "no device has that fingerprint, or several begin so: give five digits or more", "không có thiết bị nào có vân tay đó, hoặc có nhiều thiết bị: hãy nêu từ năm chữ số trở lên";
    PASSWORD_SET: "* the new password is set; all other devices are signed out", "* đã đặt mật khẩu mới; mọi thiết bị khác đã bị đăng xuất";
    NEW_PASSWORD: "new password: ", "mật khẩu mới: ";
    PAIRING_CODE: "* show this code to the server's owner: {}   (hph admin kiosk pair {} NAME --room ROOM)", "* đưa mã này cho chủ máy chủ: {}   (hph admin kiosk pair {} TÊN --room PHÒNG)";
    ONLY_ROOM: "* you may be in {} and nowhere else", "* bạn chỉ được vào {}";
    OWNER_TOKEN: "this server has no owner yet; whoever opens this link becomes it, once, within a day: hph claim '{}' --user NAME --register", "máy chủ này chưa có chủ; ai mở liên kết này sẽ thành chủ, một lần, trong một ngày: hph claim '{}' --user TÊN --register";
    ACCESS_INVITATION: "anywhere, with an invitation", "bất kỳ đâu, nếu có lời mời";
    MUTED_BY: "* {} switched off in {}: {}", "* {} đã tắt trong {}: {}";
    UNMUTE_ASKED: "* {} asks you to switch your microphone on: /mic on", "* {} đề nghị bạn bật micro: /mic on";
    ROOM_LOCKED: "* {} is locked: nobody new may come in", "* {} đã khoá: người mới không vào được";
    ROOM_OPEN: "* {} is open again", "* {} đã mở lại";
    ROLE_HOST: "host", "điều hành";
    ROLE_OWNER: "owner", "chủ phòng";
    HAND_UP: "hand up ({})", "giơ tay ({})";
    HELP: "plain lines are chat in the current room. Commands:", "dòng thường là tin trong phòng hiện tại. Các lệnh:";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_have_the_same_places_to_fill() {
        for phrase in ALL {
            assert_eq!(phrase.en.matches("{}").count(), phrase.vi.matches("{}").count(), "{}", phrase.en);
        }
    }

    #[test]
    fn places_are_filled_in_order_and_braces_in_values_stay() {
        let text = Lang::En.fill(&SIGNED_IN, &[&"{}", &"Lan"]);
        assert_eq!(text, "signed in to “{}” as Lan");
    }

    #[test]
    fn the_locale_decides_and_the_strongest_variable_wins() {
        let with = |pairs: &'static [(&str, &str)]| {
            Lang::from_environment(|name| {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(with(&[("LANG", "vi_VN.UTF-8")]), Lang::Vi);
        assert_eq!(with(&[("LANG", "vi")]), Lang::Vi);
        assert_eq!(with(&[("LANG", "vi_VN"), ("LC_ALL", "C")]), Lang::En);
        assert_eq!(with(&[("LANG", "C"), ("LC_ALL", ""), ("LC_MESSAGES", "vi_VN")]), Lang::Vi);
        assert_eq!(with(&[("LANG", "vic_XX")]), Lang::En);
        assert_eq!(with(&[]), Lang::En);
    }
}
