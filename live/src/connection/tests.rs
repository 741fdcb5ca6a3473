//! Networks that come and go, told as stories.

use super::*;

/// A connection that is shown, and what it is told afterwards, all at random 1.
fn told(inputs: &[Input]) -> (Connection, Vec<Order>) {
    let mut connection = Connection::new();
    let mut orders = connection.handle(Input::Shown, 1.0);
    for input in inputs {
        orders = connection.handle(*input, 1.0);
    }
    (connection, orders)
}

#[test]
fn a_stream_is_all_it_needs() {
    let mut connection = Connection::new();
    let orders = connection.handle(Input::Shown, 1.0);
    assert!(orders.contains(&Order::Open) && !orders.contains(&Order::Ask));
    assert_eq!(connection.link(), Link::Connecting);
    connection.handle(Input::Opened, 1.0);
    let orders = connection.handle(Input::Heard, 1.0);
    assert_eq!(orders, [Order::Set(Alarm::Silence, 5000)]);
    assert_eq!(connection.link(), Link::Live);
}

#[test]
fn a_stream_that_says_nothing_is_replaced_by_questions_and_tried_again() {
    let (mut connection, orders) = told(&[Input::Opened, Input::Rang(Alarm::Silence)]);
    assert!(orders.contains(&Order::Close) && orders.contains(&Order::Ask));
    assert!(orders.contains(&Order::Set(Alarm::Retry, 15_000)));
    assert_eq!(connection.handle(Input::Answered, 1.0), [Order::Set(Alarm::Poll, 2000)]);
    assert_eq!(connection.link(), Link::Polling);
    assert_eq!(connection.handle(Input::Rang(Alarm::Poll), 1.0), [Order::Ask]);
    assert!(connection.handle(Input::Rang(Alarm::Retry), 1.0).contains(&Order::Open));
    assert_eq!(connection.link(), Link::Polling, "questions go on meanwhile");
    assert!(connection.handle(Input::Heard, 1.0).contains(&Order::Stop(Alarm::Poll)));
    assert_eq!(connection.link(), Link::Live);
    // An answer that was on its way changes nothing.
    assert!(connection.handle(Input::Answered, 1.0).is_empty());
}

#[test]
fn a_stream_that_falls_silent_later_is_noticed_too() {
    let (connection, orders) = told(&[Input::Opened, Input::Heard, Input::Rang(Alarm::Silence)]);
    assert!(orders.contains(&Order::Close) && orders.contains(&Order::Ask));
    assert_eq!(connection.link(), Link::Lost);
}

#[test]
fn waits_grow_while_the_relay_is_gone_and_it_says_so() {
    let (mut connection, orders) = told(&[Input::Heard, Input::Broke]);
    assert_eq!(connection.link(), Link::Lost);
    assert!(orders.contains(&Order::Set(Alarm::Retry, 1000)) && !orders.contains(&Order::Ask));
    let mut waits = Vec::new();
    for _ in 0..5 {
        connection.handle(Input::Rang(Alarm::Retry), 1.0);
        waits.extend(connection.handle(Input::Broke, 1.0).into_iter().filter_map(
            |order| match order {
                Order::Set(Alarm::Retry, wait) => Some(wait),
                _ => None,
            },
        ));
    }
    assert_eq!(waits, [2000, 4000, 8000, 15_000, 15_000]);
    assert_eq!(connection.handle(Input::Unanswered, 1.0), [Order::Set(Alarm::Poll, 2000)]);
    assert_eq!(connection.handle(Input::Unanswered, 1.0), [Order::Set(Alarm::Poll, 4000)]);
    assert_eq!(connection.handle(Input::Unanswered, 1.0), [Order::Set(Alarm::Poll, 5000)]);
    assert_eq!(connection.link(), Link::Lost);
    // An answer shows that the relay is back; the stream is tried without waiting.
    assert!(connection.handle(Input::Answered, 1.0).contains(&Order::Open));
    connection.handle(Input::Heard, 1.0);
    assert_eq!(connection.link(), Link::Live);
}

#[test]
fn half_of_the_wait_is_by_chance() {
    let (mut connection, _) = told(&[Input::Heard]);
    assert!(connection.handle(Input::Broke, 0.0).contains(&Order::Set(Alarm::Retry, 500)));
}

#[test]
fn a_network_that_is_back_is_used_at_once() {
    let (_, orders) = told(&[Input::Broke, Input::Online]);
    assert!(orders.contains(&Order::Open) && orders.contains(&Order::Stop(Alarm::Retry)));
    // What hangs is replaced.
    let (_, orders) = told(&[Input::Online]);
    assert_eq!(orders[0], Order::Close);
    // What works is left alone.
    let (_, orders) = told(&[Input::Heard, Input::Online]);
    assert!(orders.is_empty());
}

#[test]
fn nothing_is_open_while_hidden() {
    let (mut connection, orders) = told(&[Input::Heard, Input::Hidden]);
    assert!(orders.contains(&Order::Close) && orders.contains(&Order::Stop(Alarm::Retry)));
    for late in [Input::Broke, Input::Answered, Input::Rang(Alarm::Retry), Input::Online] {
        assert!(connection.handle(late, 1.0).is_empty(), "{late:?}");
    }
    assert!(connection.handle(Input::Shown, 1.0).contains(&Order::Open));
}

#[test]
fn a_projector_goes_on() {
    let mut connection = Connection::new();
    connection.go_on_hidden(true);
    connection.handle(Input::Shown, 1.0);
    connection.handle(Input::Heard, 1.0);
    assert!(connection.handle(Input::Hidden, 1.0).is_empty());
    assert_eq!(connection.link(), Link::Live);
}
