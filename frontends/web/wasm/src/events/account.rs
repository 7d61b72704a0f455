//! What is told about accounts: invitations, devices.

use hph_core::wire::control::{AccountTold, TicketKind};

use crate::json::Json;

/// The event of what the server said; none for what no page asks for.
pub fn of(told: &AccountTold<'_>) -> Option<String> {
    use AccountTold as T;
    Some(match *told {
        T::Presented { kind, room, username } => {
            Json::new("presented").text("kind", kind_of(kind)).text("room", room).text("username", username).finish()
        }
        T::OnlyRoom { room, name } => Json::new("only_room").number("room", room.0).text("name", name).finish(),
        T::Device { request, device, name, first_seen_ms, last_seen_ms, is_here } => Json::new("device")
            .number("request", request)
            .hex("sign", &device.sign)
            .text("name", name)
            .number("first_seen_ms", first_seen_ms)
            .number("last_seen_ms", last_seen_ms)
            .flag("is_here", is_here)
            .finish(),
        T::DevicesAll { request } => Json::new("devices_all").number("request", request).finish(),
        T::Invitation { request, id, room, made_by, secret, code, uses, used, expires_ms, may_register } => {
            Json::new("invitation")
                .number("request", request)
                .big("id", id)
                .text("room", room)
                .text("made_by", made_by)
                .text("secret", secret)
                .text("code", code)
                .number("uses", uses)
                .number("used", used)
                .number("expires_ms", expires_ms)
                .flag("may_register", may_register)
                .finish()
        }
        T::InvitationsAll { request } => Json::new("invitations_all").number("request", request).finish(),
        T::Done { request } => Json::new("account_done").number("request", request).finish(),
        T::PairingCode { .. } => return None,
    })
}

const fn kind_of(kind: TicketKind) -> &'static str {
    match kind {
        TicketKind::Invitation => "invitation",
        TicketKind::Owner => "owner",
        TicketKind::Reset => "reset",
    }
}
