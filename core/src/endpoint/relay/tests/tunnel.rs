//! Datagrams inside control connections.

use super::*;

#[test]
fn a_tunnel_carries_both_ways_for_its_own_session_only_while_it_is_on() {
    let mut relay = Relay::new(2);
    let (mut sender, mut receiver) = (relay.client(0), relay.client(1));
    let tunnelled = |relay: &mut Relay, session: SessionId, bytes: &[u8]| {
        let mut deeds = Deeds::default();
        let home = relay.shards.home_of(session);
        let result = relay.machines[home].handle_tunnelled(at_ms(10), session, &mut bytes.to_vec(), &mut deeds);
        (result, deeds)
    };
    let ping = sender.ping(at_ms(10));
    assert_eq!(tunnelled(&mut relay, sender.session, &ping).0, Err(DropReason::Unexpected), "it is off");
    relay.apply(RelayCommand::Tunnel { session: sender.session, is_on: true });
    relay.apply(RelayCommand::Tunnel { session: receiver.session, is_on: true });
    assert_eq!(tunnelled(&mut relay, receiver.session, &ping).0, Err(DropReason::Unexpected), "somebody else's");
    assert_eq!(tunnelled(&mut relay, SessionId(0x7777_0009), &ping).0, Err(DropReason::UnknownConnection));
    assert_eq!(tunnelled(&mut relay, sender.session, &ping[..9]).0, Err(DropReason::Unexpected));
    let (result, deeds) = tunnelled(&mut relay, sender.session, &ping);
    assert_eq!((result, deeds.sent.len(), deeds.tunnelled.len()), (Ok(()), 0, 1));
    assert_eq!(deeds.tunnelled[0].0, sender.session);
    assert_eq!(sender.open(at_ms(10), &deeds.tunnelled[0].1).0, Kind::Pong);
    assert_eq!(tunnelled(&mut relay, sender.session, &ping).0, Err(DropReason::Replayed), "one window for both ways");
    let response = sender.body(at_ms(10), Kind::Response, &[0; TOKEN_BODY_BYTES]);
    assert_eq!(tunnelled(&mut relay, sender.session, &response).0, Err(DropReason::Unexpected));
    let hello = sender.hello(at_ms(10));
    let (result, deeds) = tunnelled(&mut relay, sender.session, &hello);
    assert_eq!((result, deeds.sent.len(), deeds.tunnelled.len()), (Ok(()), 0, 0), "there is no address to be proved");

    // Media goes to whoever is in a tunnel inside it, and nowhere else.
    let packet = sender.media(at_ms(10), ROOM, Slot(0), TrackId::CAMERA);
    let (result, deeds) = tunnelled(&mut relay, sender.session, &packet);
    assert_eq!((result, deeds.sent.len()), (Ok(()), 0));
    let [(shard, what, payload)] = &deeds.handed_over[..] else { panic!("{deeds:?}") };
    let mut deeds = Deeds::default();
    assert_eq!(relay.machines[*shard].handle_handed_over(at_ms(10), *what, payload, &mut deeds), Ok(()));
    assert_eq!((deeds.sent.len(), deeds.tunnelled.len()), (0, 1));
    assert_eq!(receiver.open(at_ms(10), &deeds.tunnelled[0].1).0, Kind::Media);

    // A ping over UDP is answered over UDP, and the tunnel goes on until it is switched off.
    let ping = receiver.ping(at_ms(11));
    let (result, deeds) = relay.home(&receiver, at_ms(11), receiver.address, &ping);
    assert_eq!((result, deeds.sent.len(), deeds.tunnelled.len()), (Ok(()), 1, 0));
    relay.apply(RelayCommand::Tunnel { session: receiver.session, is_on: false });
    let packet = sender.media(at_ms(11), ROOM, Slot(0), TrackId::CAMERA);
    let (_, deeds) = tunnelled(&mut relay, sender.session, &packet);
    let (shard, what, payload) = deeds.handed_over[0].clone();
    let mut deeds = Deeds::default();
    assert_eq!(relay.machines[shard].handle_handed_over(at_ms(11), what, &payload, &mut deeds), Ok(()));
    assert_eq!((deeds.sent.len(), deeds.tunnelled.len()), (1, 0));
}
