//! Reads settings one by one, remembers where each came from, and goes on after a bad one to find them all.

use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;

use crate::app::config::sources::{Origin, Sources};

/// What is wrong with a setting: one line that names the variable, and never shows a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    name: String,
    wrong: String,
}

impl Problem {
    pub(super) fn new(name: &str, wrong: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            wrong: wrong.into(),
        }
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.wrong)
    }
}

/// A setting as it may be shown: secrets are stars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The variable's name.
    pub name: &'static str,
    /// Its value, or `***`.
    pub shown: String,
    /// Where the value came from.
    pub origin: Origin,
}

/// Reads settings from their sources. A bad setting gives a stand-in, so that reading goes on; whoever asks
/// `finish` for the problems never lets a stand-in out.
pub(super) struct Reader {
    sources: Sources,
    entries: Vec<Entry>,
    problems: Vec<Problem>,
}

impl Reader {
    pub fn new(mut sources: Sources) -> Self {
        let problems = std::mem::take(&mut sources.problems);
        Self {
            sources,
            entries: Vec::new(),
            problems,
        }
    }

    pub fn finish(self) -> (Vec<Entry>, Vec<Problem>) {
        (self.entries, self.problems)
    }

    /// A text that is not empty.
    pub fn text(&mut self, name: &'static str, expected: &str) -> String {
        self.value(name, expected, |text| {
            (!text.is_empty()).then(|| text.to_owned())
        })
        .unwrap_or_default()
    }

    /// Any text, also none.
    pub fn text_or_empty(&mut self, name: &'static str, expected: &str) -> String {
        self.value(name, expected, |text| Some(text.to_owned()))
            .unwrap_or_default()
    }

    /// A host name or an address.
    pub fn host(&mut self, name: &'static str) -> String {
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        let parse =
            |text: &str| (!text.is_empty() && text.chars().all(is_host)).then(|| text.to_owned());
        self.value(name, "a host name or an IP address", parse)
            .unwrap_or_default()
    }

    /// A port that can be connected to.
    pub fn port(&mut self, name: &'static str) -> u16 {
        self.number(name, 1..=u16::MAX)
    }

    /// A whole number of seconds.
    pub fn seconds(&mut self, name: &'static str, range: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(name, range))
    }

    /// A whole number within bounds.
    pub fn number<N: FromStr + PartialOrd + Display + Copy>(
        &mut self,
        name: &'static str,
        range: RangeInclusive<N>,
    ) -> N {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.value(name, &expected, |text| {
            text.parse().ok().filter(|number| range.contains(number))
        })
        .unwrap_or(*range.start())
    }

    /// Anything that parses.
    pub fn parsed<T: FromStr>(&mut self, name: &'static str, expected: &str, stand_in: T) -> T {
        self.value(name, expected, |text| text.parse().ok())
            .unwrap_or(stand_in)
    }

    /// Anything that parses, or nothing.
    pub fn optional<T: FromStr>(&mut self, name: &'static str, expected: &str) -> Option<T> {
        self.value(name, expected, |text| match text {
            "" => Some(None),
            text => text.parse().ok().map(Some),
        })
        .flatten()
    }

    /// A password; it may be empty, but somebody has to say so.
    pub fn secret(&mut self, name: &'static str, expected: &str) -> SecretString {
        self.look_up(name, expected, |_| "***".to_owned())
            .unwrap_or_default()
            .into()
    }

    /// A secret of which something is made.
    pub fn parsed_secret<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&SecretString) -> Option<T>,
    ) -> Option<T> {
        let text = self.look_up(name, expected, |_| "***".to_owned())?;
        let value = parse(&text.into());
        if value.is_none() {
            self.problems.push(Problem::new(
                name,
                format!("not valid; expected {expected}"),
            ));
        }
        value
    }

    /// One of two words.
    pub fn one_of(&mut self, name: &'static str, words: [&'static str; 2]) -> Option<&'static str> {
        let expected = format!("{} or {}", words[0], words[1]);
        self.value(name, &expected, |text| {
            words.into_iter().find(|word| *word == text)
        })
    }

    /// Any number of things, separated by spaces.
    pub fn list<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        self.value(name, expected, |text| {
            text.split_whitespace().map(&parse).collect()
        })
        .unwrap_or_default()
    }

    /// The address of a site, without a slash at its end.
    pub fn url(&mut self, name: &'static str) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]/~%".contains(c);
        self.value(name, "an address such as https://example.org", |text| {
            let rest = text
                .strip_prefix("https://")
                .or_else(|| text.strip_prefix("http://"))?;
            (!rest.is_empty() && rest.chars().all(is_plain))
                .then(|| text.trim_end_matches('/').to_owned())
        })
        .unwrap_or_default()
    }

    fn value<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.look_up(name, expected, str::to_owned)?;
        let value = parse(&text);
        if value.is_none() {
            self.problems.push(Problem::new(
                name,
                format!("{text:?} is not valid; expected {expected}"),
            ));
        }
        value
    }

    fn look_up(
        &mut self,
        name: &'static str,
        expected: &str,
        show: impl Fn(&str) -> String,
    ) -> Option<String> {
        match self.sources.find(name) {
            Ok(Some((text, origin))) => {
                self.entries.push(Entry {
                    name,
                    shown: show(&text),
                    origin,
                });
                Some(text)
            }
            Ok(None) => {
                self.problems
                    .push(Problem::new(name, format!("not set; expected {expected}")));
                None
            }
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }
}
