//! What the machine asks of the store, done while the meeting goes on.

use std::rc::Rc;
use std::time::Duration;

use async_io::Timer;
use hph_core::endpoint::server::{HistoryPage, OpenRoom, ServerEvent, StoredChange, StoredChat};
use hph_core::id::{RoomId, SessionId};
use hph_core::room::roles::RoomPassword;
use hph_core::wire::control::{Act, DevicePublic, Refusal, ServerMessage};
use hph_platform::clock::Clock;

use crate::accounts::Ask;
use crate::hub::Hub;
use crate::names::{normalize_room_name, room_key};
use crate::notice::Notice;
use crate::shelf::{Offered, Wanted};
use crate::store::{AuditEntry, Message, NewChange, NewDirect, NewMessage, RoomError, StoreError};

/// Messages that are read from the store at once.
const SYNC_BATCH: u32 = 32;
/// In place of the number of a direct message: the last that was read, on whatever device.
const AFTER_READ: u64 = u64::MAX;
/// Device keys before the sealed bytes of a stored direct message.
const DEVICE_BYTES: usize = 64;

/// A [`ServerEvent`] that outlives its input.
pub(crate) enum Job {
    Closed { session: SessionId },
    OpenRoom { session: SessionId, request: u32, name: String, how: OpenRoom },
    StoreChat { session: SessionId, reference: u64, room: RoomId, text: String },
    SyncChat { session: SessionId, room: RoomId, after: u64 },
    ChangeChat { session: SessionId, reference: u64, room: RoomId, target: u64, text: Option<String> },
    ReadHistory { session: SessionId, page: HistoryPage },
    SearchChat { session: SessionId, page: HistoryPage, words: String },
    MarkRead { username: String, room: RoomId, id: u64 },
    AskUnread { session: SessionId, request: u32 },
    Moderated { session: SessionId, request: u32, room: RoomId, by: String, act: Act, whom: String },
    PasswordSet { session: SessionId, request: u32, room: RoomId, by: String, password: RoomPassword },
    OpenBreakout { session: SessionId, request: u32, room: RoomId, by: String, name: String },
    DropRoom { room: RoomId },
    ReadAudit { session: SessionId, page: HistoryPage },
    StoreDirect { session: SessionId, reference: u64, to: String, sealed: Vec<u8> },
    SyncDirect { session: SessionId, after: u64 },
    LookUp { session: SessionId, request: u32, username: String },
    OfferFile { session: SessionId, offer: Offered },
    FetchFile { session: SessionId, wanted: Wanted },
    DeleteFile { session: SessionId, request: u32, file: u64 },
    ListFiles { session: SessionId, page: HistoryPage },
    Account { session: SessionId, ask: Ask },
}

impl From<ServerEvent<'_>> for Job {
    fn from(event: ServerEvent<'_>) -> Self {
        use ServerEvent as E;
        match event {
            E::Closed { session, .. } => Self::Closed { session },
            E::OpenRoom { session, request, name, how } => {
                Self::OpenRoom { session, request, name: name.to_owned(), how }
            }
            E::StoreChat { session, reference, room, text } => {
                Self::StoreChat { session, reference, room, text: text.to_owned() }
            }
            E::SyncChat { session, room, after } => Self::SyncChat { session, room, after },
            E::ChangeChat { session, reference, room, target, text } => {
                Self::ChangeChat { session, reference, room, target, text: text.map(ToOwned::to_owned) }
            }
            E::ReadHistory { session, page } => Self::ReadHistory { session, page },
            E::SearchChat { session, page, words } => Self::SearchChat { session, page, words: words.to_owned() },
            E::MarkRead { username, room, id, .. } => Self::MarkRead { username: username.to_owned(), room, id },
            E::AskUnread { session, request } => Self::AskUnread { session, request },
            E::Moderated { session, request, room, by, act, whom } => {
                Self::Moderated { session, request, room, by: by.to_owned(), act, whom: whom.to_owned() }
            }
            E::PasswordSet { session, request, room, by, password } => {
                Self::PasswordSet { session, request, room, by: by.to_owned(), password: password.clone() }
            }
            E::OpenBreakout { session, request, room, by, name } => {
                Self::OpenBreakout { session, request, room, by: by.to_owned(), name: name.to_owned() }
            }
            E::DropRoom { room } => Self::DropRoom { room },
            E::ReadAudit { session, page } => Self::ReadAudit { session, page },
            E::StoreDirect { session, reference, to, sealed } => {
                Self::StoreDirect { session, reference, to: to.to_owned(), sealed: sealed.to_vec() }
            }
            E::SyncDirect { session, after } => Self::SyncDirect { session, after },
            E::OfferFile { session, offer } => Self::OfferFile { session, offer: offer.into() },
            E::FetchFile { session, request, file, range } => {
                Self::FetchFile { session, wanted: Wanted { request, file, range } }
            }
            E::DeleteFile { session, request, file } => Self::DeleteFile { session, request, file },
            E::ListFiles { session, page } => Self::ListFiles { session, page },
            E::Account { session, ask } => Self::Account { session, ask: ask.into() },
            E::LookUp { session, request, username } => {
                Self::LookUp { session, request, username: username.to_owned() }
            }
        }
    }
}

