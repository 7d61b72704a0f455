//! What survives a crash: rooms, chats, direct messages and accounts. Each is stored once, whatever is sent again.

use std::collections::BTreeMap;

use hph_core::endpoint::server::{OpenRoom, StoredChange, StoredChat};
use hph_core::id::{RoomId, SessionId};
use hph_core::wire::control::{DevicePublic, Refusal, ServerMessage};

use super::output::{Frame, Request, Wanted, server_frame};

/// A stored chat message, or a change of one.
#[derive(Clone, Debug)]
pub struct Chat {
    reference: u64,
    /// Its author's login name.
    pub author: String,
    /// All texts that it had, the present one last; none once it was taken back. Of a change: what it made.
    pub texts: Vec<Option<String>>,
    /// Of a change: which message.
    pub target: Option<u64>,
    time_ms: u64,
}

/// A stored room; its messages are numbered from 1.
#[derive(Clone, Debug)]
pub struct StoredRoom {
    /// Its id.
    pub id: RoomId,
    /// Its name.
    pub name: String,
    /// All its messages, also those that its history no longer keeps.
    pub chats: Vec<Chat>,
}

/// A stored direct message.
#[derive(Clone, Debug)]
struct Direct {
    reference: u64,
    from: String,
    device: DevicePublic,
    sealed: Vec<u8>,
    time_ms: u64,
}

/// The store.
#[derive(Debug, Default)]
pub struct Store {
    /// Every room that was ever made.
    pub rooms: Vec<StoredRoom>,
    directs: BTreeMap<String, Vec<Direct>>,
    /// Login names and the device that signed in last.
    pub accounts: BTreeMap<String, DevicePublic>,
    history_max: u64,
}

/// What the store did, to be told to the server machine.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "as the machine's methods of the same names")]
pub enum Done {
    RoomOpened { session: SessionId, request: u32, room: (RoomId, String, u64), how: OpenRoom },
    Refused { session: SessionId, number: u64, reason: Refusal },
    ChatStored { session: SessionId, reference: u64, room: RoomId, id: u64, chat: Chat, is_new: bool },
    ChatChanged { session: SessionId, reference: u64, room: RoomId, id: u64, change: Chat, is_new: bool },
    DirectStored { session: SessionId, reference: u64, to: String, frame: Frame, is_new: bool },
    Say { session: SessionId, frames: Vec<Frame> },
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Asker {
    /// Login name.
    pub username: String,
    /// Device.
    pub device: DevicePublic,
}

impl Store {
    /// An empty store that keeps so many messages of a room.
    pub fn new(history_max: u64) -> Self {
        Self { history_max, ..Self::default() }
    }

    /// The room with that id.
    pub fn room(&self, id: RoomId) -> Option<&StoredRoom> {
        self.rooms.iter().find(|room| room.id == id)
    }

    /// Number of the newest direct message of an account.
    pub fn direct_latest(&self, username: &str) -> u64 {
        self.directs.get(username).map_or(0, |directs| directs.len() as u64)
    }

    /// Does what was asked.
    pub fn perform(&mut self, request: &Request, asker: &Asker, now_us: u64) -> Done {
        let Request { session, number, ref what } = *request;
        let time_ms = now_us / 1000;
        let result = match what {
            Wanted::OpenRoom { name, how } => self.open_room(name, *how).map(|room| Done::RoomOpened {
                session,
                request: number as u32,
                room,
                how: *how,
            }),
            Wanted::StoreChat { room, text } => self.store_chat(session, number, asker, *room, text, time_ms),
            Wanted::SyncChat { room, after } => Ok(Done::Say { session, frames: self.chats_after(*room, *after) }),
            Wanted::ChangeChat { room, target, text } => {
                self.change_chat(request, asker, *room, (*target, text.clone()), time_ms)
            }
            Wanted::ReadHistory { page } => {
                let end = ServerMessage::ChatFoundAll { request: page.request, room: page.room, before: 0 };
                Ok(Done::Say { session, frames: vec![server_frame(&end)] })
            }
            Wanted::Moderated => {
                let done = ServerMessage::Moderated { request: number as u32 };
                Ok(Done::Say { session, frames: vec![server_frame(&done)] })
            }
            Wanted::MarkRead => Ok(Done::Say { session, frames: Vec::new() }),
            Wanted::StoreDirect { to, sealed } => self.store_direct(session, number, asker, to, sealed, time_ms),
            Wanted::SyncDirect { after } => {
                Ok(Done::Say { session, frames: self.directs_after(&asker.username, *after) })
            }
            Wanted::LookUp { username } => {
                let device = self.accounts.get(username).copied().ok_or(Refusal::NoSuchPerson);
                device.map(|device| Done::Say {
                    session,
                    frames: vec![server_frame(&ServerMessage::Keys { request: number as u32, username, device })],
                })
            }
        };
        result.unwrap_or_else(|reason| Done::Refused { session, number, reason })
    }

