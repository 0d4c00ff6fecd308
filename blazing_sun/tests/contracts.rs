//! The contracts: `docs/events` and the table of metrics are what the code makes, the AsyncAPI document describes what is on the wire, and no name
//! that was ever published has changed.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot read its files or build its samples has to stop"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use blazing_sun::app::config::{Config, Sources};
use blazing_sun::app::measured;
use blazing_sun::app::wiring::Wiring;
use blazing_sun::feed;
use blazing_sun::flow::asyncapi::document;
use blazing_sun::flow::catalogue::Catalogue;
use blazing_sun::flow::ctx::Tx;
use blazing_sun::flow::dead_letter::{self, DeadLettered};
use blazing_sun::flow::documents::{COMMAND, pages};
use blazing_sun::flow::event::{CloudEvent, Event, SOURCE, Topic};
use blazing_sun::flow::job::{Job, JobError, Run, Ticket};
use blazing_sun::flow::purge::{PurgeExpired, Retention};
use blazing_sun::flow::reaction::{Reaction, Wanted};
use blazing_sun::infra::measures::{self, Declaration, Measures};
use blazing_sun::kernel::clock::SystemClock;
use chrono::{DateTime, TimeDelta};
use jsonschema::{Draft, Validator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use uuid::Uuid;

const DOCUMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/events");
const OPERATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations.md");
const FROZEN_NAMES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/frozen_names.txt");

/// The application's settings, as far as they matter here.
fn config() -> Config {
    let names = [
        "APP_KEY",
        "POSTGRES_PASSWORD",
        "REDIS_PASSWORD",
        "RABBITMQ_PASSWORD",
    ];
    let secrets = names.map(|name| (name, "a secret of 32 characters or more"));
    let sources = Sources::defaults().with_environment(secrets);
    Config::read(sources).config.expect("a configuration")
}

/// The application's. To make it, no service has to be there.
fn catalogue() -> Arc<Catalogue> {
    let runtime = Runtime::new().expect("a runtime");
    let _inside = runtime.enter();
    Wiring::new(&config(), Arc::new(SystemClock), &Measures::default())
        .expect("the application")
        .catalogue
}

// ---- what is committed ----

#[test]
fn docs_events_is_what_the_code_makes() {
    let differences = differences(&pages(&catalogue()), &files(Path::new(DOCUMENTS)));

    assert!(
        differences.is_empty(),
        "docs/events differs from the code:\n  {}\nRun `{COMMAND}` in blazing_sun/ and look at the changes: a type that was \
         published may only get optional fields; anything else is a new type beside it.",
        differences.join("\n  ")
    );
}

#[test]
fn every_difference_is_named() {
    let of = |pages: [(&str, &str); 2]| {
        BTreeMap::from(pages.map(|(name, text)| (name.to_owned(), text.to_owned())))
    };
    let made = of([("asyncapi.json", "{}\n"), ("README.md", "new\n")]);
    let found = of([("jobs/old.schema.json", "{}\n"), ("README.md", "old\n")]);

    assert_eq!(
        differences(&made, &found),
        [
            "README.md is different",
            "asyncapi.json is missing",
            "jobs/old.schema.json is made no more: delete it",
        ]
    );
}

#[test]
fn no_published_name_changes() {
    let listed = fs::read_to_string(FROZEN_NAMES).expect("the frozen names");
    let frozen: BTreeSet<&str> = listed.lines().collect();
    let catalogue = catalogue();
    let events = catalogue
        .events()
        .map(|event| format!("event {}", event.kind));
    let jobs = catalogue.jobs().map(|job| format!("job {}", job.name));
    let consumers = catalogue
        .reactions()
        .iter()
        .map(|reaction| format!("consumer {}", reaction.consumer()));
    let names: BTreeSet<String> = events.chain(jobs).chain(consumers).collect();
    let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();

    let gone: Vec<_> = frozen.difference(&names).collect();
    let fresh: Vec<_> = names.difference(&frozen).collect();

    assert!(
        gone.is_empty(),
        "{gone:?}: published names that the code does not know any more. They are frozen, since they are stored: events of \
         that type lie in Kafka and in event_log, jobs of that name wait, a consumer's place is kept under its name in Kafka \
         and in the inbox. Give the old name back; for another meaning, add a new one beside it. One that nothing stored \
         carries any more, in no installation, may leave tests/frozen_names.txt."
    );
    assert!(
        fresh.is_empty(),
        "{fresh:?}: new names, which are frozen once they are released. If they are to stay like this for ever, add them to \
         tests/frozen_names.txt, a line each."
    );
}

#[test]
fn the_table_of_metrics_is_what_the_code_makes() {
    let found = fs::read_to_string(OPERATIONS).expect("docs/operations.md");

    let made = measures::in_document(&found, &metrics()).expect("a place for the table");

    assert!(
        made == found,
        "docs/operations.md differs from the code: run `cargo run -- metrics docs ../docs/operations.md` in blazing_sun/"
    );
}

#[test]
fn metrics_have_names_as_prometheus_wants_them() {
    let metrics = metrics();
    assert!(metrics.len() > 40, "{metrics:?}");
    let complaints: Vec<String> = metrics.iter().flat_map(complaints).collect();
    assert_eq!(complaints, [""; 0]);

    let wrong = |name: &str, kind, labels: &[&str]| {
        let labels = labels.iter().map(|label| (*label).to_owned());
        complaints_count(name, kind, labels.collect())
    };
    assert_eq!(wrong("jobs_done", "counter", &[]), 1);
    assert_eq!(wrong("jobs_total", "gauge", &[]), 1);
    assert_eq!(wrong("wait_milliseconds", "histogram", &[]), 1);
    assert_eq!(wrong("disk_percent", "gauge", &["user_id"]), 2);
    assert_eq!(wrong("jobs_Done_total", "counter", &[]), 1);
}

/// Whose values are names from the code, or numbers of which there are few.
const LABELS: [&str; 13] = [
    "cache",
    "consumer",
    "dependency",
    "job",
    "kind",
    "lease",
    "level",
    "method",
    "outcome",
    "route",
    "schedule",
    "state",
    "status",
];

fn complaints(metric: &Declaration) -> Vec<String> {
    let Declaration {
        name,
        kind,
        labels,
        help,
    } = metric;
    let mut complaints = Vec::new();
    let mut complain_if = |is_wrong: bool, what: &str| {
        if is_wrong {
            complaints.push(format!("{name}: {what}"));
        }
    };
    complain_if(
        !name.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
        "lower case",
    );
    complain_if(
        name.ends_with("_total") != (*kind == "counter"),
        "a counter ends in _total, and nothing else",
    );
    let not_a_base_unit = [
        "milliseconds",
        "ms",
        "microseconds",
        "minutes",
        "hours",
        "percent",
        "kib",
        "mib",
        "kilobytes",
        "megabytes",
    ];
    complain_if(
        name.split('_').any(|part| not_a_base_unit.contains(&part)),
        "a base unit: seconds, bytes",
    );
    complain_if(
        help.is_empty() || !help.ends_with('.') && !name.starts_with("process_"),
        "a sentence",
    );
    // The one version of a build.
    let labels = labels.iter().filter(|_| name != "build_info");
    for label in labels {
        complain_if(!LABELS.contains(&label.as_str()), label);
    }
    complaints
}

fn complaints_count(name: &str, kind: &'static str, labels: Vec<String>) -> usize {
    let metric = Declaration {
        name: name.to_owned(),
        kind,
        labels,
        help: "What it says.".to_owned(),
    };
    complaints(&metric).len()
}

/// What the application measures.
fn metrics() -> Vec<Declaration> {
    let runtime = Runtime::new().expect("a runtime");
    let _inside = runtime.enter();
    measured::everything(&config()).expect("the application")
}

#[test]
fn every_type_that_a_consumer_wants_is_published_where_it_listens() {
    assert_eq!(unheard(&catalogue()), [""; 0]);
    assert_eq!(
        unheard(&samples().reaction(Follows("deaf", Wanted::Types(&["user.gone.v1"])))),
        ["deaf wants user.gone.v1"]
    );
}

#[test]
fn every_type_of_event_has_a_sentence_in_the_feed_or_is_not_shown_on_purpose() {
    let catalogue = catalogue();
    let published: BTreeSet<&str> = catalogue.events().map(|event| event.kind).collect();
    let (shown, not_shown) = (BTreeSet::from(feed::SHOWN), BTreeSet::from(feed::NOT_SHOWN));
    let known: BTreeSet<&str> = shown.union(&not_shown).copied().collect();

    assert_eq!(
        published, known,
        "a type of event needs a sentence in src/feed/item.rs, and its name in SHOWN; or its name in NOT_SHOWN"
    );
    assert!(shown.is_disjoint(&not_shown));
    let reaction = catalogue.find_reaction("feed").expect("the consumer");
    let Wanted::Types(wanted) = reaction.wanted() else {
        panic!("it wants what it knows");
    };
    let unheard: Vec<_> = shown.iter().filter(|kind| !wanted.contains(kind)).collect();
    assert!(
        unheard.is_empty(),
        "{unheard:?} are shown, and the consumer does not want them"
    );
}

// ---- what the documents say ----

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    for catalogue in [catalogue(), Arc::new(samples())] {
        let document = document(&catalogue);
        let references = references(&document);

        assert!(references.len() > 10, "{references:?}");
        for target in references {
            let pointer = target
                .strip_prefix('#')
                .expect("a reference into the document");
            assert!(document.pointer(pointer).is_some(), "{target}");
        }
    }
}

