//! What is looked for among transactions, as the form of their page has it.

use minijinja::{Value, context};
use serde::Deserialize;
use uuid::Uuid;

use crate::ledger::transactions::filter::{Cursor, Filter};
use crate::web::problem::{Fields, Problem};

/// The fields; empty ones look for nothing.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct FilterForm {
    from: String,
    to: String,
    wallet: String,
    category: String,
    text: String,
    after: String,
    /// What was just deleted, and may be taken back.
    pub deleted: String,
}

impl FilterForm {
    /// What is looked for and where the page begins, or all that is wrong with it.
    pub fn parse(&self) -> Result<(Filter, Option<Cursor>), Problem> {
        fn given(text: &str) -> Option<&str> {
            Some(text.trim()).filter(|text| !text.is_empty())
        }
        let mut fields = Fields::default();
        let unknown = "is not one of the choices";
        let id = |text| given(text).map(str::parse::<Uuid>).transpose();
        let filter = Filter {
            from: fields
                .take("/from", given(&self.from).map(str::parse).transpose())
                .flatten(),
            to: fields
                .take("/to", given(&self.to).map(str::parse).transpose())
                .flatten(),
            wallet_id: fields
                .take("/wallet", id(&self.wallet).map_err(|_| unknown))
                .flatten(),
            category_id: fields
                .take("/category", id(&self.category).map_err(|_| unknown))
                .flatten(),
            words: fields
                .take("/text", given(&self.text).map(str::parse).transpose())
                .flatten(),
            ..Filter::default()
        };
        let after = fields
            .take("/text", given(&self.after).map(str::parse).transpose())
            .flatten();
        if fields.is_empty() {
            Ok((filter, after))
        } else {
            Err(fields.into())
        }
    }

    /// Whether nothing is looked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let given = [
            &self.from,
            &self.to,
            &self.wallet,
            &self.category,
            &self.text,
        ];
        given.into_iter().all(String::is_empty)
    }

    /// The values, for the form to show them again.
    #[must_use]
    pub fn values(&self) -> Value {
        context! {
            from => self.from,
            to => self.to,
            wallet => self.wallet,
            category => self.category,
            text => self.text,
        }
    }

    /// The address of the page behind this one, with the same filter.
    #[must_use]
    pub fn next(&self, page: &str, after: Cursor) -> String {
        let after = after.to_string();
        let fields = [
            ("from", &self.from),
            ("to", &self.to),
            ("wallet", &self.wallet),
            ("category", &self.category),
            ("text", &self.text),
            ("after", &after),
        ];
        let given: Vec<_> = fields
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect();
        // Texts under names that are known have an address.
        let query = serde_urlencoded::to_string(given).unwrap_or_default();
        format!("{page}?{query}")
    }
}
