//! The records of a history: events of ten aggregates, some with odd keys, and what is no event.

use std::collections::BTreeSet;
use std::fmt::Write;

use blazing_sun::flow::consumer::Record;
use blazing_sun::flow::event::Event;
use serde_json::{Value, json};
use uuid::Uuid;

use super::TOPIC;
use super::reactions::{Happened, Other, Strange};

/// The aggregate that has no key, and so no order.
const NO_KEY: usize = 5;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An event that both reactions want.
    Plain,
    /// One at which this reaction fails until it is healed.
    Poison(usize),
    /// One with an envelope that nobody expects, at which the first reaction fails until it is healed.
    Odd,
    /// One that the picky reaction passes over.
    PassedOver,
    /// One of a type that this build does not know.
    Strange,
    /// One that is not what its type says.
    Wrong,
    /// One that has the id of another.
    Impostor,
    /// No event.
    Broken,
}

impl Kind {
    /// Whether it ends with an effect of the picky reaction.
    pub fn is_for_the_picky(self) -> bool {
        matches!(self, Self::Plain | Self::Poison(_) | Self::Odd)
    }

    /// Whether the picky reaction never hears of it.
    pub fn is_passed_over(self) -> bool {
        self == Self::PassedOver
    }
}

/// An event of a history.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// What it is.
    pub kind: Kind,
    /// Its id.
    pub id: Uuid,
    /// Whether it belongs to no aggregate.
    pub alone: bool,
}

/// Everything that has come, in its order.
#[derive(Default)]
pub struct Records {
    records: Vec<(Record, Option<Known>)>,
    impostors: BTreeSet<Uuid>,
}

impl Records {
    /// How many have come.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// One more comes. Returns the id of its event.
    pub fn add(&mut self, kind: Kind, n: usize) -> Option<Uuid> {
        let number = self.records.len();
        let id = match kind {
            Kind::Impostor => {
                let victim = self.victim(n)?;
                self.impostors.insert(victim);
                victim
            }
            _ => event_id(number),
        };
        let value = match kind {
            Kind::Broken => broken(n, number),
            _ => event(kind, n, number, id).to_string().into_bytes(),
        };
        let record = Record {
            topic: TOPIC.to_owned(),
            // Both ways of a record: out of Kafka, and out of the log.
            partition: match kind {
                Kind::Broken => (n < 5).then_some(1),
                _ => (n != 3).then_some(0),
            },
            offset: number as i64,
            key: key(n).map(|key| Record::key(key.as_bytes())),
            value,
        };
        let known = (kind != Kind::Broken).then_some(Known {
            kind,
            id,
            alone: n == NO_KEY,
        });
        self.records.push((record, known));
        known.map(|known| known.id)
    }

    /// An event whose id an impostor takes.
    fn victim(&self, n: usize) -> Option<Uuid> {
        let events = self.records.iter().rev().filter_map(|(_, known)| *known);
        let mut events = events.filter(|known| matches!(known.kind, Kind::Plain | Kind::Poison(_)));
        events.nth(n % 3).map(|known| known.id)
    }

    /// The records behind the first `given`.
    pub fn after(&self, given: usize) -> impl Iterator<Item = Record> {
        self.records
            .iter()
            .skip(given)
            .map(|(record, _)| record.clone())
    }

    /// The first `given` records.
    pub fn before(&self, given: usize) -> impl Iterator<Item = Record> {
        self.records
            .iter()
            .take(given)
            .map(|(record, _)| record.clone())
    }

    /// The events among the first `given` records; each once.
    pub fn events(&self, given: usize) -> impl Iterator<Item = Known> {
        let events = self
            .records
            .iter()
            .take(given)
            .filter_map(|(_, known)| *known);
        events.filter(|known| known.kind != Kind::Impostor)
    }

    /// What is no event among the first `given` records.
    pub fn unreadable(&self, given: usize) -> impl Iterator<Item = &Record> {
        let records = self.records.iter().take(given);
        records
            .filter(|(_, known)| known.is_none())
            .map(|(record, _)| record)
    }

