//! The rooms and who may know whom, checked from the source.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot read the source has to stop"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom to the top: a room may know those before it.
const ROOMS: [&str; 11] = [
    "kernel", "infra", "flow", "mail", "web", "accounts", "ledger", "audit", "feed", "monitor",
    "app",
];
/// Rooms side by side: of each other they may know the events, and nothing else.
const FEATURES: [&str; 5] = ["accounts", "ledger", "audit", "feed", "monitor"];

#[test]
fn every_room_knows_only_the_rooms_below_it() {
    for file in sources() {
        let text = fs::read_to_string(&file).expect("a source file");
        if let Some(room) = room_of(&file) {
            assert_eq!(
                forbidden_imports(&room, &text),
                [""; 0],
                "in {}",
                file.display()
            );
        }
    }
}

#[test]
fn chance_comes_from_the_operating_system_alone() {
    let mut generators = BTreeSet::new();
    for file in sources() {
        let text = fs::read_to_string(&file).expect("a source file");
        for (end, _) in text.match_indices("::") {
            let before = text[..end].rsplit(|c: char| !c.is_alphanumeric() && c != '_');
            let word = before.take(1).collect::<String>();
            if word.contains("rand") {
                generators.insert(word);
            }
        }
    }
    assert_eq!(generators, BTreeSet::from(["getrandom".to_owned()]));
}

#[test]
fn the_map_lists_the_rooms_from_the_bottom_to_the_top() {
    let map = fs::read_to_string("src/lib.rs").expect("the map");

    let listed: Vec<&str> = map
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();

    assert_eq!(listed, ROOMS);
}

#[test]
fn every_module_opens_with_what_it_owns() {
    for file in sources() {
        let text = fs::read_to_string(&file).expect("a source file");
        assert!(
            text.starts_with("//! "),
            "{} does not open with //!",
            file.display()
        );
    }
}

#[test]
fn a_feature_knows_of_another_only_its_events() {
    assert_eq!(
        forbidden_imports("audit", "use crate::accounts::events::UserCreated;"),
        [""; 0]
    );
    assert_eq!(
        forbidden_imports("accounts", "use crate::audit::events;"),
        [""; 0]
    );
    assert_eq!(
        forbidden_imports("audit", "use crate::accounts::Account;"),
        ["accounts::Account"]
    );
    assert_eq!(
        forbidden_imports("audit", "use crate::accounts::events_of_mine;"),
        ["accounts::events_of_mine"]
    );
    assert_eq!(
        forbidden_imports("app", "use crate::accounts::Account;"),
        [""; 0]
    );
}

#[test]
fn the_spine_knows_no_feature() {
    assert_eq!(
        forbidden_imports("flow", "use crate::accounts::events::UserCreated;"),
        ["accounts::events::UserCreated"]
    );
}

#[test]
fn handlers_jobs_and_pages_hold_no_sql() {
    for file in sources() {
        let name = file
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if ["api.rs", "pages.rs", "mails.rs", "jobs.rs"].contains(&name.as_str())
            && FEATURES.contains(&room_of(&file).unwrap_or_default().as_str())
        {
            let text = fs::read_to_string(&file).expect("a source file");
            assert!(
                !text.contains("sqlx::query"),
                "{} holds SQL",
                file.display()
            );
        }
    }
}

#[test]
fn only_the_one_who_began_a_transaction_commits_it() {
    for file in sources() {
        let text = fs::read_to_string(&file).expect("a source file");
        let takes_a_tx = text.contains("tx: &mut Tx") && !text.contains(".begin(");
        assert!(
            !(takes_a_tx && text.contains(".commit()")) || file.ends_with("flow/ctx.rs"),
            "{} commits a transaction that it was given",
            file.display()
        );
    }
}

#[test]
fn an_import_from_above_is_found_however_it_is_written() {
    assert_eq!(
        forbidden_imports("infra", "use crate::web::problem;"),
        ["web::problem"]
    );
    assert_eq!(
        forbidden_imports("kernel", "let x = blazing_sun::app::run();"),
        ["app::run"]
    );
    assert_eq!(
        forbidden_imports("infra", "use crate::{kernel, web};"),
        ["{kernel, web}"]
    );
    assert_eq!(
        forbidden_imports("infra", "use super::super::web;"),
        ["super::super"]
    );
    assert_eq!(
        forbidden_imports("web", "use crate::kernel::id;\nuse crate::web::page;"),
        [""; 0]
    );
}

