//! The words of every trouble, in Vietnamese and English.

use super::{Trouble as T, Words};

const fn words(what: &'static str, we: &'static str, you: &'static str) -> Words {
    Words { what, we, you }
}

/// Code, Vietnamese, English.
type Entry = (&'static str, Words, Words);

impl T {
    pub(super) const fn entry(self) -> Entry {
        TABLE[self as usize].1
    }
}

/// In the order of the troubles.
const TABLE: [(T, Entry); T::ALL.len()] = [
    (
        T::Unreachable,
        (
            "E-NET-01",
            words("Không kết nối được máy chủ.", "", "Kiểm tra địa chỉ và mạng, rồi thử lại hoặc mở Chẩn đoán."),
            words(
                "The server can't be reached.",
                "",
                "Check the address and the network, then try again or open Diagnostics.",
            ),
        ),
    ),
    (
        T::ConnectionLost,
        (
            "E-NET-02",
            words(
                "Mất kết nối với máy chủ.",
                "Chương trình đang tự kết nối lại.",
                "Kiểm tra mạng nếu việc này kéo dài.",
            ),
            words(
                "The connection to the server is lost.",
                "The program is connecting again.",
                "Check the network if this lasts.",
            ),
        ),
    ),
    (
        T::NoDatagrams,
        (
            "E-NET-03",
            words(
                "Âm thanh và hình ảnh không đi qua được mạng này.",
                "Trò chuyện vẫn hoạt động; chương trình vẫn đang thử.",
                "Nhờ quản trị mạng mở cổng UDP của máy chủ.",
            ),
            words(
                "Sound and pictures do not get through this network.",
                "Chat still works; the program keeps trying.",
                "Ask for the server's UDP port to be opened.",
            ),
        ),
    ),
    (
        T::ServerKey,
        (
            "E-SEC-01",
            words(
                "Khóa của máy chủ khác với lần trước.",
                "Chưa gửi gì cho máy chủ này.",
                "Hỏi người quản trị xem khóa có được thay không; nếu không, đừng đăng nhập.",
            ),
            words(
                "The server's key is another one than before.",
                "Nothing was sent to it.",
                "Ask its owner whether the key was changed; if not, do not sign in.",
            ),
        ),
    ),
    (
        T::FalseServer,
        (
            "E-SEC-02",
            words(
                "Máy chủ không chứng minh được nó biết tài khoản của bạn.",
                "Mật khẩu chưa được gửi đi.",
                "Kiểm tra địa chỉ máy chủ và hỏi người quản trị.",
            ),
            words(
                "The server can't prove that it knows your account.",
                "Your password was not sent.",
                "Check the server's address and ask its owner.",
            ),
        ),
    ),
    (
        T::Version,
        (
            "E-VER-01",
            words(
                "Máy chủ dùng phiên bản giao thức khác.",
                "",
                "Cập nhật chương trình, hoặc nhờ quản trị cập nhật máy chủ.",
            ),
            words(
                "The server speaks another version of the protocol.",
                "",
                "Update the program, or ask for the server to be updated.",
            ),
        ),
    ),
    (
        T::SignedInElsewhere,
        (
            "E-AUTH-01",
            words(
                "Tài khoản này vừa đăng nhập ở nơi khác.",
                "Phiên ở đây đã kết thúc.",
                "Đăng nhập lại nếu bạn muốn dùng máy này; nếu không phải bạn, hãy đổi mật khẩu.",
            ),
            words(
                "This account has just signed in elsewhere.",
                "The session here has ended.",
                "Sign in again to use this device; if it was not you, change your password.",
            ),
        ),
    ),
    (
        T::Revoked,
        (
            "E-AUTH-09",
            words("Thiết bị này đã bị đăng xuất vĩnh viễn.", "", "Hãy hỏi chủ tài khoản hoặc chủ máy chủ."),
            words("This device was signed out for good.", "", "Ask whoever owns the account or the server."),
        ),
    ),
    (
        T::Invitation,
        (
            "E-AUTH-10",
            words("Lời mời hoặc mã không còn dùng được.", "", "Xin một lời mời mới."),
            words("The invitation or code is no longer good.", "", "Ask for a new invitation."),
        ),
    ),
    (
        T::SignIn,
        (
            "E-AUTH-02",
            words("Tên hoặc mật khẩu không đúng.", "", "Kiểm tra lại cả hai."),
            words("Name or password are wrong.", "", "Check both."),
        ),
    ),
    (
        T::NameTaken,
        (
            "E-AUTH-03",
            words("Tên đăng nhập này đã có người dùng.", "", "Chọn tên khác."),
            words("This login name is taken.", "", "Choose another one."),
        ),
    ),
    (
        T::EmailTaken,
        (
            "E-AUTH-04",
            words("Địa chỉ email này đã có người dùng.", "", "Dùng địa chỉ khác, hoặc đăng nhập bằng tài khoản đã có."),
            words("This email address is taken.", "", "Use another one, or sign in with the account that has it."),
        ),
    ),
    (
        T::RegistrationClosed,
        (
            "E-AUTH-05",
            words("Máy chủ không nhận tài khoản mới từ đây.", "", "Nhờ quản trị tạo tài khoản cho bạn."),
            words("The server takes no new accounts from here.", "", "Ask its owner for an account."),
        ),
    ),
    (
        T::GuestsClosed,
        (
            "E-AUTH-06",
            words("Máy chủ không nhận khách từ đây.", "", "Đăng nhập bằng tài khoản."),
            words("The server takes no guests from here.", "", "Sign in with an account."),
        ),
    ),
    (
        T::TooFast,
        (
            "E-AUTH-07",
            words("Quá nhiều lần thử trong thời gian ngắn.", "", "Đợi một lát rồi thử lại."),
            words("Too many attempts in a short time.", "", "Wait a moment, then try again."),
        ),
    ),
    (
        T::ServerFull,
        (
            "E-SRV-01",
            words("Máy chủ đã đầy.", "", "Thử lại sau, hoặc báo cho quản trị."),
            words("The server is full.", "", "Try again later, or tell its owner."),
        ),
    ),
    (
        T::NoSuchRoom,
        (
            "E-ROOM-01",
            words("Không có phòng này nữa.", "", "Chọn phòng khác trong sảnh chờ."),
            words("There is no such room any more.", "", "Choose another one in the lobby."),
        ),
    ),
    (
        T::RoomFull,
        (
            "E-ROOM-02",
            words("Phòng đã đủ người.", "", "Thử lại khi có người rời phòng."),
            words("The room is full.", "", "Try again when somebody has left."),
        ),
    ),
    (
        T::RoomsFull,
        (
            "E-ROOM-03",
            words("Máy chủ không tạo thêm phòng được.", "", "Dùng một phòng đã có."),
            words("The server can make no more rooms.", "", "Use one that is there."),
        ),
    ),
    (
        T::TooManyRooms,
        (
            "E-ROOM-04",
            words("Bạn đang ở quá nhiều phòng.", "", "Rời bớt một phòng."),
            words("You are in too many rooms.", "", "Leave one of them."),
        ),
    ),
    (
        T::Locked,
        (
            "E-ROOM-05",
            words("Phòng đã khóa.", "", "Nhờ chủ phòng mở khóa."),
            words("The room is locked.", "", "Ask a host to unlock it."),
        ),
    ),
    (
        T::Forbidden,
        (
            "E-ROOM-06",
            words("Bạn không được phép làm việc này ở đây.", "", "Nhờ chủ phòng."),
            words("You may not do that here.", "", "Ask a host."),
        ),
    ),
    (
        T::NoSuchPerson,
        (
            "E-ROOM-07",
            words("Người này không có mặt.", "", "Đợi họ trực tuyến."),
            words("This person is not here.", "", "Wait until they are online."),
        ),
    ),
    (
        T::NoSuchMessage,
        (
            "E-CHAT-01",
            words("Tin nhắn này không còn được lưu.", "", "Viết tin mới."),
            words("This message is no longer kept.", "", "Write a new one."),
        ),
    ),
    (
        T::NoSuchFile,
        (
            "E-FILE-01",
            words("Không có tệp này, hoặc tệp không còn được lưu.", "", "Hỏi người gửi."),
            words("There is no such file, or it is no longer kept.", "", "Ask whoever sent it."),
        ),
    ),
    (
        T::FileTooLarge,
        (
            "E-FILE-04",
            words("Tệp lớn hơn mức máy chủ cho phép.", "", "Gửi tệp nhỏ hơn."),
            words("The file is larger than this server takes.", "", "Send a smaller one."),
        ),
    ),
    (
        T::NoSpace,
        (
            "E-FILE-05",
            words("Ở đây không còn chỗ cho tệp.", "", "Xoá tệp cũ, hoặc hỏi chủ máy chủ."),
            words("There is no space left for files here.", "", "Delete old ones, or ask the server's owner."),
        ),
    ),
    (
        T::RoomPassword,
        (
            "E-ROOM-11",
            words("Phòng cần mật khẩu đúng.", "", "Hỏi người mời bạn; vào bằng hph join."),
            words("The room wants the right password.", "", "Ask whoever invited you; come in with hph join."),
        ),
    ),
    (
        T::TurnedAway,
        (
            "E-ROOM-12",
            words("Người điều hành không cho vào phòng.", "", "Hỏi họ, rồi thử lại."),
            words("The host did not let you in.", "", "Ask them, then try again."),
        ),
    ),
    (
        T::NoSuchCall,
        (
            "E-CALL-01",
            words("Cuộc gọi đã kết thúc.", "", "Gọi lại nếu cần."),
            words("The call is over.", "", "Call back if you like."),
        ),
    ),
    (
        T::Removed,
        (
            "E-ROOM-08",
            words(
                "Chủ phòng đã đưa bạn ra khỏi phòng.",
                "Micro và camera đã tắt.",
                "Hỏi chủ phòng nếu bạn nghĩ đây là nhầm lẫn.",
            ),
            words(
                "A host has put you out of the room.",
                "Microphone and camera are off.",
                "Ask the host if you think it was a mistake.",
            ),
        ),
    ),
    (
        T::RoomClosed,
        (
            "E-ROOM-09",
            words("Cuộc họp đã kết thúc.", "Micro và camera đã tắt.", "Quay lại sảnh chờ."),
            words("The meeting has ended.", "Microphone and camera are off.", "Go back to the lobby."),
        ),
    ),
    (
        T::Storage,
        (
            "E-SRV-02",
            words("Máy chủ không lưu được.", "Chưa có gì thay đổi.", "Thử lại; nếu vẫn lỗi, báo cho quản trị."),
            words("The server could not store it.", "Nothing has changed.", "Try again; if it lasts, tell its owner."),
        ),
    ),
    (
        T::Refused,
        (
            "E-SRV-03",
            words("Máy chủ từ chối yêu cầu.", "", "Thử lại; nếu vẫn lỗi, cập nhật chương trình."),
            words("The server refused the request.", "", "Try again; if it lasts, update the program."),
        ),
    ),
    (
        T::KeyChanged,
        (
            "E-SEC-03",
            words(
                "Khóa của người này khác với trước.",
                "Tin riêng chưa được gửi.",
                "So mã an toàn với họ, rồi chấp nhận khóa mới.",
            ),
            words(
                "This person's key is another one than before.",
                "The direct message was not sent.",
                "Compare the safety code with them, then accept the new key.",
            ),
        ),
    ),
    (
        T::KeysUnreadable,
        (
            "E-SEC-04",
            words(
                "Không đọc được danh sách khóa đã lưu.",
                "Không gửi tin riêng và không tin khóa nào.",
                "Kiểm tra tệp khóa trong thư mục dữ liệu.",
            ),
            words(
                "The keys that were kept can't be read.",
                "No direct message is sent and no key is trusted.",
                "Check the file of keys in the data folder.",
            ),
        ),
    ),
    (
        T::Microphone,
        (
            "E-DEV-01",
            words(
                "Không mở được micro.",
                "Bạn vẫn ở trong phòng và nghe được.",
                "Chọn micro khác, hoặc đóng chương trình đang dùng nó.",
            ),
            words(
                "The microphone can't be opened.",
                "You stay in the room and hear others.",
                "Choose another one, or close the program that uses it.",
            ),
        ),
    ),
    (
        T::Camera,
        (
            "E-DEV-02",
            words(
                "Không mở được camera.",
                "Bạn vẫn ở trong phòng.",
                "Chọn camera khác, hoặc đóng chương trình đang dùng nó.",
            ),
            words(
                "The camera can't be opened.",
                "You stay in the room.",
                "Choose another one, or close the program that uses it.",
            ),
        ),
    ),
    (
        T::Screen,
        (
            "E-DEV-03",
            words("Không chia sẻ được màn hình.", "", "Chọn lại màn hình hoặc cửa sổ, hoặc cho phép trong hệ thống."),
            words("The screen can't be shared.", "", "Choose a screen or window again, or allow it in the system."),
        ),
    ),
    (
        T::Speaker,
        (
            "E-DEV-04",
            words("Không mở được loa.", "Bạn vẫn ở trong phòng.", "Chọn loa khác."),
            words("The loudspeaker can't be opened.", "You stay in the room.", "Choose another one."),
        ),
    ),
    (
        T::Busy,
        (
            "E-APP-01",
            words("Chương trình đang bận.", "", "Thử lại sau giây lát."),
            words("The program is busy.", "", "Try again in a moment."),
        ),
    ),
    (
        T::Settings,
        (
            "E-APP-02",
            words(
                "Không lưu được cài đặt.",
                "Cài đặt vẫn có hiệu lực đến khi thoát.",
                "Kiểm tra dung lượng đĩa và quyền ghi.",
            ),
            words(
                "The settings can't be kept.",
                "They hold until the program ends.",
                "Check the disk's space and the right to write.",
            ),
        ),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trouble_is_in_its_place() {
        for (index, (trouble, _)) in TABLE.iter().enumerate() {
            assert_eq!(*trouble as usize, index, "{trouble:?}");
            assert_eq!(T::ALL[index], *trouble);
        }
    }
}