    fn open_room(&mut self, name: &str, how: OpenRoom) -> Result<(RoomId, String, u64), Refusal> {
        if let Some(room) = self.rooms.iter().find(|room| room.name == name) {
            let found = (room.id, room.name.clone(), room.chats.len() as u64);
            return if how == OpenRoom::Create { Err(Refusal::NameTaken) } else { Ok(found) };
        }
        if how == OpenRoom::Join {
            return Err(Refusal::NoSuchRoom);
        }
        let id = RoomId(self.rooms.len() as u32 + 1);
        self.rooms.push(StoredRoom { id, name: name.into(), chats: Vec::new() });
        Ok((id, name.into(), 0))
    }

    fn store_chat(
        &mut self,
        session: SessionId,
        reference: u64,
        asker: &Asker,
        room: RoomId,
        text: &str,
        time_ms: u64,
    ) -> Result<Done, Refusal> {
        let stored = self.rooms.iter_mut().find(|stored| stored.id == room).ok_or(Refusal::NoSuchRoom)?;
        let is_it = |chat: &Chat| chat.reference == reference && chat.author == asker.username;
        let known = stored.chats.iter().position(is_it);
        let index = known.unwrap_or_else(|| {
            let (author, texts) = (asker.username.clone(), vec![Some(text.into())]);
            stored.chats.push(Chat { reference, author, texts, target: None, time_ms });
            stored.chats.len() - 1
        });
        let chat = stored.chats[index].clone();
        Ok(Done::ChatStored { session, reference, room, id: index as u64 + 1, chat, is_new: known.is_none() })
    }

    /// Changes a message of the asker's own, or takes it back.
    fn change_chat(
        &mut self,
        request: &Request,
        asker: &Asker,
        room: RoomId,
        (target, text): (u64, Option<String>),
        time_ms: u64,
    ) -> Result<Done, Refusal> {
        let Request { session, number: reference, .. } = *request;
        let history_max = self.history_max;
        let stored = self.rooms.iter_mut().find(|stored| stored.id == room).ok_or(Refusal::NoSuchRoom)?;
        let is_it = |chat: &Chat| chat.reference == reference && chat.author == asker.username;
        if let Some(index) = stored.chats.iter().position(is_it) {
            let change = stored.chats[index].clone();
            return Ok(Done::ChatChanged { session, reference, room, id: index as u64 + 1, change, is_new: false });
        }
        let oldest = (stored.chats.len() as u64).saturating_sub(history_max) + 1;
        let index = (target as usize).checked_sub(1).filter(|_| target >= oldest).ok_or(Refusal::NoSuchMessage)?;
        let is_there = |chat: &&mut Chat| chat.target.is_none() && chat.text().is_some();
        let message = stored.chats.get_mut(index).filter(is_there).ok_or(Refusal::NoSuchMessage)?;
        if message.author != asker.username {
            return Err(Refusal::Forbidden);
        }
        message.texts.push(text.clone());
        let author = asker.username.clone();
        let change = Chat { reference, author, texts: vec![text], target: Some(target), time_ms };
        stored.chats.push(change.clone());
        Ok(Done::ChatChanged { session, reference, room, id: stored.chats.len() as u64, change, is_new: true })
    }