#[test]
fn a_record_is_what_the_document_says() {
    let document = document(&samples());
    for (kind, data) in sample_data() {
        let fits = validator(&document, &format!("/components/messages/{kind}/payload"));
        let record = record(kind, data);

        assert_eq!(complaint(&fits, &record), None, "{kind}");
        for (field, wrong) in [
            ("type", json!("wallet.lost.v1")),
            ("source", json!("/elsewhere")),
            ("id", json!("1")),
            ("time", json!("today")),
            ("data", json!({})),
        ] {
            let mut record = record.clone();
            record[field] = wrong;
            assert!(!fits.is_valid(&record), "{kind} with another {field}");
        }
    }
}

#[test]
fn what_a_schema_defines_for_itself_is_checked_in_both_dialects() {
    let document = document(&samples());
    let component = validator(&document, "/components/schemas/wallet.opened.v1");
    let page = page_validator("wallet.opened.v1.schema.json");
    let (_, sample) = sample_data().swap_remove(1);

    for (pointer, wrong) in [
        ("/currency", json!("GOLD")),
        ("/limits/1", json!("many")),
        ("/parent/currency", json!("GOLD")),
    ] {
        let mut data = sample.clone();
        *data.pointer_mut(pointer).expect("a place in the sample") = wrong;
        assert!(page.is_valid(&sample) && !page.is_valid(&data), "{pointer}");
        assert!(
            component.is_valid(&sample) && !component.is_valid(&data),
            "{pointer}"
        );
    }
}

