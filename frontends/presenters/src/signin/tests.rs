use super::*;
use crate::testing::now;
use hph_client::core::wire::control::Refusal;

const ALL: SignInMethods = SignInMethods { password: true, register: true, guest: true };

fn at_server(methods: SignInMethods) -> SignIn {
    let mut signin = SignIn::default();
    let mut effects = Vec::new();
    for event in [
        Event::Typed(Field::Server, " meet.lan ".to_owned()),
        Event::Go,
        Event::Offered(Offer { name: "Lớp KTPM".to_owned(), methods, pin: [7; 32] }),
    ] {
        signin.handle(event, now(0), &mut effects);
    }
    assert!(matches!(&effects[0], Effect::Ask { host, port: 7400, pin: None } if host == "meet.lan"));
    signin
}

fn type_in(signin: &mut SignIn, fields: &[(Field, &str)]) {
    for (field, text) in fields {
        signin.handle(Event::Typed(*field, (*text).to_owned()), now(0), &mut Vec::new());
    }
}

fn submit(signin: &mut SignIn, ms: u64) -> Option<Account> {
    let mut effects = Vec::new();
    signin.handle(Event::Submit, now(ms), &mut effects);
    effects.into_iter().find_map(|effect| match effect {
        Effect::Connect(connection) => {
            assert_eq!((connection.pin, format!("{connection:?}").contains("bí mật")), (Some([7; 32]), false));
            Some(connection.account)
        }
        _ => None,
    })
}

fn refused(reason: Refusal, retry_after_s: u32) -> EndReason {
    EndReason::Refused { reason, retry_after_s, methods: ALL }
}

#[test]
fn one_box_takes_links_and_addresses() {
    let link = format!("hph://[::1]:7777/Nh%C3%B3m%2017#fp={}", "ab".repeat(32));
    for (text, expected) in [
        (link.as_str(), Some(("::1", 7777, true, Some("Nhóm 17")))),
        ("meet.lan:9000", Some(("meet.lan", 9000, false, None))),
        ("10.0.0.7", Some(("10.0.0.7", 7400, false, None))),
        ("", None),
        ("không phải địa chỉ", None),
        ("hph://", None),
    ] {
        let mut signin = SignIn::default();
        signin.handle(Event::Typed(Field::Server, text.to_owned()), now(0), &mut Vec::new());
        signin.handle(Event::Go, now(0), &mut Vec::new());
        let found = signin.target.as_ref();
        let found = found.map(|to| (to.host.as_str(), to.port, to.pin.is_some(), to.room.as_deref()));
        assert_eq!(found, expected, "{text}");
        assert_eq!(signin.problem == Some(Problem::NoAddress), expected.is_none());
    }
}

#[test]
fn only_what_the_server_offers_is_offered() {
    let signin = at_server(SignInMethods { password: true, ..SignInMethods::default() });
    assert_eq!((signin.ways(), signin.way), (vec![Way::Password], Way::Password));
    assert_eq!(at_server(ALL).ways(), [Way::Guest, Way::Password, Way::Register]);
}

#[test]
fn a_form_says_what_is_wrong_with_which_field() {
    for (way, fields, expected) in [
        (Way::Guest, &[(Field::DisplayName, " ")][..], Problem::Field(Field::DisplayName, Flaw::Empty)),
        (Way::Guest, &[(Field::DisplayName, "Lan"), (Field::Email, "lan")], Problem::Field(Field::Email, Flaw::Form)),
        (Way::Password, &[(Field::Username, "hường")], Problem::Field(Field::Username, Flaw::Letter('ư'))),
        (Way::Password, &[(Field::Username, "huong")], Problem::Field(Field::Password, Flaw::Empty)),
        (
            Way::Register,
            &[(Field::Username, "huong"), (Field::Password, "x")],
            Problem::Field(Field::DisplayName, Flaw::Empty),
        ),
    ] {
        let mut signin = at_server(ALL);
        signin.handle(Event::Way(way), now(0), &mut Vec::new());
        type_in(&mut signin, fields);
        assert!(submit(&mut signin, 0).is_none());
        assert_eq!(signin.problem, Some(expected), "{fields:?}");
    }
}