impl Hub {
    /// Does one job. Whatever goes wrong is told to the session that asked.
    pub(crate) async fn run_job(self: Rc<Self>, job: Job) {
        match job {
            Job::Closed { session } => {
                self.shelf.forget(session);
                self.notices.tell(&Notice::SignedOut { peer: session });
            }
            Job::OfferFile { session, offer } => {
                let reference = offer.reference;
                if let Err(reason) = self.take_file(session, offer).await {
                    self.refuse(session, reference, reason);
                }
            }
            Job::FetchFile { session, wanted } => self.send_file(session, wanted).await,
            Job::DeleteFile { session, request, file } => {
                if let Err(reason) = self.delete_file(session, request, file).await {
                    self.refuse(session, request.into(), reason);
                }
            }
            Job::ListFiles { session, page } => {
                if let Err(reason) = self.list_files(session, page).await {
                    self.refuse(session, page.request.into(), reason);
                }
            }
            Job::OpenRoom { session, request, name, how } => {
                if let Err(reason) = self.open_room(session, request, &name, how).await {
                    self.refuse(session, u64::from(request), reason);
                }
            }
            Job::StoreChat { session, reference, room, text } => {
                if let Err(reason) = self.store_chat(session, reference, room, text).await {
                    self.refuse(session, reference, reason);
                }
            }
            Job::StoreDirect { session, reference, to, sealed } => {
                if let Err(reason) = self.store_direct(session, reference, to, sealed).await {
                    self.refuse(session, reference, reason);
                }
            }
            Job::ChangeChat { session, reference, room, target, text } => {
                if let Err(reason) = self.change_chat(session, reference, room, target, text).await {
                    self.refuse(session, reference, reason);
                }
            }
            Job::ReadHistory { session, page } => self.look_up(session, page, None).await,
            Job::SearchChat { session, page, words } => self.look_up(session, page, Some(words)).await,
            Job::MarkRead { username, room, id } => self.mark_read(username, room, id),
            Job::Moderated { session, request, room, by, act, whom } => {
                self.store_act((session, request), room, act, (by, whom), None).await;
            }
            Job::PasswordSet { session, request, room, by, password } => {
                let names = (by, String::new());
                self.store_act((session, request), room, Act::Password, names, Some(password)).await;
            }
            Job::OpenBreakout { session, request, room, by, name } => {
                if let Err(reason) = self.open_breakout((session, request), room, &by, &name).await {
                    self.refuse(session, request.into(), reason);
                }
            }
            // What is left over is dropped at the next start.
            Job::DropRoom { room } => _ = self.store.drop_breakout(room.0).await,
            Job::ReadAudit { session, page } => self.send_audit(session, page).await,
            Job::Account { session, ask } => self.obey_account(session, ask).await,
            Job::AskUnread { session, request } => self.tell_unread(session, request).await,
            Job::SyncChat { session, room, after } => self.sync_chat(session, room, after).await,
            Job::SyncDirect { session, after } => self.sync_direct(session, after).await,
            Job::LookUp { session, request, username } => {
                let account = self.store.account(&username).await.ok().flatten();
                match account.and_then(|account| account.device) {
                    Some(device) => {
                        let device = DevicePublic { seal: device.seal, sign: device.sign };
                        self.say(session, &ServerMessage::Keys { request, username: &username, device });
                    }
                    None => self.refuse(session, u64::from(request), Refusal::NoSuchPerson),
                }
            }
        }
    }

    /// Notes what was done to keep order.
    async fn store_act(
        self: &Rc<Self>,
        (session, request): (SessionId, u32),
        room: RoomId,
        act: Act,
        (by, whom): (String, String),
        password: Option<RoomPassword>,
    ) {
        let (id, time_ms, act) = (0, Clock::unix_time_ms(), act.code().to_owned());
        match self.store.moderate(room.0, AuditEntry { id, time_ms, by, act, whom }, password).await {
            Ok(()) => self.act(|machine, out| machine.moderation_stored(session, request, out)),
            Err(_) => self.refuse(session, u64::from(request), Refusal::Storage),
        }
    }

