//! Calls ring, and end in one way, for both.

use super::*;
use crate::id::CallId;
use crate::wire::control::CallOutcome;

/// Two sessions, the caller in the room, and a call that rings.
fn ringing() -> (Bench, SessionId, SessionId, CallId) {
    let mut bench = Bench::new(SIZE);
    let (caller, callee) = (bench.join("an.").id, bench.sign_in("binh").id);
    bench.say(caller, &ClientMessage::Call { request: 4, to: "binh", room: ROOM });
    let call = match bench.heard(caller).as_slice() {
        [ServerMessage::CallState { request: 4, call, outcome: CallOutcome::Ringing }] => *call,
        other => panic!("{other:?}"),
    };
    match bench.heard(callee).as_slice() {
        [ServerMessage::Ringing { call: rings, from: "an.", room: ROOM, name: "Lớp học", seconds: 30, .. }] => {
            assert_eq!(*rings, call);
        }
        other => panic!("{other:?}"),
    }
    (bench, caller, callee, call)
}

fn assert_ended(bench: &mut Bench, caller: SessionId, callee: SessionId, call: CallId, outcome: CallOutcome) {
    for (who, request) in [(caller, 4), (callee, 0)] {
        let heard = bench.heard(who);
        assert!(heard.contains(&ServerMessage::CallState { request, call, outcome }), "{heard:?}");
    }
    for over in [ClientMessage::AnswerCall { call, accept: true }, ClientMessage::CancelCall { call }] {
        assert_eq!(bench.refusal(caller, &over), Some(Refusal::NoSuchCall));
    }
}

#[test]
fn a_callee_accepts_or_declines() {
    for (accept, outcome) in [(true, CallOutcome::Accepted), (false, CallOutcome::Declined)] {
        let (mut bench, caller, callee, call) = ringing();
        bench.say(callee, &ClientMessage::AnswerCall { call, accept });
        assert_ended(&mut bench, caller, callee, call, outcome);
    }
}

#[test]
fn a_caller_hangs_up() {
    let (mut bench, caller, callee, call) = ringing();
    bench.say(caller, &ClientMessage::CancelCall { call });
    assert_ended(&mut bench, caller, callee, call, CallOutcome::Cancelled);
}

#[test]
fn a_call_that_nobody_answers_ends_after_thirty_seconds() {
    let (mut bench, caller, callee, call) = ringing();
    bench.wait(Duration::from_millis(29_900));
    bench.machine.handle_timeout(bench.now, &mut bench.deeds);
    assert!(bench.heard(caller).is_empty());
    bench.wait(Duration::from_millis(300));
    bench.machine.handle_timeout(bench.now, &mut bench.deeds);
    assert_ended(&mut bench, caller, callee, call, CallOutcome::TimedOut);
}

#[test]
fn a_call_ends_when_either_side_is_gone() {
    for is_caller_gone in [true, false] {
        let (mut bench, caller, callee, call) = ringing();
        let (gone, left) = if is_caller_gone { (caller, callee) } else { (callee, caller) };
        bench.machine.close_session(gone, SignOutReason::Asked, &mut bench.deeds);
        let request = if is_caller_gone { 0 } else { 4 };
        assert_eq!(bench.heard(left), [ServerMessage::CallState { request, call, outcome: CallOutcome::Gone }]);
        let answer = ClientMessage::AnswerCall { call, accept: true };
        assert_eq!(bench.refusal(left, &answer), Some(Refusal::NoSuchCall));
    }
}

#[test]
fn a_call_is_answered_by_its_callee_and_cancelled_by_its_caller_only() {
    let (mut bench, caller, callee, call) = ringing();
    let stranger = bench.sign_in("chi").id;
    let (answer, cancel) = (ClientMessage::AnswerCall { call, accept: true }, ClientMessage::CancelCall { call });
    for (who, message) in [(caller, &answer), (callee, &cancel), (stranger, &answer), (stranger, &cancel)] {
        assert_eq!(bench.refusal(who, message), Some(Refusal::NoSuchCall));
    }
}

#[test]
fn one_caller_rings_at_few_people_and_at_each_once() {
    let mut bench = Bench::new(SIZE);
    let caller = bench.join("an.").id;
    for name in ["binh", "chi", "dung", "giang", "hoa"] {
        bench.sign_in(name);
    }
    let call = |to| ClientMessage::Call { request: 1, to, room: ROOM };
    for name in ["binh", "chi", "dung", "giang"] {
        assert_eq!(bench.refusal(caller, &call(name)), None);
    }
    assert_eq!(bench.refusal(caller, &call("binh")), Some(Refusal::OutOfOrder));
    assert_eq!(bench.refusal(caller, &call("hoa")), Some(Refusal::TooFast));
    assert_eq!(bench.refusal(caller, &call("an.")), Some(Refusal::NoSuchPerson));
}

#[test]
fn a_call_that_finds_no_place_is_refused() {
    let mut bench = Bench::new(Size { calls: 1, ..SIZE });
    let (first, second) = (bench.join("an.").id, bench.join("binh").id);
    bench.sign_in("chi");
    let call = ClientMessage::Call { request: 1, to: "chi", room: ROOM };
    assert_eq!(bench.refusal(first, &call), None);
    assert_eq!(bench.refusal(second, &call), Some(Refusal::ServerFull));
}
