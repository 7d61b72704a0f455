//! The screens before a room: server, signing in, lobby, devices.

use hph_presenters::door::Step;
use hph_presenters::prejoin::{Check, Device, Item, PreJoin, Replay};
use hph_presenters::signin::{Field, Found, Way};
use hph_presenters::text::typed::Strength;
use hph_presenters::text::{Lang, count as counts};
use slint::{ComponentHandle, Image, SharedString};

use super::over::front_name;
use super::{Seen, View, count, hue};
use crate::{ui, words};

/// Level of silence in RFC 6464.
const SILENCE: f32 = 127.0;
/// What a full meter is above. **Units:** dB.
const METER_DB: f32 = 60.0;

impl View {
    pub(super) fn refresh_sign_in(&mut self, ui: &ui::App, seen: &Seen<'_>, lang: Lang) {
        let signin = &seen.app.signin;
        let problem = signin.problem.as_ref();
        let wait_s = signin.wait_s(seen.now.at);
        let first = ui.global::<ui::First>();
        let error = words::field_problem(problem, Field::Server, lang);
        let error = if error.is_empty() { words::form_problem(problem, wait_s, lang) } else { error };
        first.set_error(error.into());
        first.set_busy(signin.is_busy);
        first.set_address(signin.server_text.as_str().into());
        let servers = seen.app.memory.servers.iter();
        let choice = |server: &hph_presenters::settings::KnownServer| {
            let address = hph_client::link::authority(&server.host, server.port);
            ui::Choice { name: format!("{} · {address}", server.name).into(), id: address.into() }
        };
        self.recent.set(servers.map(choice).collect());
        first.set_may_search(true);
        first.set_is_searching(signin.is_searching);
        self.nearby.set(signin.found.iter().map(|found| nearby(found, lang)).collect());

        let form = ui.global::<ui::SignIn>();
        let Some((target, offer)) = signin.target.as_ref().zip(signin.offer.as_ref()) else { return };
        form.set_server(offer.name.as_str().into());
        form.set_address(hph_client::link::authority(&target.host, target.port).into());
        form.set_fingerprint(hph_client::tls::fingerprint(&offer.pin).into());
        let ways = signin.ways();
        form.set_has_guest(ways.contains(&Way::Guest));
        form.set_has_password(ways.contains(&Way::Password));
        form.set_may_register(ways.contains(&Way::Register));
        form.set_is_invited(signin.is_invited());
        form.set_asks_code(signin.is_code_asked);
        form.set_forgotten(signin.is_forgotten);
        form.set_code(signin.code.as_str().into());
        form.set_code_error(words::field_problem(problem, Field::Code, lang).into());
        form.set_way(match signin.way {
            Way::Guest => 0,
            Way::Password => 1,
            Way::Register => 2,
        });
        form.set_name(signin.display_name.as_str().into());
        form.set_username(signin.username.as_str().into());
        form.set_password(signin.password.as_str().into());
        form.set_name_error(words::field_problem(problem, Field::DisplayName, lang).into());
        form.set_username_error(words::field_problem(problem, Field::Username, lang).into());
        form.set_password_error(words::field_problem(problem, Field::Password, lang).into());
        form.set_error(words::form_problem(problem, wait_s, lang).into());
        form.set_busy(!signin.may_submit(seen.now.at));
        form.set_strength(match signin.strength() {
            Strength::None => 0,
            Strength::Weak => 1,
            Strength::Fair => 2,
            Strength::Good => 3,
            Strength::Strong => 4,
        });
    }

    pub(super) fn refresh_lobby(&mut self, ui: &ui::App, seen: &Seen<'_>, lang: Lang) {
        let (app, lobby) = (seen.app, &seen.app.lobby);
        let screen = ui.global::<ui::Lobby>();
        screen.set_server(app.view.server_name.as_str().into());
        let people = lobby.people(&app.view);
        if let Some(me) = people.iter().find(|who| who.is_me) {
            screen.set_my_name(me.name.as_str().into());
            screen.set_my_letter(me.initial.as_str().into());
            screen.set_my_hue(hue(me.hue));
        }
        let row = |who: hph_presenters::lobby::Online| ui::PersonRow {
            id: who.username.into(),
            name: who.name.into(),
            letter: who.initial.into(),
            hue: hue(who.hue),
            is_me: who.is_me,
        };
        self.people.set(people.into_iter().map(row).collect());
        let card = |card: hph_presenters::lobby::Card| ui::RoomCard {
            id: card.name.as_str().into(),
            name: card.name.into(),
            people: i32::from(card.people),
            is_mine: card.is_mine,
        };
        self.rooms.set(lobby.cards(&app.view).into_iter().map(card).collect());
        screen.set_search(lobby.search.as_str().into());
        screen.set_is_loading(!lobby.is_complete);
        screen.set_has_any_room(!app.view.lobby.is_empty());
        screen.set_front(front_name(app));
        screen.set_creating(app.is_entering());
        if let Some(new) = &lobby.new_room {
            screen.set_new_waiting_room(new.has_waiting_room);
            screen.set_new_hosts_share(new.hosts_share);
            screen.set_new_password(new.password.as_str().into());
            screen.set_new_name(new.name.as_str().into());
            screen.set_create_error(new.flaw.map(|flaw| words::flaw(flaw, lang)).unwrap_or_default().into());
        }
    }