    async fn open_room(
        self: &Rc<Self>,
        session: SessionId,
        request: u32,
        name: &str,
        how: OpenRoom,
    ) -> Result<(), Refusal> {
        let name = normalize_room_name(name).map_err(|_| Refusal::Invalid)?;
        let creator = self.username(session).ok_or(Refusal::OutOfOrder)?;
        let made = if how == OpenRoom::Join {
            Err(RoomError::NameTaken)
        } else {
            self.store.create_room(&name, &creator, Clock::unix_time_ms()).await
        };
        let row = match made {
            Ok(row) => {
                self.notices.tell(&Notice::RoomMade { room: RoomId(row.id), peer: session });
                row
            }
            Err(RoomError::NameTaken) if how != OpenRoom::Create => {
                let rooms = self.store.rooms().await.map_err(|_| Refusal::Storage)?;
                let key = room_key(&name);
                rooms.into_iter().find(|row| room_key(&row.name) == key).ok_or(Refusal::NoSuchRoom)?
            }
            Err(RoomError::NameTaken) => return Err(Refusal::NameTaken),
            Err(RoomError::Full) => return Err(Refusal::RoomsFull),
            Err(RoomError::Store(_)) => return Err(Refusal::Storage),
        };
        let latest = self.store.latest_message_id(row.id).await.map_err(|_| Refusal::Storage)?;
        let room = (RoomId(row.id), row.name.as_str(), latest);
        self.act(|machine, out| {
            // Who made it must be known before anybody is in. A full table is told by what follows.
            let _ = machine.add_room(room.0, room.1, room.2);
            machine.set_staff(room.0, &row.created_by, std::iter::empty(), std::iter::empty());
            machine.room_opened(session, request, room, how, out);
        });
        Ok(())
    }

    async fn open_breakout(
        self: &Rc<Self>,
        asked: (SessionId, u32),
        room: RoomId,
        by: &str,
        name: &str,
    ) -> Result<(), Refusal> {
        let name = normalize_room_name(name).map_err(|_| Refusal::Invalid)?;
        let made = self.store.create_breakout(room.0, &name, Clock::unix_time_ms()).await;
        let id = made.map_err(|error| match error {
            RoomError::Full => Refusal::RoomsFull,
            RoomError::NameTaken | RoomError::Store(_) => Refusal::Storage,
        })?;
        self.act(|machine, out| machine.breakout_opened(asked, room, (RoomId(id), &name), by, out));
        Ok(())
    }

    async fn store_chat(
        self: &Rc<Self>,
        session: SessionId,
        reference: u64,
        room: RoomId,
        text: String,
    ) -> Result<(), Refusal> {
        let (author, author_name) = self.names(session).ok_or(Refusal::OutOfOrder)?;
        let message = NewMessage {
            room: room.0,
            author: author.clone(),
            author_name: author_name.clone(),
            author_ref: reference,
            time_ms: Clock::unix_time_ms(),
            text: text.clone(),
        };
        let turn = self.turns.take();
        let stored = self.store.append_message(message).await.map_err(|_| Refusal::Storage)?;
        turn.come().await;
        let chat = StoredChat {
            reference,
            room,
            id: stored.id,
            author: &author,
            display_name: &author_name,
            time_ms: stored.time_ms,
            text: &text,
            is_new: stored.is_new,
        };
        self.act(|machine, out| machine.chat_stored(session, &chat, out));
        Ok(())
    }

    async fn change_chat(
        self: &Rc<Self>,
        session: SessionId,
        reference: u64,
        room: RoomId,
        target: u64,
        text: Option<String>,
    ) -> Result<(), Refusal> {
        let author = self.username(session).ok_or(Refusal::OutOfOrder)?;
        let change = NewChange {
            room: room.0,
            author: author.clone(),
            author_ref: reference,
            time_ms: Clock::unix_time_ms(),
            target,
            text: text.clone(),
        };
        let turn = self.turns.take();
        let stored = self.store.append_change(change).await.map_err(|error| match error {
            StoreError::UnknownMessage => Refusal::NoSuchMessage,
            StoreError::NotYours => Refusal::Forbidden,
            _ => Refusal::Storage,
        })?;
        turn.come().await;
        let (id, time_ms, is_new) = (stored.id, stored.time_ms, stored.is_new);
        let (author, text) = (author.as_str(), text.as_deref());
        let change = StoredChange { reference, room, id, target, author, time_ms, text, is_new };
        self.act(|machine, out| machine.chat_changed(session, &change, out));
        Ok(())
    }