#[test]
fn a_login_name_follows_the_name_until_it_is_typed() {
    let mut signin = at_server(ALL);
    signin.handle(Event::Way(Way::Register), now(0), &mut Vec::new());
    type_in(&mut signin, &[(Field::DisplayName, "Nguyễn Thị Hường")]);
    assert_eq!(signin.username, "nguyen-thi-huong");
    type_in(&mut signin, &[(Field::Username, "huong"), (Field::DisplayName, "Lan")]);
    assert_eq!(signin.username, "huong");
    type_in(&mut signin, &[(Field::Password, "bí mật"), (Field::Email, "A@b.vn")]);
    let Some(Account::Password { username, email, display_name, may_register, .. }) = submit(&mut signin, 0) else {
        panic!("{:?}", signin.problem)
    };
    assert_eq!(
        (username.as_str(), email.as_str(), display_name.as_str(), may_register),
        ("huong", "a@b.vn", "Lan", true)
    );
}

#[test]
fn a_wrong_password_keeps_the_name_and_is_told_until_it_is_typed_anew() {
    let mut signin = at_server(ALL);
    signin.handle(Event::Way(Way::Password), now(0), &mut Vec::new());
    type_in(&mut signin, &[(Field::Username, "huong"), (Field::Password, "bí mật")]);
    let account = submit(&mut signin, 0);
    assert!(matches!(account, Some(Account::Password { may_register: false, .. })), "signing in makes no account");
    assert!(submit(&mut signin, 1).is_none(), "an answer is waited for");
    let mut effects = Vec::new();
    signin.handle_ended(&refused(Refusal::SignIn, 0), now(2), &mut effects);
    assert!(matches!(effects[..], [Effect::Focus(Focus::Password)]));
    assert_eq!((signin.username.as_str(), &signin.problem), ("huong", &Some(Problem::WrongPassword)));
    type_in(&mut signin, &[(Field::Password, "khác")]);
    assert_eq!(signin.problem, None);
    signin.handle_signed_in();
    assert_eq!(signin.password, "");
}

#[test]
fn whoever_is_too_fast_sees_how_long_to_wait() {
    let mut signin = at_server(ALL);
    type_in(&mut signin, &[(Field::DisplayName, "Lan")]);
    assert!(submit(&mut signin, 0).is_some());
    signin.handle_ended(&refused(Refusal::TooFast, 28), now(0), &mut Vec::new());
    assert_eq!((signin.wait_s(now(0).at), signin.wait_s(now(27_500).at)), (28, 1));
    assert!(submit(&mut signin, 27_500).is_none() && !signin.may_submit(now(27_500).at));
    assert!(submit(&mut signin, 28_000).is_some());
}

#[test]
fn going_back_forgets_the_password_and_late_answers() {
    let mut signin = at_server(ALL);
    type_in(&mut signin, &[(Field::Password, "bí mật")]);
    signin.handle(Event::Back, now(0), &mut Vec::new());
    signin.handle(Event::Offered(Offer { name: String::new(), methods: ALL, pin: [7; 32] }), now(0), &mut Vec::new());
    assert!(signin.password.is_empty() && signin.offer.is_none() && signin.target.is_none());
}

#[test]
fn an_answer_of_another_server_than_the_one_that_is_meant_is_none() {
    let mut signin = SignIn::default();
    let mut event = |event| signin.handle(event, now(0), &mut Vec::new());
    let answered = |host: &str, answer| Event::Answered { host: host.to_owned(), port: 7400, answer };
    event(Event::Typed(Field::Server, "a.lan".to_owned()));
    event(Event::Go);
    event(Event::Back);
    event(Event::Typed(Field::Server, "b.lan".to_owned()));
    event(Event::Go);
    let offer = |name: &str| Offer { name: name.to_owned(), methods: ALL, pin: [7; 32] };
    event(answered("a.lan", Ok(offer("A"))));
    event(answered("a.lan", Err(Trouble::Unreachable)));
    event(answered("b.lan", Ok(offer("B"))));
    assert_eq!(signin.offer.as_ref().map(|offer| offer.name.as_str()), Some("B"));
    assert_eq!(signin.problem, None);
}