#[test]
fn every_schema_file_accepts_its_sample() {
    for (kind, data) in sample_data() {
        let page = page_validator(&format!("{kind}.schema.json"));
        assert_eq!(complaint(&page, &data), None, "{kind}");
        let envelope = page_validator("envelope.schema.json");
        assert_eq!(complaint(&envelope, &record(kind, data)), None, "{kind}");
    }
    let ticket = Ticket {
        id: Uuid::nil(),
        name: Close::NAME.to_owned(),
        attempt: 0,
    };
    for (page, sample) in [
        ("ticket.schema.json", json!(ticket)),
        (
            "jobs/close_wallet.schema.json",
            json!(Close {
                wallet: Uuid::nil()
            }),
        ),
        ("jobs/purge_expired.schema.json", json!(PurgeExpired {})),
    ] {
        assert_eq!(complaint(&page_validator(page), &sample), None, "{page}");
    }
}

#[test]
fn every_example_is_a_record_that_could_come() {
    let mut examples = 0;
    for catalogue in [catalogue(), Arc::new(samples())] {
        let document = document(&catalogue);
        for event in catalogue.events() {
            let message = format!("/components/messages/{}", event.kind);
            let fits = validator(&document, &format!("{message}/payload"));
            for example in document
                .pointer(&format!("{message}/examples"))
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                assert_eq!(
                    complaint(&fits, &example["payload"]),
                    None,
                    "{}",
                    event.kind
                );
                examples += 1;
            }
        }
    }
    assert!(examples > 0);
}

