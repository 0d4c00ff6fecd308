//! Precedence, secrets in files, escaping, and what is said about bad settings.

use std::io::Write;

use proptest::prelude::*;
use secrecy::ExposeSecret;
use tempfile::NamedTempFile;

use super::*;

/// A password with everything that shells, files and addresses trip over.
const AWFUL: &str = r#"p@ss|w&rd#$%'" x\ "#;

fn file(content: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(content.as_bytes()).expect("written");
    file
}

fn path(file: &NamedTempFile) -> &str {
    file.path().to_str().expect("a path of text")
}

fn passwords() -> Sources {
    let names = ["POSTGRES_PASSWORD", "REDIS_PASSWORD", "RABBITMQ_PASSWORD"];
    with_key().with_environment(names.map(|name| (name, AWFUL)))
}

/// The defaults, and the one secret that has to be of a certain length.
fn with_key() -> Sources {
    Sources::defaults().with_environment([("APP_KEY", AWFUL.repeat(2).as_str())])
}

fn config(sources: Sources) -> Config {
    Config::read(sources).config.expect("a good configuration")
}

fn problems(sources: Sources) -> Vec<String> {
    let problems = Config::read(sources)
        .config
        .expect_err("a bad configuration");
    problems.iter().map(ToString::to_string).collect()
}

/// Writes a value as a line of `.env` has it.
fn quoted(value: &str) -> String {
    let escaped = value
        .replace('\\', r"\\")
        .replace('"', r#"\""#)
        .replace('$', r"\$");
    format!("\"{escaped}\"")
}

#[test]
fn defaults_and_passwords_are_enough() {
    let config = config(passwords());

    assert_eq!(config.http.port, 9999);
    let services = config.services;
    assert_eq!(services.kafka.map(|kafka| kafka.topics.len()), Some(6));
    assert_eq!(
        services.rabbitmq.map(|rabbitmq| rabbitmq.vhost),
        Some("/".to_owned())
    );
    assert!(services.redis.is_some());
}

#[test]
fn every_default_is_a_setting_that_is_read() {
    let entries = Config::read(passwords()).entries;

    let from_defaults = entries
        .iter()
        .filter(|entry| entry.origin == Origin::Default)
        .count();
    assert_eq!(
        from_defaults,
        include_str!("../../../config/default.toml")
            .matches(" = ")
            .count()
    );
}

#[test]
fn dotenv_overrides_the_default_the_environment_overrides_dotenv_and_a_file_overrides_all() {
    let port = |sources| config(sources).http.port;
    let dotenv = file("PORT=1\n");
    let secret = file("3");

    let sources = || passwords().with_dotenv(dotenv.path());
    assert_eq!(port(sources()), 1);
    assert_eq!(port(sources().with_environment([("PORT", "2")])), 2);
    assert_eq!(
        port(sources().with_environment([("PORT", "2"), ("PORT_FILE", path(&secret))])),
        3
    );
}

#[test]
fn every_setting_tells_where_it_came_from() {
    let dotenv = file("REDIS_DB=4\n");
    let secret = file(AWFUL);
    let sources = passwords().with_dotenv(dotenv.path()).with_environment([
        ("RABBITMQ_VHOST", "v"),
        ("REDIS_PASSWORD_FILE", path(&secret)),
    ]);

    let entries = Config::read(sources).entries;
    let origin = |name| {
        entries
            .iter()
            .find(|entry| entry.name == name)
            .map(|entry| &entry.origin)
    };

    assert_eq!(origin("PORT"), Some(&Origin::Default));
    assert_eq!(origin("REDIS_DB"), Some(&Origin::DotEnv));
    assert_eq!(origin("RABBITMQ_VHOST"), Some(&Origin::Environment));
    assert_eq!(
        origin("REDIS_PASSWORD"),
        Some(&Origin::File(secret.path().to_owned()))
    );
}

#[test]
fn an_absent_dotenv_and_an_empty_file_variable_change_nothing() {
    let sources = passwords().with_dotenv(std::path::Path::new("/nowhere/.env"));

    assert_eq!(
        config(sources.with_environment([("PORT_FILE", "")]))
            .http
            .port,
        9999
    );
}

#[test]
fn all_problems_are_told_at_once_and_name_their_variables() {
    let sources = passwords().with_environment([
        ("PORT", "70000"),
        ("POSTGRES_HOST", ""),
        ("POSTGRES_PASSWORD_FILE", "/nowhere/secret"),
        ("LOG_FORMAT", "xml"),
    ]);

    assert_eq!(
        problems(sources),
        [
            r#"PORT: "70000" is not valid; expected a whole number from 0 to 65535"#,
            r#"LOG_FORMAT: "xml" is not valid; expected json or pretty"#,
            r#"POSTGRES_HOST: "" is not valid; expected a host name or an IP address"#,
            "POSTGRES_PASSWORD_FILE: cannot read /nowhere/secret: No such file or directory (os error 2); \
             expected a readable file",
        ]
    );
}

#[test]
fn a_missing_password_is_a_problem_and_an_empty_one_is_not() {
    let missing = with_key().with_environment([("REDIS_PASSWORD", ""), ("RABBITMQ_PASSWORD", "x")]);

    assert_eq!(
        problems(missing),
        ["POSTGRES_PASSWORD: not set; expected the password of POSTGRES_USER"]
    );
}

#[test]
fn a_line_of_dotenv_that_cannot_be_parsed_is_not_shown() {
    let dotenv = file("PORT=1\nREDIS_PASSWORD=\"unfinished secret\n");

    let problems = problems(passwords().with_dotenv(dotenv.path()));

    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].starts_with(".env: the line after PORT cannot be parsed; expected"),
        "{problems:?}"
    );
    assert!(!problems[0].contains("unfinished"));
}

