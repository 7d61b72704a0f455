// What the page and its worker say to each other. Events come from the core as JSON (frontends/web/wasm/src/events.rs); the
// worker adds a few of its own.

/** A track of somebody, as announced. */
export interface Track {
  is_on: boolean;
  codec: 'pcm' | 'jpeg' | 'opus' | 'strips';
  width: number;
  height: number;
}

/** Tracks by their number. */
export const MICROPHONE = 0;
export const CAMERA = 1;
export const SCREEN = 2;

/** Who wants to sign in, and how. Passwords are kept for as long as it takes. */
export type Account =
  | { kind: 'guest'; name: string }
  | { kind: 'password'; username: string; password: string; name: string; register: boolean }
  | { kind: 'token'; username: string; token: string };

export type Role = 'guest' | 'member' | 'host' | 'owner';

export interface ParticipantEvent {
  t: 'participant';
  room: number;
  slot: number;
  member: number;
  username: string;
  display_name: string;
  seal: string;
  sign: string;
  tracks: [Track, Track, Track, Track];
  role: Role;
  hand: number;
  is_new: boolean;
  is_me: boolean;
}

/** What happened at the server. */
export type CoreEvent =
  | { t: 'hello'; name: string; password: boolean; register: boolean; guest: boolean }
  | { t: 'welcome'; username: string; display_name: string; server: string; sign: string; token?: string }
  | { t: 'presented'; kind: 'invitation' | 'owner' | 'reset'; room: string; username: string }
  | { t: 'ticket_refused'; why: string; retry_after_s: number }
  | { t: 'only_room'; room: number; name: string }
  | {
      t: 'device';
      request: number;
      sign: string;
      name: string;
      first_seen_ms: number;
      last_seen_ms: number;
      is_here: boolean;
    }
  | { t: 'devices_all'; request: number }
  | {
      t: 'invitation';
      request: number;
      id: string;
      room: string;
      made_by: string;
      secret: string;
      code: string;
      uses: number;
      used: number;
      expires_ms: number;
      may_register: boolean;
    }
  | { t: 'invitations_all'; request: number }
  | { t: 'account_done'; request: number }
  | { t: 'sign_in_failed'; why: string; retry_after_s: number }
  | { t: 'broken'; why: string }
  | { t: 'joined'; request: number; room: number; name: string; slot: number }
  | { t: 'left'; room: number; reason: 'asked' | 'room_closed' | 'removed' }
  | ParticipantEvent
  | { t: 'participant_gone'; room: number; slot: number; username: string }
  | { t: 'chat'; room: number; id: number; author: string; display_name: string; time_ms: number; text: string }
  | {
      t: 'chat_changed';
      room: number;
      id: number;
      target: number;
      author: string;
      time_ms: number;
      text: string | null;
    }
  | { t: 'chat_stored'; reference: string; room: number; id: number; time_ms: number }
  | { t: 'direct'; id: number; from: string; seal: string; sign: string; time_ms: number; text: string | null }
  | { t: 'direct_stored'; reference: string; id: number; time_ms: number }
  | { t: 'keys'; request: number; username: string; seal: string; sign: string }
  | { t: 'muted'; room: number; tracks: number; by: string }
  | { t: 'unmute_asked'; room: number; by: string }
  | { t: 'room_locked'; room: number; is_locked: boolean }
  | { t: 'datagrams'; is_up: boolean }
  | { t: 'tunnelled'; is_on: boolean }
  | { t: 'refused'; request: string; reason: string; retry_after_s: number }
  | { t: 'signed_out'; reason: string }
  | { t: 'lobby_room'; place: number; room: number; name: string; people: number }
  | { t: 'lobby_room_gone'; place: number }
  | { t: 'lobby_person'; place: number; username: string; display_name: string }
  | { t: 'lobby_person_gone'; place: number }
  | { t: 'lobby_complete' }
  | { t: 'room_created'; request: number; room: number }
  | { t: 'ringing'; call: number; from: string; display_name: string; room: number; name: string; seconds: number }
  | { t: 'call_state'; request: number; call: number; outcome: string }
  | { t: 'speaker'; room: number; slot: number | null }
  | { t: 'reacted'; room: number; slot: number; emoji: string }
  | { t: 'moved'; from: number; room: number; parent: number; number: number; name: string }
  | { t: 'breakout'; room: number; number: number; name: string }
  | { t: 'assigned'; room: number; username: string; number: number }
  | { t: 'breakouts_end'; room: number; after_s: number }
  | { t: 'breakouts_told'; room: number; by: string; display_name: string; text: string }
  | { t: 'moderated'; request: number }
  | {
      t: 'chat_found';
      request: number;
      room: number;
      id: number;
      author: string;
      display_name: string;
      time_ms: number;
      edited_ms: number;
      text: string | null;
    }
  | { t: 'chat_found_all'; request: number; room: number; before: number }
  | { t: 'file_wanted'; reference: string; file: number; from: number }
  | { t: 'file_stored'; reference: string; file: number }
  | FileOnShelf
  | { t: 'files_all'; request: number; before: number }
  | { t: 'file_gone'; request: number; room: number; file: number }
  | { t: 'password_wanted'; request: number; room: number; salt: string }
  | { t: 'waiting'; request: number; room: number; name: string }
  | { t: 'knock'; room: number; username: string; display_name: string; is_waiting: boolean }
  | { t: 'rules'; room: number; has_waiting_room: boolean; has_password: boolean; hosts_share: boolean };