#[test]
fn a_consumer_receives_what_it_wants_and_nothing_else() {
    let document = document(&samples());
    let received = |operation: &str| {
        let messages = document.pointer(&format!("/operations/{operation}/messages"));
        references(messages.expect("an operation"))
    };

    assert_eq!(
        received("everything.wallet.events"),
        [
            "#/channels/wallet.events/messages/wallet.closed.v1",
            "#/channels/wallet.events/messages/wallet.opened.v1",
        ]
    );
    assert_eq!(
        received("some.wallet.events"),
        ["#/channels/wallet.events/messages/wallet.closed.v1"]
    );
    let readme = &pages(&samples())["README.md"];
    let row = "| [wallet.closed.v1](wallet.closed.v1.schema.json) | `wallet.events` | A wallet \\| was closed. | `everything`, `some` |\n";
    assert!(readme.contains(row), "{readme}");
}

#[test]
fn every_link_of_the_table_leads_to_a_page() {
    let pages = pages(&samples());
    let links: Vec<&str> = pages["README.md"]
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|link| !link.starts_with("../"))
        .collect();

    assert!(links.len() >= 8, "{links:?}");
    for link in links {
        assert!(pages.contains_key(link), "{link}");
    }
}

// ---- samples, with whatever a schema may hold ----

const WALLETS: Topic = Topic::new("wallet.events");

/// A wallet was opened.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(example = Opened::sample())]
struct Opened {
    wallet: Uuid,
    /// A description beside a reference.
    currency: Currency,
    limits: (i64, Option<i64>),
    parent: Option<Box<Opened>>,
    #[serde(default)]
    note: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Currency {
    Eur,
    Usd,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Closed {
    wallet: Uuid,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Close {
    wallet: Uuid,
}

impl Opened {
    fn sample() -> Self {
        let parent = Self {
            wallet: Uuid::nil(),
            currency: Currency::Eur,
            limits: (1, None),
            parent: None,
            note: None,
        };
        Self {
            wallet: Uuid::max(),
            currency: Currency::Usd,
            limits: (-5, Some(5)),
            parent: Some(Box::new(parent)),
            note: Some("a".to_owned()),
        }
    }
}

impl Event for Opened {
    const TYPE: &'static str = "wallet.opened.v1";
    const TOPIC: Topic = WALLETS;
    const SUMMARY: &'static str = "A wallet was opened.";

    fn subject(&self) -> Uuid {
        self.wallet
    }

    fn sequence(&self) -> i64 {
        1
    }
}

impl Event for Closed {
    const TYPE: &'static str = "wallet.closed.v1";
    const TOPIC: Topic = WALLETS;
    const SUMMARY: &'static str = "A wallet | was closed.";

    fn subject(&self) -> Uuid {
        self.wallet
    }

    fn sequence(&self) -> i64 {
        2
    }
}

#[async_trait]
impl Job for Close {
    const NAME: &'static str = "close_wallet";
    const SUMMARY: &'static str = "Closes a wallet.";
    const PRIORITY: i16 = 5;

    type Tools = ();

    async fn run(&self, _tools: &(), _run: &mut Run) -> Result<(), JobError> {
        Ok(())
    }
}

struct Follows(&'static str, Wanted);

#[async_trait]
impl Reaction for Follows {
    fn consumer(&self) -> &'static str {
        self.0
    }

    fn summary(&self) -> &'static str {
        "Follows wallets."
    }

    fn topics(&self) -> &'static [Topic] {
        const { &[WALLETS, dead_letter::TOPIC] }
    }

    fn wanted(&self) -> Wanted {
        self.1
    }

    async fn react(&self, _tx: &mut Tx, _event: &CloudEvent) -> anyhow::Result<()> {
        Ok(())
    }
}

fn samples() -> Catalogue {
    Catalogue::default()
        .event::<DeadLettered>()
        .job::<PurgeExpired>(Retention {
            event_log: TimeDelta::days(30),
            topics: TimeDelta::days(7),
            done: TimeDelta::days(7),
        })
        .event::<Opened>()
        .event::<Closed>()
        .job::<Close>(())
        .reaction(Follows("everything", Wanted::Everything))
        .reaction(Follows("some", Wanted::Types(&[Closed::TYPE])))
}

/// For each type its data as it is serialised.
fn sample_data() -> Vec<(&'static str, Value)> {
    let letter = DeadLettered {
        event_id: Uuid::nil(),
        consumer: "audit".to_owned(),
        topic: "user.events".to_owned(),
        partition: None,
        offset: 7,
        key: None,
        value: "{}".to_owned(),
        error: "no".to_owned(),
        attempts: 5,
    };
    vec![
        (DeadLettered::TYPE, json!(letter)),
        (Opened::TYPE, json!(Opened::sample())),
        (
            Closed::TYPE,
            json!(Closed {
                wallet: Uuid::nil()
            }),
        ),
    ]
}

/// A record's value as the relay publishes it.
fn record(kind: &str, data: Value) -> Value {
    json!(CloudEvent {
        specversion: "1.0".to_owned(),
        id: Uuid::nil(),
        source: SOURCE.to_owned(),
        kind: kind.to_owned(),
        subject: Uuid::nil(),
        time: DateTime::UNIX_EPOCH,
        datacontenttype: "application/json".to_owned(),
        actorid: None,
        correlationid: "a request".to_owned(),
        causationid: Some(Uuid::nil()),
        sequence: 1,
        traceparent: None,
        data,
    })
}

// ---- tools ----

fn differences(made: &BTreeMap<String, String>, found: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = made.keys().chain(found.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| match (made.get(name), found.get(name)) {
            (Some(_), None) => Some(format!("{name} is missing")),
            (None, _) => Some(format!("{name} is made no more: delete it")),
            (made, found) => (made != found).then(|| format!("{name} is different")),
        })
        .collect()
}

/// The files below a folder; none if there is no folder.
fn files(root: &Path) -> BTreeMap<String, String> {
    let mut folders = vec![root.to_path_buf()];
    let mut found = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).expect("below the folder");
                let text = fs::read_to_string(&path).expect("a text");
                found.insert(name.to_string_lossy().replace('\\', "/"), text);
            }
        }
    }
    found
}

