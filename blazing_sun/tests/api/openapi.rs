//! The OpenAPI document says what is there, no more and no less.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::harness::{Browser, TestApp, World};

/// An operation: its method in capitals, its path and what the document says of it.
pub type Operation = (String, String, Value);

/// Every operation of the document.
pub async fn operations(app: &TestApp) -> Vec<Operation> {
    let document = app.get("/api/v1/openapi.json").await.json();
    let paths = document["paths"].as_object().expect("paths").clone();
    paths
        .into_iter()
        .flat_map(|(path, item)| {
            let item: Map<String, Value> = item.as_object().expect("methods").clone();
            item.into_iter()
                .map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
        })
        .collect()
}

/// A path with an id in place of each parameter.
pub fn filled(path: &str) -> String {
    let mut filled = String::new();
    for part in path.split_inclusive('/') {
        match part.strip_prefix('{') {
            Some(rest) => {
                filled.push_str("01890000-0000-7000-8000-000000000000");
                filled.push_str(rest.split_once('}').expect("an end").1);
            }
            None => filled.push_str(part),
        }
    }
    filled
}

#[tokio::test]
async fn every_address_that_is_registered_is_in_the_document() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;

    let documented: BTreeSet<String> = operations(&app)
        .await
        .into_iter()
        .map(|(_, path, _)| path)
        .collect();

    let mut registered = BTreeSet::new();
    for file in sources(Path::new("src")) {
        let text = std::fs::read_to_string(&file).expect("a source file");
        // Registrations, not the attributes that document them, nor calls of a name.
        let is_registration = |line: &&str| !line.contains("path =") && !line.contains("format!");
        for line in text.lines().filter(is_registration) {
            for (start, _) in line.match_indices("\"/api/v1/") {
                let path = line[start + 1..].split('"').next().expect("an end");
                registered.insert(path.to_owned());
            }
        }
    }
    registered.remove("/api/v1/openapi.json");
    let of_the_interface: BTreeSet<String> = documented
        .into_iter()
        .filter(|path| path.starts_with("/api/v1/"))
        .collect();
    assert_eq!(registered, of_the_interface);
    app.end().await;
}

#[tokio::test]
async fn what_needs_somebody_refuses_who_is_nobody_and_all_else_is_there() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;

    for (method, path, operation) in operations(&app).await {
        let headers = [("content-type", "application/json"), ("if-match", "\"1\"")];
        let answer = Browser::new(&app)
            .send(&method, &filled(&path), &headers, "{}")
            .await;
        if operation.get("security").is_some() {
            assert_eq!(answer.status, 401, "{method} {path}: {answer:?}");
        } else {
            assert!(
                ![401, 404, 405].contains(&answer.status),
                "{method} {path}: {answer:?}"
            );
        }
        let said = &operation["responses"][answer.status.to_string()];
        assert!(
            said.is_object(),
            "{method} {path} does not say {}",
            answer.status
        );
    }
    app.end().await;
}

#[tokio::test]
async fn every_operation_says_what_it_does_and_every_answer_what_it_means() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;

    for (method, path, operation) in operations(&app).await {
        for field in ["summary", "operationId"] {
            assert!(operation[field].is_string(), "{method} {path}: {field}");
        }
        assert!(operation["tags"].is_array(), "{method} {path}: tags");
        for (status, answer) in operation["responses"].as_object().expect("answers") {
            let description = answer["description"].as_str().unwrap_or_default();
            assert!(!description.is_empty(), "{method} {path}: {status}");
        }
    }
    app.end().await;
}

#[tokio::test]
async fn the_page_to_try_the_interface_loads_nothing_from_elsewhere() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;

    let page = app.get("/docs/").await;
    let policy = page.header("content-security-policy").expect("a policy");

    assert_eq!(page.status, 200);
    assert!(
        !page.body.contains("http://") && !page.body.contains("https://"),
        "{page:?}"
    );
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"));
    assert_eq!(app.get("/docs/no-such-file.js").await.status, 404);
    app.end().await;
}

/// Every file below a folder.
pub fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// Of two schemas of one name the document holds one, and tells something false of whatever has the other.
#[test]
fn no_two_schemas_have_one_name() {
    let documents = [
        blazing_sun::accounts::document(),
        blazing_sun::ledger::document(),
        blazing_sun::feed::document(),
    ];
    let mut known = std::collections::BTreeMap::new();
    for document in documents.concat() {
        let schemas = document.components.map(|parts| parts.schemas);
        for (name, schema) in schemas.unwrap_or_default() {
            let schema = serde_json::to_value(schema).expect("JSON");
            let before = known.insert(name.clone(), schema.clone());
            assert!(before.is_none_or(|before| before == schema), "{name}");
        }
    }
}