#[test]
fn a_server_of_this_network_is_reached_with_the_key_that_it_was_shown_with() {
    let found = |name: &str, host: &str, pin| Found {
        name: name.to_owned(),
        host: host.to_owned(),
        port: 7400,
        rooms: 3,
        people: 11,
        pin: [pin; 32],
    };
    let mut signin = SignIn::default();
    let mut effects = Vec::new();
    signin.handle(Event::SearchBegun, now(0), &mut effects);
    assert!(signin.is_searching && signin.found.is_empty());
    signin.handle(Event::Found(vec![found("B", "10.0.0.2", 2)]), now(100), &mut effects);
    // Another one comes above it just before it is chosen.
    signin.handle(Event::Found(vec![found("A", "10.0.0.1", 1), found("B", "10.0.0.2", 2)]), now(200), &mut effects);
    signin.handle(Event::Choose([2; 32]), now(200), &mut effects);
    let [Effect::Ask { host, port: 7400, pin: Some(pin) }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((host.as_str(), *pin), ("10.0.0.2", [2; 32]));

    // One that has just gone is not asked, and nothing else in its place.
    effects.clear();
    signin.handle(Event::Back, now(300), &mut effects);
    signin.handle(Event::Found(vec![found("A", "10.0.0.1", 1)]), now(400), &mut effects);
    signin.handle(Event::Choose([2; 32]), now(400), &mut effects);
    assert!(effects.is_empty() && signin.target.is_none());
    signin.handle(Event::SearchOver, now(3000), &mut effects);
    assert!(!signin.is_searching && signin.found.len() == 1);
}

const SECRET: &str = "abcdefghijklmnopqrstuvwx27";

fn at_link(link: &str, methods: SignInMethods) -> SignIn {
    let mut signin = SignIn::default();
    for event in
        [Event::Link(link.to_owned()), Event::Offered(Offer { name: "Lớp KTPM".to_owned(), methods, pin: [7; 32] })]
    {
        signin.handle(event, now(0), &mut Vec::new());
    }
    signin
}

fn secret_of(account: &Account) -> Option<&str> {
    match account {
        Account::Invited { secret, .. } => Some(secret),
        _ => None,
    }
}

#[test]
fn an_invitation_in_a_link_is_presented_and_opens_the_ways_that_it_may() {
    let closed = SignInMethods { password: true, ..SignInMethods::default() };
    let link = format!("hph://meet.lan/Ph%C3%B2ng#fp={}&in={SECRET}", "07".repeat(32));
    let mut signin = at_link(&link, closed);
    assert_eq!((signin.ways(), signin.room()), (vec![Way::Guest, Way::Password, Way::Register], Some("Phòng")));
    type_in(&mut signin, &[(Field::DisplayName, "Lan")]);
    let account = submit(&mut signin, 0).expect("signs in");
    assert_eq!((secret_of(&account), account.is_guest()), (Some(SECRET), true));
    // Whoever signs up with it makes an account.
    signin.handle_ended(&refused(Refusal::Forbidden, 0), now(1), &mut Vec::new());
    signin.handle(Event::Way(Way::Register), now(1), &mut Vec::new());
    type_in(&mut signin, &[(Field::Username, "lan"), (Field::Password, "một mật khẩu dài")]);
    let account = submit(&mut signin, 1).expect("signs up");
    assert!(matches!(&account, Account::Invited { account, .. }
        if matches!(**account, Account::Password { may_register: true, .. })));
    // A link without one gives nothing, and that of a device without an account is nothing for people.
    for given in ["", &format!("&enrol={SECRET}")] {
        let signin = at_link(&format!("hph://meet.lan/#fp={}{given}", "07".repeat(32)), closed);
        assert_eq!(signin.ways(), [Way::Password], "{given}");
    }
    let owner = at_link(&format!("hph://meet.lan/#fp={}&own={SECRET}", "07".repeat(32)), closed);
    assert!(owner.is_invited());
}

#[test]
fn whoever_forgot_their_password_gives_the_owner_s_code_and_a_new_one() {
    let mut signin = at_server(SignInMethods { password: true, guest: true, ..SignInMethods::default() });
    signin.handle(Event::ToggleForgotten, now(0), &mut Vec::new());
    assert_eq!((signin.way, signin.is_invited()), (Way::Password, false));
    assert!(submit(&mut signin, 0).is_none());
    assert_eq!(signin.problem, Some(Problem::Field(Field::Code, Flaw::Empty)));
    type_in(&mut signin, &[(Field::Code, "12 34")]);
    assert!(submit(&mut signin, 0).is_none());
    assert_eq!(signin.problem, Some(Problem::Field(Field::Code, Flaw::Form)));
    type_in(&mut signin, &[(Field::Code, "123-456 789")]);
    assert!(submit(&mut signin, 0).is_none());
    assert_eq!(signin.problem, Some(Problem::Field(Field::Password, Flaw::Empty)));
    type_in(&mut signin, &[(Field::Password, "mật khẩu mới")]);
    let account = submit(&mut signin, 0).expect("signs in");
    let Account::NewPassword { code, password } = account else { panic!("another way") };
    assert_eq!((code.as_str(), password.as_str()), ("123456789", "mật khẩu mới"));
    signin.handle_signed_in();
    assert!(!signin.is_forgotten && signin.code.is_empty() && signin.password.is_empty());
    signin.handle(Event::ToggleForgotten, now(1), &mut Vec::new());
    signin.handle(Event::Way(Way::Guest), now(1), &mut Vec::new());
    assert!(!signin.is_forgotten);
}

#[test]
fn nine_digits_are_typed_in_the_first_box_or_in_the_form() {
    let mut signin = at_server(SignInMethods { password: true, ..SignInMethods::default() });
    signin.handle(Event::ToggleCode, now(0), &mut Vec::new());
    assert_eq!(signin.ways().len(), 3);
    signin.handle(Event::Way(Way::Guest), now(0), &mut Vec::new());
    type_in(&mut signin, &[(Field::DisplayName, "Lan"), (Field::Code, "12 34")]);
    assert!(submit(&mut signin, 0).is_none());
    assert_eq!(signin.problem, Some(Problem::Field(Field::Code, Flaw::Form)));
    type_in(&mut signin, &[(Field::Code, "123-456 789")]);
    assert_eq!(signin.problem, None);
    let account = submit(&mut signin, 0).expect("signs in");
    assert_eq!(secret_of(&account), Some("123456789"));
    let methods = SignInMethods { password: true, ..SignInMethods::default() };
    let void = EndReason::Refused { reason: Refusal::NoSuchInvitation, retry_after_s: 0, methods };
    signin.handle_ended(&void, now(1), &mut Vec::new());
    assert_eq!(signin.problem, Some(Problem::Trouble(Trouble::Invitation)));
    // Without it after all: only what the server offers by itself.
    signin.handle(Event::ToggleCode, now(1), &mut Vec::new());
    assert_eq!((signin.ways(), signin.way, signin.code.as_str()), (vec![Way::Password], Way::Password, ""));

    let typed = |signin: &mut SignIn| {
        let mut effects = Vec::new();
        signin.handle(Event::Typed(Field::Server, "123-456-789".to_owned()), now(0), &mut effects);
        signin.handle(Event::Go, now(0), &mut effects);
        effects
    };
    let mut signin = SignIn::default();
    assert!(typed(&mut signin).is_empty());
    assert_eq!((signin.problem.clone(), signin.code.as_str()), (Some(Problem::WhichServer), "123456789"));
    type_in(&mut signin, &[(Field::Server, "meet.lan")]);
    assert_eq!((signin.problem.clone(), signin.code.as_str()), (None, "123456789"), "the digits are kept");
    let server = |host: &str, key| Found {
        name: "Lớp".to_owned(),
        host: host.to_owned(),
        port: 7400,
        rooms: 0,
        people: 0,
        pin: [key; 32],
    };
    let mut signin = SignIn { found: vec![server("192.0.2.20", 7)], ..SignIn::default() };
    let effects = typed(&mut signin);
    assert!(matches!(&effects[..], [Effect::Ask { host, pin: Some(_), .. }] if host == "192.0.2.20"));
    let mut signin = SignIn { found: vec![server("192.0.2.20", 7), server("192.0.2.21", 8)], ..SignIn::default() };
    assert!(typed(&mut signin).is_empty(), "which of the two nobody knows");
}
