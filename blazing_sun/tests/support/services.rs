//! Where the services are: the environment says it.

use std::collections::BTreeMap;

use blazing_sun::app::config::{Config, Sources};

/// The prefixes of the variables that say where the services are.
const SERVICES: [&str; 4] = ["POSTGRES_", "REDIS_", "RABBITMQ_", "KAFKA_"];

/// Variables by name.
pub type Variables = BTreeMap<String, String>;

/// A key, without which no configuration is whole.
const APP_KEY: &str = "0123456789abcdef0123456789abcdef";

/// The variables that say where the services really are, and what the application cannot be without.
#[expect(
    clippy::disallowed_methods,
    reason = "the environment says where the services are"
)]
pub fn variables_of_the_tests() -> Variables {
    std::env::vars()
        .filter(|(name, _)| SERVICES.iter().any(|prefix| name.starts_with(prefix)))
        .chain([("APP_KEY".to_owned(), APP_KEY.to_owned())])
        .collect()
}

/// The configuration that the application would read.
pub fn config_of(variables: &Variables) -> Config {
    let variables = variables
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()));
    let reading = Config::read(Sources::defaults().with_environment(variables));
    reading
        .config
        .expect("POSTGRES_, REDIS_, RABBITMQ_ and KAFKA_ variables that name the services")
}