/** A file of a room: it has just come (`request` is 0), or was asked for. */
export interface FileOnShelf {
  t: 'file';
  request: number;
  room: number;
  file: number;
  author: string;
  display_name: string;
  time_ms: number;
  name: string;
  size: number;
  sha256: string;
}

/** The connection, as the worker sees it. */
export type Connection = 'off' | 'asking' | 'connecting' | 'up' | 'lost';

export interface Figures {
  is_up: boolean;
  is_tunnelled: boolean;
  rtt_us: number;
  loss_up: number;
  loss_down: number;
  levels: [slot: number, level: number, voice: number][];
  voices: import('./mixer').VoiceFigures[];
  pictures: [slot: number, track: number, seen: number, comes: number, strips: number, age_ms: number][];
  drops: Record<string, number>;
  /** What the worker adds: the time that coding a picture took last, and what the browser has not sent yet. */
  coding_ms: number;
  unsent_bytes: number;
  /** What the gateway dropped for us: frames of pictures, packets of pictures, packets of voices. */
  dropped: [number, number, number];
}

/** What the worker adds. */
export type WorkerEvent =
  | { t: 'ready' }
  | { t: 'connection'; state: Connection; why: string }
  | { t: 'figures'; figures: Figures }
  | { t: 'sent'; kind: 'chat' | 'direct'; reference: string; to: string; text: string }
  | { t: 'not_sent'; reference: string; reason: string }
  | { t: 'key_changed'; username: string }
  | { t: 'trusted'; people: Record<string, string[]> }
  | { t: 'picture_taken'; track: number }
  /** The stream of our microphone is not of the rate that we send: it has to go through the browser's audio graph. */
  | { t: 'other_rate' }
  | { t: 'failed'; what: string }
  | { t: 'wrong_password'; room: number }
  | import('./files').FileEvent
  | import('./papers').PaperEvent
  | import('./history').PageEvent;

export type AppEvent = CoreEvent | WorkerEvent;

/** What the page asks of its worker. */
export type Command =
  | { do: 'start'; device: Uint8Array; people: Record<string, string[]>; socket: string; wasm: string }
  /** `ticket` is the secret of an invitation, its digits, or nothing. */
  | { do: 'probe'; ticket: string }
  | { do: 'sign_in'; account: Account; ticket: string }
  | { do: 'sign_out' }
  | { do: 'watch_lobby'; on: boolean }
  | { do: 'join'; name: string; may_create: boolean }
  | { do: 'leave' }
  | { do: 'chat'; text: string }
  | { do: 'direct'; to: string; text: string }
  | { do: 'accept_key'; username: string }
  | { do: 'track'; track: number; on: boolean; width: number; height: number }
  | { do: 'want'; slot: number; track: number; width: number }
  | { do: 'hand'; up: boolean }
  | { do: 'react'; reaction: number }
  | { do: 'move'; username: string; number: number }
  | { do: 'open_breakouts'; names: string[] }
  | { do: 'spread' }
  | { do: 'tell_breakouts'; text: string }
  | { do: 'end_breakouts'; after_s: number }
  | import('./papers').PaperCommand
  | { do: 'moderate'; act: Act; whom: string }
  | { do: 'call'; to: string }
  | { do: 'answer'; call: number; accept: boolean }
  | { do: 'canvas'; slot: number; track: number; canvas: OffscreenCanvas }
  | { do: 'no_canvas'; slot: number; track: number }
  | { do: 'pictures'; track: number; width: number; height: number; rate: number; frames: ReadableStream<VideoFrame> }
  | { do: 'picture'; track: number; width: number; height: number; bitmap: ImageBitmap }
  | { do: 'speaker'; port: MessagePort }
  | { do: 'microphone'; port: MessagePort }
  | { do: 'sound'; frames: ReadableStream<AudioData> }
  | { do: 'safety_code' }
  | { do: 'edit'; id: number; text: string }
  | { do: 'take_back'; id: number }
  | { do: 'history'; words: string; before: number }
  | { do: 'enter'; room: number; password: string }
  | { do: 'turn_back'; room: number }
  | { do: 'set_password'; password: string }
  | { do: 'list_files'; before: number }
  | { do: 'send_file'; to: string; file: File; name: string }
  | { do: 'fetch_file'; remote: import('./remote').Remote; isShown: boolean }
  | { do: 'stop_file'; request: number }
  | { do: 'delete_file'; file: number };

/** What a host may do, by its number in the protocol. */
export const ACTS = [
  'mute',
  'stop_video',
  'ask_unmute',
  'lower_hand',
  'remove',
  'ban',
  'unban',
  'make_host',
  'unmake_host',
  'lock',
  'unlock',
  'mute_all',
  'end',
  'admit',
  'turn_away',
  'waiting_room',
  'no_waiting_room',
  'hosts_share',
  'all_share',
  'password',
  'no_password',
] as const;
export type Act = (typeof ACTS)[number];
