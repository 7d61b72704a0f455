// Every text, in Vietnamese and English. A text has both or does not compile.

import { signal } from '@preact/signals';

export type Lang = 'vi' | 'en';

export const lang = signal<Lang>(
  (localStorage.getItem('lang') as Lang | null) ?? (navigator.language.startsWith('vi') ? 'vi' : 'en'),
);

export function setLang(to: Lang): void {
  lang.value = to;
  localStorage.setItem('lang', to);
  document.documentElement.lang = to;
}

/** The text, with its places `{0}`, `{1}` filled. */
export function tr(key: Key, ...values: (string | number)[]): string {
  return TEXTS[key][lang.value].replace(/\{(\d)\}/g, (_, at) => String(values[Number(at)] ?? ''));
}

/** The text of a code that came from elsewhere; the general one if there is none. */
export function trCode(code: string, ...values: (string | number)[]): string {
  return code in TEXTS ? tr(code as Key, ...values) : tr('failed', code);
}

export type Key = keyof typeof TEXTS;

const TEXTS = {
  welcome: { vi: 'Chào mừng! Tham gia cuộc họp', en: 'Welcome! Join the meeting' },
  server_at: { vi: 'Máy chủ: {0}', en: 'Server: {0}' },
  looking: { vi: 'Đang tìm máy chủ…', en: 'Looking for the server…' },
  no_server: {
    vi: 'Không liên lạc được với máy chủ. Trang sẽ tự thử lại.',
    en: 'The server can’t be reached. This page tries again by itself.',
  },
  as_guest: { vi: 'Khách', en: 'Guest' },
  with_password: { vi: 'Mật khẩu', en: 'Password' },
  your_name: { vi: 'Tên hiển thị', en: 'Your name' },
  username: { vi: 'Tên đăng nhập', en: 'Login name' },
  password: { vi: 'Mật khẩu', en: 'Password' },
  register: { vi: 'Tạo tài khoản nếu tên này chưa có', en: 'Make an account if the name is free' },
  enter: { vi: 'Vào', en: 'Enter' },
  entering: { vi: 'Đang vào…', en: 'Entering…' },
  username_rule: { vi: '3 đến 20 ký tự: a–z, 0–9, _ . -', en: '3 to 20 of a–z, 0–9, _ . -' },
  no_way_in: { vi: 'Chủ máy chủ không cho vào từ đây.', en: 'The server’s owner lets nobody in from here.' },
  lobby: { vi: 'Sảnh chờ', en: 'Lobby' },
  rooms: { vi: 'Phòng', en: 'Rooms' },
  no_rooms: { vi: 'Chưa có phòng nào. Hãy tạo phòng đầu tiên.', en: 'There is no room yet. Make the first one.' },
  search: { vi: 'Tìm phòng', en: 'Find a room' },
  nothing_found: { vi: 'Không có phòng nào tên như vậy.', en: 'No room is called so.' },
  room_name: { vi: 'Tên phòng', en: 'Name of the room' },
  create_join: { vi: 'Tạo và vào', en: 'Make and enter' },
  join: { vi: 'Vào', en: 'Join' },
  online: { vi: 'Trực tuyến', en: 'Online' },
  in_room: { vi: '{0} người', en: '{0} inside' },
  sign_out: { vi: 'Đăng xuất', en: 'Sign out' },
  you: { vi: '{0} (bạn)', en: '{0} (you)' },
  people: { vi: 'Người ({0})', en: 'People ({0})' },
  chat: { vi: 'Trò chuyện', en: 'Chat' },
  chat_unread: { vi: 'Trò chuyện, {0} tin chưa đọc', en: 'Chat, {0} unread' },
  close: { vi: 'Đóng', en: 'Close' },
  mute: { vi: 'Tắt micro', en: 'Mute' },
  unmute: { vi: 'Bật micro', en: 'Unmute' },
  camera_on: { vi: 'Bật camera', en: 'Start camera' },
  camera_off: { vi: 'Tắt camera', en: 'Stop camera' },
  share: { vi: 'Chia sẻ màn hình', en: 'Share screen' },
  stop_sharing: { vi: 'Ngừng chia sẻ', en: 'Stop sharing' },
  raise_hand: { vi: 'Giơ tay', en: 'Raise hand' },
  lower_hand: { vi: 'Hạ tay', en: 'Lower hand' },
  leave: { vi: 'Rời phòng', en: 'Leave' },
  alone: {
    vi: 'Bạn là người duy nhất ở đây. Gửi liên kết này để mời người khác:',
    en: 'You are alone here. Invite others with this link:',
  },
  mic_off_of: { vi: 'micro tắt', en: 'microphone off' },
  hand_of: { vi: 'giơ tay', en: 'hand up' },
  speaking: { vi: 'đang nói', en: 'speaking' },
  screen_of: { vi: 'Màn hình của {0}', en: 'Screen of {0}' },
  to: { vi: 'Tới', en: 'To' },
  everybody: { vi: 'Mọi người', en: 'Everyone' },
  message: { vi: 'Tin nhắn', en: 'Message' },
  message_to: { vi: 'Tin riêng cho {0} (mã hoá đầu cuối)', en: 'To {0} alone (end-to-end encrypted)' },
  send: { vi: 'Gửi', en: 'Send' },
  chat_readable: {
    vi: 'Máy chủ đọc được trò chuyện của phòng và giữ lại lịch sử; tin riêng thì không.',
    en: 'The server can read the room’s chat and keeps it; direct messages it can’t.',
  },
  direct_from: { vi: 'Tin riêng từ {0}', en: 'From {0} to you alone' },
  direct_to: { vi: 'Tin riêng cho {0}', en: 'To {0} alone' },
  taken_back: { vi: '(tin đã thu hồi)', en: '(taken back)' },
  unreadable: { vi: '(không mở được tin này)', en: '(this message can’t be opened)' },
  edited: { vi: 'đã sửa', en: 'edited' },
  waiting: { vi: 'đang gửi…', en: 'sending…' },
  not_sent: { vi: 'chưa gửi được', en: 'not sent' },
  write_to: { vi: 'Nhắn riêng', en: 'Message' },
  call: { vi: 'Gọi', en: 'Call' },
  mute_them: { vi: 'Tắt micro của người này', en: 'Mute them' },
  remove_them: { vi: 'Mời ra khỏi phòng', en: 'Remove' },
  accept_key: { vi: 'Chấp nhận khoá mới', en: 'Accept the new key' },
  key_is_changed: { vi: 'khoá đã thay đổi', en: 'key changed' },
  safety: { vi: 'Mã an toàn', en: 'Safety code' },
  safety_text: {
    vi: 'Nếu mọi người đọc cho nhau nghe cùng một mã thì không có ai chen vào giữa. Trang này do cổng cung cấp: ai kiểm soát cổng thì có thể đưa một trang giả; chương trình cài trên máy thì không gặp điều đó.',
    en: 'If all of you read the same digits to each other, nobody stands between. This page comes from a gateway: whoever controls that could give you a false page; an installed program has no such risk.',
  },
  rings: { vi: '{0} gọi bạn vào “{1}”', en: '{0} asks you to come to “{1}”' },
  accept: { vi: 'Nhận', en: 'Accept' },
  decline: { vi: 'Từ chối', en: 'Decline' },
  reconnecting: { vi: 'Mất kết nối – đang tự vào lại…', en: 'Connection lost – coming back by itself…' },
  media_blocked: {
    vi: 'Hình và tiếng chưa đi qua được; đang thử lại…',
    en: 'Pictures and sound don’t get through yet; trying again…',
  },
  insecure_title: {
    vi: 'Trang này chưa được mở qua kết nối bảo mật',
    en: 'This page was not opened over a secure connection',
  },
  insecure_text: {
    vi: 'Vì vậy trình duyệt không cho nó dùng micro, camera và phát tiếng. Bạn vẫn xem hình và trò chuyện được. Để dùng đầy đủ: 1. mở địa chỉ bắt đầu bằng https:// của máy chủ này; 2. chấp nhận chứng chỉ khi trình duyệt hỏi. Khi chưa làm vậy, ai ở trên đường truyền có thể thay đổi trang này, nên đừng coi là riêng tư.',
    en: 'So the browser gives it no microphone, no camera and no sound. You can watch and chat. To have all: 1. open this server’s address that begins with https://; 2. accept its certificate when the browser asks. Until then whoever is on the way can change this page: do not take it for private.',
  },
  no_codec: {
    vi: 'Trình duyệt này thiếu WebCodecs: bạn xem và trò chuyện được, nhưng không nghe và nói được. Hãy dùng Chrome, Edge, Firefox hoặc Safari bản mới.',
    en: 'This browser lacks WebCodecs: you can watch and chat, but not hear and speak. A recent Chrome, Edge, Firefox or Safari has it.',
  },
  no_microphone: { vi: 'Không dùng được micro: {0}', en: 'The microphone can’t be used: {0}' },
  no_camera: { vi: 'Không dùng được camera: {0}', en: 'The camera can’t be used: {0}' },
  no_screen: { vi: 'Không chia sẻ được màn hình: {0}', en: 'The screen can’t be shared: {0}' },
  copy: { vi: 'Sao chép', en: 'Copy' },
  copied: { vi: 'Đã sao chép', en: 'Copied' },
  theme: { vi: 'Đổi giao diện sáng/tối', en: 'Light or dark' },
  other_language: { vi: 'English', en: 'Tiếng Việt' },
  failed: { vi: 'Có lỗi: {0}', en: 'It failed: {0}' },
  muted_by: { vi: '{0} đã tắt micro của bạn.', en: '{0} muted you.' },
  stopped_by: { vi: '{0} đã tắt hình của bạn.', en: '{0} stopped your video.' },
  unmute_asked: { vi: '{0} đề nghị bạn bật micro.', en: '{0} asks you to unmute.' },
  left_room_closed: { vi: 'Cuộc họp “{0}” đã kết thúc.', en: '“{0}” was ended.' },
  left_removed: { vi: 'Bạn đã được mời ra khỏi “{0}”.', en: 'You were removed from “{0}”.' },
  call_ringing: { vi: 'Đang đổ chuông…', en: 'It rings…' },
  call_accepted: { vi: 'Họ đã nhận lời.', en: 'They are coming.' },
  call_declined: { vi: 'Họ từ chối.', en: 'They declined.' },
  call_timed_out: { vi: 'Không có ai trả lời.', en: 'Nobody answered.' },
  call_cancelled: { vi: 'Cuộc gọi đã huỷ.', en: 'The call was cancelled.' },
  call_gone: { vi: 'Họ không còn trực tuyến.', en: 'They are gone.' },
  key_changed: {
    vi: 'Khoá của {0} đã thay đổi: hãy hỏi họ qua đường khác. Trước đó không có tin riêng nào được gửi cho họ.',
    en: 'The key of {0} has changed: ask them by another way. Until you accept it, no direct message goes to them.',
  },
  not_sent_key_changed: {
    vi: 'Chưa gửi: khoá của người nhận đã thay đổi.',
    en: 'Not sent: the receiver’s key has changed.',
  },
  not_sent_no_such_person: { vi: 'Chưa gửi: không có người này.', en: 'Not sent: there is no such person.' },
  not_sent_invalid: {
    vi: 'Chưa gửi: tin dài 1 đến 4000 byte và không có ký tự điều khiển.',
    en: 'Not sent: a message has 1 to 4000 bytes and no control characters.',
  },
  not_sent_not_in_room: { vi: 'Chưa gửi: bạn không ở trong phòng.', en: 'Not sent: you are not in the room.' },
  refused_too_fast: { vi: 'Hơi nhanh quá, hãy thử lại sau giây lát.', en: 'A little too fast: try again in a moment.' },
  refused_locked: { vi: 'Phòng đã khoá.', en: 'The room is locked.' },
  refused_room_full: { vi: 'Phòng đã đầy.', en: 'The room is full.' },
  refused_rooms_full: { vi: 'Máy chủ đã đủ số phòng.', en: 'The server has all the rooms it may have.' },
  refused_too_many_rooms: { vi: 'Bạn đang ở quá nhiều phòng.', en: 'You are in too many rooms.' },
  refused_forbidden: { vi: 'Bạn không được phép làm việc này.', en: 'You may not do that.' },
  refused_no_such_person: { vi: 'Người này không có ở đây.', en: 'They are not here.' },
  refused_no_such_room: { vi: 'Không có phòng này.', en: 'There is no such room.' },
  refused_invalid: { vi: 'Tên này không dùng được.', en: 'This name can’t be used.' },
  refused_storage: { vi: 'Máy chủ không lưu được.', en: 'The server could not store it.' },
  refused_name_taken: { vi: 'Tên này đã có người dùng.', en: 'The name is taken.' },
  refused_out_of_order: { vi: 'Lúc này chưa làm được.', en: 'Not now.' },
  signin_sign_in: { vi: 'Sai tên hoặc mật khẩu.', en: 'Name or password is wrong.' },
  signin_too_fast: {
    vi: 'Thử quá nhiều lần; hãy thử lại sau {0} giây.',
    en: 'Too many attempts; try again in {0} seconds.',
  },
  signin_guests_closed: { vi: 'Ở đây không nhận khách.', en: 'No guests from here.' },
  signin_registration_closed: { vi: 'Không mở tài khoản mới từ đây.', en: 'No new accounts from here.' },
  signin_name_taken: { vi: 'Tên đăng nhập đã có người dùng.', en: 'The login name is taken.' },
  signin_invalid: { vi: 'Tên không hợp lệ.', en: 'The name is not allowed.' },
  signin_server_full: { vi: 'Máy chủ đã đầy.', en: 'The server is full.' },
  signin_storage: { vi: 'Máy chủ không lưu được.', en: 'The server could not store it.' },
  signin_false_server: {
    vi: 'Máy chủ này không biết mật khẩu của bạn: có thể là máy chủ giả.',
    en: 'This server does not know your password: it may be a false one.',
  },
  signin_iterations: { vi: 'Máy chủ này không an toàn.', en: 'This server is not safe.' },
  signin_version: {
    vi: 'Trang và máy chủ khác phiên bản: hãy tải lại trang.',
    en: 'Page and server are of different versions: reload the page.',
  },
  signin_signed_in_elsewhere: { vi: 'Bạn đã đăng nhập ở nơi khác.', en: 'You signed in elsewhere.' },
  signin_unexpected: { vi: 'Máy chủ trả lời khó hiểu.', en: 'The server’s answer makes no sense.' },
} as const satisfies Record<string, Record<Lang, string>>;
