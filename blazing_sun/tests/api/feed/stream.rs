//! Following a feed: each thing once, over any number of connections and applications, until the session or the
//! application ends.

use std::net::SocketAddr;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::feed::{FEED, lose_keys, purse, spend};
use crate::harness::{Browser, Gate, Process, Program, TestApp, World, run};
use crate::ledger::House;
use crate::support::soon;

/// Somebody's open stream.
struct Following {
    wire: BufReader<TcpStream>,
    status: u16,
    headers: String,
    text: String,
    last_id: String,
}

impl Following {
    /// Opens one with what a browser holds.
    async fn open(address: SocketAddr, browser: &Browser, query: &str, last_id: &str) -> Self {
        let cookie = browser.cookie("__Host-session").expect("a session");
        let who = format!("cookie: __Host-session={cookie}");
        Self::open_as(address, &who, query, last_id).await
    }

    async fn open_as(address: SocketAddr, who: &str, query: &str, last_id: &str) -> Self {
        let mut wire = TcpStream::connect(address).await.expect("a connection");
        let last = match last_id {
            "" => String::new(),
            id => format!("last-event-id: {id}\r\n"),
        };
        let request =
            format!("GET {FEED}/stream{query} HTTP/1.1\r\nhost: test\r\n{who}\r\n{last}\r\n");
        wire.write_all(request.as_bytes()).await.expect("a request");
        let mut wire = BufReader::new(wire);
        let mut headers = String::new();
        while !headers.ends_with("\r\n\r\n") {
            let read = soon("headers", wire.read_line(&mut headers)).await;
            assert!(read.expect("a line") > 0, "{headers}");
        }
        let status = headers
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Self {
            wire,
            status: status.expect("a status"),
            headers: headers.to_lowercase(),
            text: String::new(),
            last_id: last_id.to_owned(),
        }
    }

    /// The next part of the body; none at its end.
    async fn chunk(&mut self) -> Option<String> {
        let mut size = String::new();
        if self.wire.read_line(&mut size).await.ok()? == 0 {
            return None;
        }
        let size = usize::from_str_radix(size.trim(), 16).expect("a size");
        let mut chunk = vec![0; size + 2];
        self.wire.read_exact(&mut chunk).await.ok()?;
        chunk.truncate(size);
        (size > 0).then(|| String::from_utf8(chunk).expect("text"))
    }

    /// The next thing that happened; none when the stream has ended. Comments do not make the wait longer.
    async fn next(&mut self) -> Option<Value> {
        soon("something that happened", self.item()).await
    }

    async fn item(&mut self) -> Option<Value> {
        loop {
            while let Some((frame, rest)) = self.text.split_once("\n\n") {
                let (frame, rest) = (frame.to_owned(), rest.to_owned());
                self.text = rest;
                for line in frame.lines() {
                    if let Some(id) = line.strip_prefix("id: ") {
                        self.last_id = id.to_owned();
                    }
                    if let Some(data) = line.strip_prefix("data: ") {
                        return Some(serde_json::from_str(data).expect("JSON"));
                    }
                }
            }
            let chunk = self.chunk().await?;
            self.text += &chunk;
        }
    }

    /// The sentence of the next thing.
    async fn text(&mut self) -> String {
        let item = self.next().await.expect("a stream that goes on");
        item["text"].as_str().expect("a text").to_owned()
    }

    /// Waits until it has begun: from then on its place is known.
    async fn begun(mut self) -> Self {
        let chunk = soon("a beginning", self.chunk()).await;
        self.text += &chunk.expect("a beginning");
        self
    }
}

