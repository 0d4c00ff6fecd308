//! The category.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kernel::id::Id;
use crate::ledger::books::Book;
use crate::ledger::events::{CategoryCreated, CategoryDeleted, CategoryFacts, CategoryUpdated};

/// Which way money usually goes in a category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CategoryKind {
    /// It comes in.
    Income,
    /// It goes out.
    Expense,
}

impl CategoryKind {
    /// Its frozen name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Income => "income",
            Self::Expense => "expense",
        }
    }
}

/// A text that is no kind of category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not income or expense")]
pub struct NoSuchKind;

impl FromStr for CategoryKind {
    type Err = NoSuchKind;

    fn from_str(text: &str) -> Result<Self, NoSuchKind> {
        [Self::Income, Self::Expense]
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or(NoSuchKind)
    }
}

/// A colour, as style sheets write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Color(String);

/// A text that is no colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a colour such as #2e7d32")]
pub struct NotAColor;

impl Color {
    /// As `#rrggbb`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Color {
    type Err = NotAColor;

    fn from_str(text: &str) -> Result<Self, NotAColor> {
        let digits = text.strip_prefix('#').ok_or(NotAColor)?;
        let is_color = digits.len() == 6 && digits.chars().all(|digit| digit.is_ascii_hexdigit());
        is_color
            .then(|| Self(text.to_ascii_lowercase()))
            .ok_or(NotAColor)
    }
}

/// The name of an icon; which there are, those who show them know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Icon(String);

/// A text that names no icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("does not have 1 to 30 characters of a-z, 0-9 and -")]
pub struct NotAnIcon;

impl Icon {
    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Icon {
    type Err = NotAnIcon;

    fn from_str(text: &str) -> Result<Self, NotAnIcon> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        ((1..=30).contains(&text.len()) && text.chars().all(is_plain))
            .then(|| Self(text.to_owned()))
            .ok_or(NotAnIcon)
    }
}

/// A category.
#[derive(Clone, Debug)]
pub struct Category {
    /// Which one.
    pub id: Id<Category>,
    /// What it is part of.
    pub parent_id: Option<Id<Category>>,
    /// What it is called.
    pub name: String,
    /// Which way money goes.
    pub kind: CategoryKind,
    /// Its colour, as `#rrggbb`.
    pub color: String,
    /// The name of its icon.
    pub icon: String,
    /// What its owner merged it into.
    pub merged_into: Option<Id<Category>>,
    /// Where that leads in the end; itself, if nowhere.
    pub counts_as: Id<Category>,
    /// When it was put away.
    pub archived_at: Option<DateTime<Utc>>,
    /// Rises with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl Category {
    /// Its name among all of them: behind that of the category that it is a part of.
    #[must_use]
    pub fn path(&self, all: &[Self]) -> String {
        let whole = self
            .parent_id
            .and_then(|id| all.iter().find(|category| category.id == id));
        match whole {
            Some(whole) => format!("{}: {}", whole.name, self.name),
            None => self.name.clone(),
        }
    }

    /// What events tell of it.
    #[must_use]
    pub fn facts(&self) -> CategoryFacts {
        CategoryFacts {
            kind: self.kind.name().to_owned(),
            parent_id: self.parent_id.map(Id::uuid),
            merged_into: self.merged_into.map(Id::uuid),
            archived: self.archived_at.is_some(),
        }
    }
}

impl CategoryCreated {
    /// There is this category now.
    #[must_use]
    pub fn of(book: Id<Book>, category: &Category) -> Self {
        Self {
            category_id: category.id.uuid(),
            version: category.version,
            book_id: book.uuid(),
            after: category.facts(),
        }
    }
}

impl CategoryUpdated {
    /// One became the other.
    #[must_use]
    pub fn of(book: Id<Book>, before: &Category, after: &Category) -> Self {
        Self {
            category_id: after.id.uuid(),
            version: after.version,
            book_id: book.uuid(),
            before: before.facts(),
            after: after.facts(),
        }
    }
}

impl CategoryDeleted {
    /// This one is gone.
    #[must_use]
    pub fn of(book: Id<Book>, category: &Category) -> Self {
        Self {
            category_id: category.id.uuid(),
            version: category.version + 1,
            book_id: book.uuid(),
            before: category.facts(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_written_in_one_way() {
        assert_eq!("#2E7D32".parse().as_ref().map(Color::as_str), Ok("#2e7d32"));
        for text in [
            "", "#", "2e7d32", "#2e7d3", "#2e7d3g", "#2e7d322", "red", "#€€",
        ] {
            assert_eq!(text.parse::<Color>(), Err(NotAColor), "{text}");
        }
    }

    #[test]
    fn an_icon_has_a_plain_name() {
        assert!("heart-2".parse::<Icon>().is_ok());
        for text in ["", "Heart", "a b", "../x", &"a".repeat(31)] {
            assert_eq!(text.parse::<Icon>(), Err(NotAnIcon), "{text}");
        }
    }
}