fn unheard(catalogue: &Catalogue) -> Vec<String> {
    let mut unheard = Vec::new();
    for reaction in catalogue.reactions() {
        let Wanted::Types(types) = reaction.wanted() else {
            continue;
        };
        for kind in types {
            let topic = catalogue
                .events()
                .find(|event| event.kind == *kind)
                .map(|event| event.topic);
            if !topic.is_some_and(|topic| reaction.topics().contains(&topic)) {
                unheard.push(format!("{} wants {kind}", reaction.consumer()));
            }
        }
    }
    unheard
}

/// The targets of all references, in the order of the document.
fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(entries) => entries
            .iter()
            .flat_map(|(key, value)| match value {
                Value::String(target) if key == "$ref" => vec![target.clone()],
                value => references(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// What judges by a schema inside the document, as a tool for AsyncAPI does: its dialect extends draft 7.
fn validator(document: &Value, pointer: &str) -> Validator {
    let mut root = document.clone();
    root["$ref"] = format!("#{pointer}").into();
    jsonschema::options()
        .with_draft(Draft::Draft7)
        .should_validate_formats(true)
        // Draft 7 does not know it yet.
        .with_format("uuid", |text: &str| Uuid::parse_str(text).is_ok())
        .build(&root)
        .expect("a schema")
}

/// What judges by a file of the samples.
fn page_validator(name: &str) -> Validator {
    let schema = serde_json::from_str(&pages(&samples())[name]).expect("JSON");
    assert!(jsonschema::draft202012::meta::is_valid(&schema), "{name}");
    jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .expect("a schema")
}

fn complaint(validator: &Validator, value: &Value) -> Option<String> {
    validator
        .validate(value)
        .err()
        .map(|error| error.to_string())
}