#[tokio::test]
async fn a_stream_goes_on_where_it_ended_also_at_another_application_with_redis_and_without() {
    for world in [World::solo().await, World::cached().await] {
        let mut house = House::of(world).await;
        let other = TestApp::start(&house.world).await;
        let mut ada = house.member("ada").await;
        let purse = purse(&mut ada).await;
        house.machine.settle().await;
        let page = ada.get(FEED).await.json();
        let place = page["position"].as_str().expect("a place");
        spend(&mut ada, &purse, 100).await;
        house.machine.settle().await;

        let mut stream =
            Following::open(house.app.address, &ada, &format!("?after={place}"), "").await;
        assert_eq!(stream.status, 200);
        assert!(stream.headers.contains("content-type: text/event-stream"));
        assert!(stream.headers.contains("x-accel-buffering: no"));
        assert!(stream.headers.contains("cache-control: no-store"));
        assert_eq!(stream.text().await, "Spent 1.00 EUR");
        spend(&mut ada, &purse, 200).await;
        spend(&mut ada, &purse, 300).await;
        house.machine.settle().await;
        assert_eq!(stream.text().await, "Spent 2.00 EUR");
        let last = stream.last_id.clone();
        drop(stream);
        spend(&mut ada, &purse, 400).await;
        house.machine.settle().await;
        if house.world.config().services.redis.is_some() {
            lose_keys(&house.world).await;
        }

        let mut stream = Following::open(other.address, &ada, "?after=x", &last).await;
        for told in ["Spent 3.00 EUR", "Spent 4.00 EUR"] {
            assert_eq!(stream.text().await, told);
        }
        spend(&mut ada, &purse, 500).await;
        house.machine.settle().await;
        assert_eq!(stream.text().await, "Spent 5.00 EUR");
        drop(stream);
        // A browser that was told nothing but the beginning is at a place too.
        let mut stream = Following::open(other.address, &ada, "", "")
            .await
            .begun()
            .await;
        spend(&mut ada, &purse, 600).await;
        house.machine.settle().await;
        assert_eq!(stream.text().await, "Spent 6.00 EUR");
        drop(stream);
        house.end().await;
        other.end().await;
    }
}

#[tokio::test]
async fn what_began_earlier_and_comes_later_is_told_too() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let purse = purse(&mut ada).await;
    spend(&mut ada, &purse, 100).await;
    spend(&mut ada, &purse, 200).await;
    house.machine.settle().await;
    run(&house.world, "CREATE TABLE late AS SELECT * FROM audit_log WHERE data #>> '{after,entries,0,amount}' = '-100'").await;
    assert_eq!(
        run(
            &house.world,
            "DELETE FROM audit_log USING late WHERE audit_log.event_id = late.event_id"
        )
        .await,
        1
    );
    let page = ada.get(FEED).await.json();
    assert_eq!(page["items"][0]["text"], "Spent 2.00 EUR");
    let place = page["position"].as_str().expect("a place").to_owned();

    run(&house.world, "INSERT INTO audit_log SELECT * FROM late").await;
    let mut stream = Following::open(house.app.address, &ada, &format!("?after={place}"), "").await;
    assert_eq!(stream.text().await, "Spent 1.00 EUR");
    spend(&mut ada, &purse, 300).await;
    house.machine.settle().await;
    assert_eq!(stream.text().await, "Spent 3.00 EUR");
    house.end().await;
}

#[tokio::test]
async fn nobody_hears_of_others() {
    let mut house = House::of(World::cached().await).await;
    let mut ada = house.member("ada").await;
    let mut bob = house.member("bob").await;
    let (hers, his) = (purse(&mut ada).await, purse(&mut bob).await);
    house.machine.settle().await;
    let mut stream = Following::open(house.app.address, &ada, "", "")
        .await
        .begun()
        .await;
    let nobody = Following::open_as(house.app.address, "x-user-id: ada", "", "").await;
    assert_eq!(nobody.status, 401);

    spend(&mut bob, &his, 200).await;
    house.machine.settle().await;
    spend(&mut ada, &hers, 100).await;
    house.machine.settle().await;

    assert_eq!(stream.text().await, "Spent 1.00 EUR");
    house.end().await;
}