    /// Stores a direct message with the sender's device keys before it: the receiver needs them to open it.
    async fn store_direct(
        self: &Rc<Self>,
        session: SessionId,
        reference: u64,
        to: String,
        sealed: Vec<u8>,
    ) -> Result<(), Refusal> {
        let (from, _) = self.names(session).ok_or(Refusal::OutOfOrder)?;
        let device = self.device(session).ok_or(Refusal::OutOfOrder)?;
        let is_known = self.is_online(&to) || self.store.account(&to).await.map_err(|_| Refusal::Storage)?.is_some();
        if !is_known {
            return Err(Refusal::NoSuchPerson);
        }
        let with_device = [&device.seal[..], &device.sign, &sealed].concat();
        let time_ms = Clock::unix_time_ms();
        let direct = NewDirect {
            recipient: to.clone(),
            sender: from.clone(),
            sender_ref: reference,
            time_ms,
            sealed: with_device,
        };
        let turn = self.turns.take();
        let stored = self.store.append_direct(direct).await.map_err(|_| Refusal::Storage)?;
        turn.come().await;
        let message =
            ServerMessage::Direct { id: stored.id, from: &from, device, time_ms: stored.time_ms, sealed: &sealed };
        self.act(|machine, out| machine.direct_stored(session, reference, &to, &message, stored.is_new, out));
        Ok(())
    }

    /// Sends stored messages as fast as the connection takes them.
    async fn sync_chat(self: &Rc<Self>, session: SessionId, room: RoomId, after: u64) {
        let mut after = after;
        loop {
            let Ok(batch) = self.store.messages_after(room.0, after, SYNC_BATCH).await else { return };
            let Some(first) = batch.first() else { break };
            if first.id > after + 1 {
                self.say(session, &ServerMessage::ChatFrom { room, oldest: first.id });
            }
            for message in &batch {
                after = message.id;
                self.say(session, &as_it_is_now(room, message));
            }
            if !self.until_calm(session).await || !self.is_in_room(session, room) {
                return;
            }
        }
        // All that came after it may be too old to be kept.
        if let Ok(latest) = self.store.latest_message_id(room.0).await
            && latest > after
            && self.store.messages_after(room.0, after, 1).await.is_ok_and(|later| later.is_empty())
        {
            self.say(session, &ServerMessage::ChatFrom { room, oldest: latest + 1 });
        }
    }

    async fn sync_direct(self: &Rc<Self>, session: SessionId, after: u64) {
        let Some(username) = self.username(session) else { return };
        let mut after = after;
        if after == AFTER_READ {
            self.flush_marks().await;
            let Ok(read) = self.store.directs_read(&username).await else { return };
            after = read;
            self.say(session, &ServerMessage::DirectFrom { oldest: read.saturating_add(1) });
        }
        loop {
            let Ok(batch) = self.store.directs_after(&username, after, SYNC_BATCH).await else { return };
            let Some(first) = batch.first() else { return };
            if first.id > after + 1 {
                self.say(session, &ServerMessage::DirectFrom { oldest: first.id });
            }
            for direct in &batch {
                after = direct.id;
                let Some((device, sealed)) = split_device(&direct.sealed) else { continue };
                let (id, from, time_ms) = (direct.id, &direct.sender, direct.time_ms);
                self.say(session, &ServerMessage::Direct { id, from, device, time_ms, sealed });
            }
            if !self.until_calm(session).await {
                return;
            }
        }
    }

    /// Waits until the session's connection takes more; false if the session is gone.
    pub(crate) async fn until_calm(self: &Rc<Self>, session: SessionId) -> bool {
        while self.is_open(session) {
            if self.is_calm(session) {
                return true;
            }
            Timer::after(Duration::from_millis(5)).await;
        }
        false
    }
}

/// A stored message with the text that it has now, or that a message is different now.
fn as_it_is_now(room: RoomId, message: &Message) -> ServerMessage<'_> {
    let (id, author, time_ms, text) = (message.id, message.author.as_str(), message.time_ms, message.text.as_deref());
    match (message.target, text) {
        (None, Some(text)) => {
            ServerMessage::Chat { room, id, author, display_name: &message.author_name, time_ms, text }
        }
        (target, text) => {
            let time_ms = message.edited_ms.unwrap_or(time_ms);
            ServerMessage::ChatChanged { room, id, target: target.unwrap_or(id), author, time_ms, text }
        }
    }
}

fn split_device(stored: &[u8]) -> Option<(DevicePublic, &[u8])> {
    let (device, sealed) = stored.split_first_chunk::<DEVICE_BYTES>()?;
    let (seal, sign) = device.split_at(DEVICE_BYTES / 2);
    Some((DevicePublic { seal: seal.try_into().ok()?, sign: sign.try_into().ok()? }, sealed))
}
