//! Where settings come from: the only file of the application that reads the environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::app::config::reader::Problem;

/// The settings with their defaults, as they are compiled in.
const DEFAULTS: &str = include_str!("../../../config/default.toml");

/// How a line of `.env` looks. Not with single quotes: the library takes a backslash for an escape in them, at the
/// end of the value.
const DOTENV_LINE: &str =
    r#"NAME="value", with \\, \" and \$ for a backslash, a quote and a dollar"#;

/// Where a value was found, from the weakest to the strongest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `config/default.toml`.
    Default,
    /// `.env` in the working directory.
    DotEnv,
    /// The environment.
    Environment,
    /// The file that `NAME_FILE` points at.
    File(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::DotEnv => f.write_str(".env"),
            Self::Environment => f.write_str("environment"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

/// The layers of settings, still as text.
#[derive(Debug, Default)]
pub struct Sources {
    defaults: BTreeMap<String, String>,
    dotenv: BTreeMap<String, String>,
    environment: BTreeMap<String, OsString>,
    /// What was wrong with a layer as a whole.
    pub(super) problems: Vec<Problem>,
}

impl Sources {
    /// The defaults alone.
    #[must_use]
    pub fn defaults() -> Self {
        let mut sources = Self::default();
        match toml::from_str::<BTreeMap<String, toml::Value>>(DEFAULTS) {
            Ok(defaults) => {
                sources.defaults = defaults
                    .into_iter()
                    .map(|(name, value)| (name, text(value)))
                    .collect()
            }
            Err(error) => sources
                .problems
                .push(Problem::new("config/default.toml", error.message())),
        }
        sources
    }

    /// The layers of this process: the defaults, `.env` if there is one, and the environment.
    #[expect(
        clippy::disallowed_methods,
        reason = "app::config reads the environment for everyone"
    )]
    #[must_use]
    pub fn of_process() -> Self {
        Self::defaults()
            .with_dotenv(Path::new(".env"))
            .with_environment(std::env::vars_os())
    }

    /// Adds the file `.env`, which need not exist.
    #[must_use]
    pub fn with_dotenv(mut self, path: &Path) -> Self {
        let lines = match dotenvy::from_path_iter(path) {
            Ok(lines) => lines,
            Err(error) if error.not_found() => return self,
            Err(error) => {
                self.problems.push(Problem::new(
                    ".env",
                    format!("cannot be read: {error}; expected a readable file"),
                ));
                return self;
            }
        };
        let mut previous = "the start".to_owned();
        for line in lines {
            let Ok((name, value)) = line else {
                // The library's message would show the line, and with it perhaps a secret.
                let wrong =
                    format!("the line after {previous} cannot be parsed; expected {DOTENV_LINE}");
                self.problems.push(Problem::new(".env", wrong));
                break;
            };
            previous.clone_from(&name);
            self.dotenv.insert(name, value);
        }
        self
    }

    /// Adds environment variables.
    #[must_use]
    pub fn with_environment<Text: Into<OsString>>(
        mut self,
        variables: impl IntoIterator<Item = (Text, Text)>,
    ) -> Self {
        let named = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.into().into_string().ok()?, value.into())));
        self.environment.extend(named);
        self
    }

    /// The strongest value of a setting, or what is wrong with the file it should come from.
    pub(super) fn find(&self, name: &str) -> Result<Option<(String, Origin)>, Problem> {
        let file_name = format!("{name}_FILE");
        let file = match self.variable(&file_name)? {
            Some(path) => Some(path),
            None => self.dotenv.get(&file_name).cloned(),
        };
        // Compose hands on a variable that is not set as an empty one.
        if let Some(path) = file.filter(|path| !path.is_empty()) {
            let path = PathBuf::from(path);
            return match std::fs::read_to_string(&path) {
                Ok(value) => Ok(Some((without_newline(value), Origin::File(path)))),
                Err(error) => {
                    let wrong = format!(
                        "cannot read {}: {error}; expected a readable file",
                        path.display()
                    );
                    Err(Problem::new(&file_name, wrong))
                }
            };
        }
        if let Some(value) = self.variable(name)? {
            return Ok(Some((value, Origin::Environment)));
        }
        let layers = [
            (&self.dotenv, Origin::DotEnv),
            (&self.defaults, Origin::Default),
        ];
        Ok(layers
            .into_iter()
            .find_map(|(layer, origin)| Some((layer.get(name)?.clone(), origin))))
    }

    /// An environment variable, which the system does not promise to be text.
    fn variable(&self, name: &str) -> Result<Option<String>, Problem> {
        let Some(value) = self.environment.get(name) else {
            return Ok(None);
        };
        match value.to_str() {
            Some(value) => Ok(Some(value.to_owned())),
            None => Err(Problem::new(name, "not valid UTF-8; expected text")),
        }
    }
}

/// Editors and `echo` end a file with a newline; any other white space may belong to the secret.
fn without_newline(mut value: String) -> String {
    if value.ends_with('\n') {
        value.pop();
    }
    value
}

fn text(value: toml::Value) -> String {
    match value {
        toml::Value::String(text) => text,
        other => other.to_string(),
    }
}