    /// The devices that are there, for the screen before a room and the settings.
    pub(super) fn refresh_devices(&mut self, ui: &ui::App, seen: &Seen<'_>, lang: Lang) {
        let (listed, chosen) = (seen.app.devices(), seen.app.choices());
        let default = lang.pick("Mặc định của máy", "The machine's own choice");
        let names = |devices: &[Device]| -> Vec<SharedString> {
            let names = devices.iter().map(|device| SharedString::from(device.name.as_str()));
            std::iter::once(default.into()).chain(names).collect()
        };
        let place = |devices: &[Device], id: &str| {
            devices.iter().position(|device| device.id == id).map_or(0, |at| count(at + 1))
        };
        self.microphones.set(names(&listed.microphones));
        self.speakers.set(names(&listed.speakers));
        self.cameras.set(names(&listed.cameras));
        let screen = ui.global::<ui::PreJoin>();
        screen.set_microphone(place(&listed.microphones, &chosen.microphone));
        screen.set_speaker(place(&listed.speakers, &chosen.speaker));
        screen.set_camera(place(&listed.cameras, &chosen.camera));
    }

    pub(super) fn refresh_prejoin(&mut self, ui: &ui::App, seen: &Seen<'_>, lang: Lang) {
        let Some(prejoin) = &seen.app.prejoin else { return };
        let screen = ui.global::<ui::PreJoin>();
        screen.set_room(prejoin.room.as_str().into());
        screen.set_people(i32::from(prejoin.people));
        let me = seen.app.lobby.people(&seen.app.view).into_iter().find(|who| who.is_me);
        if let Some(me) = me {
            screen.set_letter(me.initial.into());
            screen.set_hue(hue(me.hue));
        }
        screen.set_camera_on(prejoin.choices.is_camera_on);
        screen.set_microphone_on(prejoin.is_mic_on);
        let level = (METER_DB - f32::from(prejoin.level).min(SILENCE)) / METER_DB;
        screen.set_level(level.clamp(0.0, 1.0));
        screen.set_microphone_trouble(trouble(prejoin, Item::Microphone, lang).into());
        screen.set_speaker_trouble(trouble(prejoin, Item::Speaker, lang).into());
        screen.set_camera_trouble(trouble(prejoin, Item::Camera, lang).into());
        let (network, is_ok) = network(prejoin, lang);
        screen.set_network(network.into());
        screen.set_network_ok(is_ok);
        screen.set_replay(match prejoin.replay {
            Replay::Idle => 0,
            Replay::Recording { .. } => 1,
            Replay::Playing { .. } => 2,
        });
        screen.set_busy(seen.app.is_entering());
    }

    /// The picture of our own camera before a room.
    pub fn set_preview(&self, ui: &ui::App, image: Image) {
        let screen = ui.global::<ui::PreJoin>();
        screen.set_preview(image);
        screen.set_has_preview(true);
    }

    /// There is none any more.
    pub fn forget_preview(&self, ui: &ui::App) {
        let screen = ui.global::<ui::PreJoin>();
        screen.set_has_preview(false);
        screen.set_preview(Image::default());
    }
}

/// The closed door of a room.
pub(super) fn refresh_door(ui: &ui::App, seen: &Seen<'_>, lang: Lang) {
    let Some(door) = &seen.app.door else { return };
    let screen = ui.global::<ui::Door>();
    screen.set_room(door.name.as_str().into());
    screen.set_waited(counts::lasting(door.waited_s(seen.now), lang).into());
    let (text, is_wrong, is_asking) = match &door.step {
        Step::Password { text, is_wrong, is_asking } => (text.as_str(), *is_wrong, *is_asking),
        Step::Waiting { .. } => ("", false, false),
    };
    screen.set_wants_password(matches!(door.step, Step::Password { .. }));
    screen.set_password(text.into());
    screen.set_busy(is_asking);
    let wrong = lang.pick("Sai mật khẩu. Hãy thử lại.", "That is another password. Try again.");
    screen.set_error(if is_wrong { wrong } else { "" }.into());
}

/// A server of this network: its name is anybody's choice, so its address stands beside it.
fn nearby(found: &Found, lang: Lang) -> ui::NearbyRow {
    let address = hph_client::link::authority(&found.host, found.port);
    ui::NearbyRow {
        id: hph_client::tls::fingerprint(&found.pin).into(),
        name: found.name.as_str().into(),
        about: format!("{} · {address}", counts::rooms_and_people(found.rooms, found.people, lang)).into(),
    }
}

fn trouble(prejoin: &PreJoin, item: Item, lang: Lang) -> String {
    let of = |microphone: &'static str, speaker: &'static str, camera: &'static str| match item {
        Item::Microphone => microphone,
        Item::Speaker => speaker,
        Item::Camera | Item::Network => camera,
    };
    match prejoin.check(item) {
        Check::Waiting | Check::Works | Check::Poor => String::new(),
        Check::Missing => {
            let vi = of("Không có micro: vào chỉ để nghe", "Không có loa", "Không có camera");
            let en = of("No microphone: you join to listen", "No loudspeaker", "No camera");
            lang.pick(vi, en).to_owned()
        }
        Check::Fails(detail) => {
            let vi = of("Không dùng được micro", "Không dùng được loa", "Không dùng được camera");
            let en = of("The microphone does not work", "The loudspeaker does not work", "The camera does not work");
            format!("{}: {detail}", lang.pick(vi, en))
        }
    }
}

/// What was measured of the network, and whether it is good; empty if nothing was.
fn network(prejoin: &PreJoin, lang: Lang) -> (String, bool) {
    let Some(probe) = prejoin.probe else { return (String::new(), true) };
    let loss = hph_presenters::text::count::decimal(f64::from(probe.loss) * 100.0, lang);
    let text = lang.pick("Mạng: {} ms, mất {l} %", "Network: {} ms, {l} % lost");
    let text = text.replace("{}", &probe.rtt_ms.to_string()).replace("{l}", &loss);
    (text, prejoin.check(Item::Network) != Check::Poor)
}