#[tokio::test]
async fn a_stream_ends_soon_after_its_session_for_browsers_and_programs() {
    let mut house = House::of(World::cached().await).await;
    let mut ada = house.member("ada").await;
    let program = Program::sign_in(&house.app, "ada@example.org").await;
    let bearer = format!("authorization: Bearer {}", program.access);
    let address = house.app.address;
    let mut streams = [
        Following::open(address, &ada, "", "").await.begun().await,
        Following::open_as(address, &bearer, "", "")
            .await
            .begun()
            .await,
    ];

    let ended = ada
        .post("/api/v1/auth/sign-out-everywhere", &json!({}))
        .await;
    assert_eq!(ended.status, 204);

    for stream in &mut streams {
        let ended = timeout(Duration::from_secs(20), stream.next()).await;
        assert_eq!(ended.expect("an end"), None);
    }
    house.end().await;
}

#[tokio::test]
async fn a_stream_ends_when_its_session_has_expired() {
    let mut house = House::new().await;
    let ada = house.member("ada").await;
    let mut stream = Following::open(house.app.address, &ada, "", "")
        .await
        .begun()
        .await;

    house.app.clock.advance(TimeDelta::days(7));

    let ended = timeout(Duration::from_secs(20), stream.next()).await;
    assert_eq!(ended.expect("an end"), None);
    house.end().await;
}

#[tokio::test]
async fn an_ending_application_ends_its_streams_instead_of_waiting_for_them() {
    let mut house = House::new().await;
    let ada = house.member("ada").await;
    let mut process = Process::run(&house.world);
    let address = process.listening().await;
    // The clock of the process is the real one, by which she signed in long ago.
    run(
        &house.world,
        "UPDATE sessions SET seen_at = now(), expires_at = now() + interval '1 day'",
    )
    .await;
    let mut stream = Following::open(address, &ada, "", "").await.begun().await;

    process.signal("TERM").await;

    let ended = timeout(Duration::from_secs(10), process.ended()).await;
    assert!(ended.expect("an end long before 30 seconds").success());
    assert_eq!(stream.next().await, None);
    house.end().await;
}

#[tokio::test]
async fn somebody_follows_their_feed_so_often_at_a_time_and_where_nothing_is_they_are_told() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bob = house.member("bob").await;
    let address = house.app.address;
    let mut open = Vec::new();
    for _ in 0..6 {
        open.push(Following::open(address, &ada, "", "").await.begun().await);
    }

    let refused = ada.get("/api/v1/feed/stream").await;
    assert_eq!(
        (refused.status, refused.problem()),
        (429, "too_many_streams".to_owned())
    );
    assert_eq!(Following::open(address, &bob, "", "").await.status, 200);
    let nowhere = ada.get("/api/v1/feed/stream?after=yesterday").await;
    assert_eq!(
        (nowhere.status, nowhere.problem()),
        (422, "invalid_fields".to_owned())
    );
    let head = ada.send("HEAD", "/api/v1/feed/stream", &[], "").await;
    assert_eq!(head.status, 429);
    house.end().await;
}

#[tokio::test]
async fn a_stream_goes_on_while_redis_goes_away_and_comes_back() {
    let gate = Gate::refusing().await;
    let world = World::cached().await.behind(&gate, "REDIS");
    gate.pass_to(world.address_of("REDIS"));
    let mut house = House::of(world).await;
    let mut ada = house.member("ada").await;
    let purse = purse(&mut ada).await;
    house.machine.settle().await;
    let mut stream = Following::open(house.app.address, &ada, "", "")
        .await
        .begun()
        .await;

    spend(&mut ada, &purse, 100).await;
    house.machine.settle().await;
    assert_eq!(stream.text().await, "Spent 1.00 EUR");
    gate.pass_to(None);
    spend(&mut ada, &purse, 200).await;
    house.machine.settle().await;
    assert_eq!(stream.text().await, "Spent 2.00 EUR");
    gate.pass_to(house.world.address_of("REDIS"));
    spend(&mut ada, &purse, 300).await;
    house.machine.settle().await;
    assert_eq!(stream.text().await, "Spent 3.00 EUR");
    house.end().await;
}