#[test]
fn secrets_are_never_shown() {
    let reading = Config::read(passwords());

    let shown: Vec<&str> = reading
        .entries
        .iter()
        .map(|entry| entry.shown.as_str())
        .collect();
    assert_eq!(shown.iter().filter(|value| **value == "***").count(), 6);
    assert!(!shown.contains(&AWFUL));
    assert!(!format!("{:?}", reading.config.expect("a good configuration")).contains("p@ss"));
}

#[test]
fn an_awful_password_survives_every_way_in() {
    let dotenv = file(&format!("POSTGRES_PASSWORD={}\n", quoted(AWFUL)));
    let secret = file(&format!("{AWFUL}\n"));
    let others = [
        ("REDIS_PASSWORD", AWFUL),
        ("RABBITMQ_PASSWORD_FILE", path(&secret)),
    ];

    let services = config(
        with_key()
            .with_dotenv(dotenv.path())
            .with_environment(others),
    )
    .services;

    assert_eq!(services.postgres.password.expose_secret(), AWFUL);
    let (redis, rabbitmq) = (services.redis, services.rabbitmq);
    assert_eq!(redis.expect("used").password.expose_secret(), AWFUL);
    assert_eq!(rabbitmq.expect("used").password.expose_secret(), AWFUL);
}

#[test]
fn without_brokers_and_cache_their_settings_are_not_asked_for() {
    let sources = with_key().with_environment([
        ("POSTGRES_PASSWORD", ""),
        ("JOBS_CARRIER", "postgres"),
        ("EVENTS_CARRIER", "postgres"),
        ("CACHE", "none"),
    ]);

    let services = config(sources).services;

    assert!(services.redis.is_none() && services.rabbitmq.is_none() && services.kafka.is_none());
}

#[test]
fn a_carrier_that_does_not_exist_is_told() {
    let sources = passwords().with_environment([("JOBS_CARRIER", "pigeon")]);

    assert_eq!(
        problems(sources),
        [r#"JOBS_CARRIER: "pigeon" is not valid; expected rabbitmq or postgres"#]
    );
}

#[test]
fn a_key_that_is_too_short_is_refused_and_not_shown() {
    let sources = passwords().with_environment([("APP_KEY", "short")]);

    let problems = problems(sources);

    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].starts_with("APP_KEY: not valid; expected at least 32"),
        "{problems:?}"
    );
    assert!(!problems[0].contains("short"));
}

proptest! {
    #[test]
    fn any_password_survives_a_quoted_line_of_dotenv(password in "[^\\x00-\\x1f\\x7f]*") {
        let dotenv = file(&format!("BEFORE=1\nPOSTGRES_PASSWORD={}\nAFTER=1\n", quoted(&password)));
        let others = [("REDIS_PASSWORD", ""), ("RABBITMQ_PASSWORD", "")];

        let config = config(with_key().with_dotenv(dotenv.path()).with_environment(others));

        prop_assert_eq!(config.services.postgres.password.expose_secret(), password);
    }

    #[test]
    fn any_password_survives_a_file_that_ends_with_a_newline(password in any::<String>()) {
        let secret = file(&format!("{password}\n"));

        let config = config(passwords().with_environment([("POSTGRES_PASSWORD_FILE", path(&secret))]));

        prop_assert_eq!(config.services.postgres.password.expose_secret(), password);
    }
}