    /// Whether an event can be taken by no picky reaction.
    pub fn is_wrong(&self, id: Option<Uuid>) -> bool {
        self.events(self.len())
            .any(|known| Some(known.id) == id && known.kind == Kind::Wrong)
    }

    /// Whether another event has the same id.
    pub fn has_impostor(&self, id: Uuid) -> bool {
        self.impostors.contains(&id)
    }

    /// Whether the events of a subject are in one aggregate.
    pub fn keeps_order(&self, subject_id: Uuid) -> bool {
        subject_id != subject(NO_KEY)
    }
}

fn event_id(number: usize) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + number as u128)
}

fn subject(n: usize) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_9000_0000_0000_0000 + n as u128)
}

/// The key of an aggregate: its id, with exceptions.
fn key(n: usize) -> Option<String> {
    match n {
        NO_KEY => None,
        6 => Some(String::new()),
        7 => Some("\u{fffd} no id".to_owned()),
        // Longer than an index entry may be, and without a pattern that would be compressed.
        8 => {
            let mut key = String::new();
            let mut chance = 1_u32;
            while key.len() < 9_000 {
                chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                write!(key, "{chance:08x}").expect("a text");
            }
            Some(key)
        }
        // Two aggregates with one key wait for each other, and nothing worse.
        9 => key(0),
        _ => Some(subject(n).to_string()),
    }
}

fn event(kind: Kind, n: usize, number: usize, id: Uuid) -> Value {
    let name = match kind {
        Kind::PassedOver => Other::TYPE,
        Kind::Strange => Strange::TYPE,
        _ => Happened::TYPE,
    };
    let (subject, sequence) = (subject(n), number + 1);
    let mut event = json!({
        "specversion": "1.0", "id": id, "source": "/blazing_sun", "type": name, "subject": subject,
        "time": "2026-11-26T00:00:00Z", "datacontenttype": "application/json", "correlationid": "fuzz",
        "sequence": sequence, "data": { "subject": subject, "n": sequence },
    });
    match kind {
        Kind::Wrong => event["data"] = json!({ "subject": n }),
        Kind::Odd => make_odd(&mut event, n),
        _ => {}
    }
    event
}

/// Makes an event one that this application would not write, and that it cannot refuse.
fn make_odd(event: &mut Value, n: usize) {
    match n {
        0 => event["correlationid"] = "a NUL: \0".into(),
        1 => event["correlationid"] = "x".repeat(990_000).into(),
        2 => event["traceparent"] = "\"".repeat(400_000).into(),
        3 => event["time"] = "+262142-12-31T23:59:59Z".into(),
        4 => event["time"] = "-262143-01-01T00:00:00Z".into(),
        5 => event["data"]["more"] = json!({ "\0": 1.0e-300 }),
        6 => event["data"]["more"] = "\u{1}".repeat(100_000).into(),
        7 => event["source"] = "elsewhere".into(),
        8 => event["actorid"] = json!(subject(n)),
        _ => event["causationid"] = json!(subject(n)),
    }
}

/// What is no event, in ten ways.
fn broken(n: usize, number: usize) -> Vec<u8> {
    let mut value = event(Kind::Plain, n, number, event_id(number));
    match n {
        0 => return Vec::new(),
        1 => return b"no event".to_vec(),
        2 => value["specversion"] = "0.3".into(),
        3 => value["id"] = Value::Null,
        4 => {
            let fields = [
                "specversion",
                "id",
                "source",
                "type",
                "subject",
                "time",
                "datacontenttype",
            ];
            let more = [
                "actorid",
                "correlationid",
                "causationid",
                "sequence",
                "traceparent",
                "data",
            ];
            let fields = fields
                .into_iter()
                .chain(more)
                .map(|field| value[field].clone());
            value = fields.collect();
        }
        5 => return vec![0; 100],
        6 => return vec![b' '; 1_100_000],
        7 => return value.to_string().split_off(40).into_bytes(),
        8 => value["id"] = "\0 no id".into(),
        _ => return b"{\"specversion\": \"1.0\xff\"}".to_vec(),
    }
    value.to_string().into_bytes()
}