    fn chats_after(&self, room: RoomId, after: u64) -> Vec<Frame> {
        let Some(stored) = self.room(room) else { return Vec::new() };
        let oldest = (stored.chats.len() as u64).saturating_sub(self.history_max) + 1;
        let from = (after + 1 < oldest).then(|| server_frame(&ServerMessage::ChatFrom { room, oldest }));
        let chats = (1..).zip(&stored.chats).filter(|(id, _)| *id > after && *id >= oldest);
        from.into_iter().chain(chats.map(|(id, chat)| chat_frame(stored, id, chat))).collect()
    }

    fn store_direct(
        &mut self,
        session: SessionId,
        reference: u64,
        asker: &Asker,
        to: &str,
        sealed: &[u8],
        time_ms: u64,
    ) -> Result<Done, Refusal> {
        if !self.accounts.contains_key(to) {
            return Err(Refusal::NoSuchPerson);
        }
        let directs = self.directs.entry(to.into()).or_default();
        let is_it = |direct: &Direct| direct.reference == reference && direct.from == asker.username;
        let known = directs.iter().position(is_it);
        let index = known.unwrap_or_else(|| {
            let (from, device) = (asker.username.clone(), asker.device);
            directs.push(Direct { reference, from, device, sealed: sealed.into(), time_ms });
            directs.len() - 1
        });
        let frame = direct_frame(index as u64 + 1, &directs[index]);
        Ok(Done::DirectStored { session, reference, to: to.into(), frame, is_new: known.is_none() })
    }

    fn directs_after(&self, username: &str, after: u64) -> Vec<Frame> {
        let directs = self.directs.get(username).map(Vec::as_slice).unwrap_or_default();
        // Nobody here ever says how far it has read.
        let (after, from) = match after {
            u64::MAX => (0, Some(server_frame(&ServerMessage::DirectFrom { oldest: 1 }))),
            after => (after, None),
        };
        let later = (1..).zip(directs).filter(|(id, _)| *id > after).map(|(id, direct)| direct_frame(id, direct));
        from.into_iter().chain(later).collect()
    }
}

/// A message as it is now, or that it is different now.
fn chat_frame(stored: &StoredRoom, id: u64, chat: &Chat) -> Frame {
    let (room, author, time_ms) = (stored.id, chat.author.as_str(), chat.time_ms);
    let target = chat.target.unwrap_or(id);
    let text = stored.chats.get(target as usize - 1).and_then(Chat::text);
    server_frame(&match (chat.target, text) {
        (None, Some(text)) => ServerMessage::Chat { room, id, author, display_name: author, time_ms, text },
        _ => ServerMessage::ChatChanged { room, id, target, author, time_ms, text },
    })
}

fn direct_frame(id: u64, direct: &Direct) -> Frame {
    let Direct { from, device, sealed, time_ms, .. } = direct;
    server_frame(&ServerMessage::Direct { id, from, device: *device, time_ms: *time_ms, sealed })
}

impl Chat {
    /// The text that it has now; none if it was taken back.
    pub fn text(&self) -> Option<&str> {
        self.texts.last()?.as_deref()
    }

    /// As the machine wants it told.
    pub fn stored(&self, reference: u64, room: RoomId, id: u64, is_new: bool) -> StoredChat<'_> {
        let Self { author, time_ms, .. } = self;
        // Taken back before its resend was answered: that is told to nobody.
        let text = self.text().unwrap_or("gone");
        StoredChat { reference, room, id, author, display_name: author, time_ms: *time_ms, text, is_new }
    }

    /// As the machine wants it told, of a change.
    pub fn change(&self, reference: u64, room: RoomId, id: u64, is_new: bool) -> StoredChange<'_> {
        let (author, time_ms, text) = (self.author.as_str(), self.time_ms, self.text());
        StoredChange { reference, room, id, target: self.target.unwrap_or(id), author, time_ms, text, is_new }
    }
}