/// Money has no fractions: no number of the ledger is a float, from the form to the table.
#[test]
fn no_number_of_the_ledger_is_a_float() {
    for file in sources() {
        let room = room_of(&file).unwrap_or_default();
        if room == "ledger" || file.ends_with("kernel/money.rs") {
            let text = fs::read_to_string(&file).expect("a source file");
            assert_eq!(floats(&text), [""; 0], "in {}", file.display());
        }
    }
    for file in fs::read_dir("migrations").expect("the migrations") {
        let path = file.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a migration");
        // A number with a point is exact in SQL; a float is a type.
        let types = floats(&text);
        let types = types
            .iter()
            .filter(|word| !word.starts_with(|c: char| c.is_ascii_digit()));
        assert_eq!(types.count(), 0, "in {}", path.display());
    }
}

#[test]
fn a_float_is_found_however_it_is_written() {
    for text in [
        "let a: f64 = 1;",
        "x as f32",
        "amount real NOT NULL",
        "rate double precision",
        "rate float8",
        "let a = 0.5;",
    ] {
        assert_eq!(floats(text).len(), 1, "{text}");
    }
    assert_eq!(
        floats("\"12.50\" 1..=5 tuple.0 v1.2.3 // 0.5\n-- 0.5\n'0.5' NUMERIC(20, 10)"),
        [""; 0]
    );
}

/// The floats of a text in Rust or SQL, outside comments and quotes.
fn floats(text: &str) -> Vec<&str> {
    let code = text.lines().map(|line| {
        let end = ["//", "--"].iter().filter_map(|mark| line.find(mark)).min();
        &line[..end.unwrap_or(line.len())]
    });
    let plain = code.flat_map(|line| line.split(['"', '\'']).step_by(2));
    let words =
        plain.flat_map(|part| part.split(|c: char| !(c.is_alphanumeric() || "_.".contains(c))));
    words.filter(|word| is_float(word)).collect()
}

fn is_float(word: &str) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    let lower = word.to_ascii_lowercase();
    ["f32", "f64", "real", "double", "float", "float4", "float8"].contains(&lower.as_str())
        || word
            .split_once('.')
            .is_some_and(|(whole, part)| is_digits(whole) && is_digits(part))
}

/// What a room imports although it may not. Only `crate::room` can be judged by reading, so that grouping at the
/// root and climbing with `super::super` are refused too.
fn forbidden_imports<'a>(room: &str, text: &'a str) -> Vec<&'a str> {
    let height = ROOMS
        .iter()
        .position(|known| *known == room)
        .expect("a known room");
    let code = || {
        text.lines()
            .filter(|line| !line.trim_start().starts_with("//"))
    };
    let paths = code().flat_map(|line| {
        line.split("crate::")
            .skip(1)
            .chain(line.split("blazing_sun::").skip(1))
    });
    let targets = paths.map(|path| {
        let is_end = |c: char| !(c.is_alphanumeric() || "_:{}, ".contains(c));
        path.split(is_end).next().unwrap_or_default()
    });
    let climbing = code()
        .filter(|line| line.contains("super::super"))
        .map(|_| "super::super");
    targets
        .filter(|target| !is_allowed(room, height, target))
        .chain(climbing)
        .collect()
}

/// Whether a room may name this path below the root.
fn is_allowed(room: &str, height: usize, target: &str) -> bool {
    let mut parts = target.split("::");
    let known = parts.next().unwrap_or_default();
    if known != room && FEATURES.contains(&room) && FEATURES.contains(&known) {
        return parts.next() == Some("events");
    }
    ROOMS[..=height].contains(&known)
}

fn room_of(file: &Path) -> Option<String> {
    let mut parts = file.strip_prefix("src").expect("below src").components();
    let room = parts.next()?;
    parts.next()?;
    Some(room.as_os_str().to_string_lossy().into_owned())
}

fn sources() -> Vec<PathBuf> {
    let mut folders = vec![PathBuf::from("src")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                files.push(path);
            }
        }
    }
    assert!(files.len() > ROOMS.len(), "the source was not found");
    files
}
