//! What a rule looks like in a request.

use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::kernel::id::Id;
use crate::kernel::name::Label;
use crate::ledger::rules::prefill;
use crate::ledger::rules::rule::{MAX_RULES, NewRule};
use crate::ledger::transactions::{MAX_TAGS, Named, Transaction};
use crate::web::patch::removable;
use crate::web::problem::{Fields, Problem};

/// A rule. It says at least one of payee, category and tags.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRuleBody {
    /// A transaction that you have just corrected: what is left out below is taken from it.
    #[serde(default)]
    pub from_transaction: Option<Uuid>,
    /// What a note or the name of a payee has to have in it; case makes no difference.
    #[serde(default)]
    #[schema(min_length = 3, max_length = 100)]
    contains: Option<String>,
    /// Whom such transactions go to or come from, by one of their names; `null`: it does not say that.
    #[serde(default, deserialize_with = "removable")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    payee: Option<Option<String>>,
    /// What they are for; `null`: it does not say that.
    #[serde(default, deserialize_with = "removable")]
    #[schema(value_type = Option<Uuid>)]
    category_id: Option<Option<Uuid>>,
    /// Names of tags that they get, besides those that they have.
    #[serde(default)]
    #[schema(max_items = 20)]
    tags: Option<Vec<String>>,
}

/// What a rule is to be. It says at least one of payee, category and tags.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleBody {
    /// What a note or the name of a payee has to have in it; case makes no difference.
    #[schema(min_length = 3, max_length = 100)]
    contains: String,
    /// Whom such transactions go to or come from, by one of their names.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 100)]
    payee: Option<String>,
    /// What they are for.
    #[serde(default)]
    category_id: Option<Uuid>,
    /// Names of tags that they get, besides those that they have.
    #[serde(default)]
    #[schema(max_items = 20)]
    tags: Vec<String>,
    /// Its place among the rules: the first that says something counts. It stays where it is, if this is left out.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 500)]
    position: Option<i32>,
}

impl NewRuleBody {
    /// The rule, with what it takes from a transaction, or all that is wrong with it.
    pub fn parse(self, from: Option<&Transaction>) -> Result<NewRule, Problem> {
        let name = |named: &Named| named.name.clone();
        let single = |from: &Transaction| match from.lines.as_slice() {
            [line] => line.counts_as,
            _ => None,
        };
        let contains = self.contains.or_else(|| from.and_then(prefill::text));
        let payee = || from.and_then(|from| from.payee.as_ref()).map(name);
        let tags = || from.map(|from| from.tags.iter().map(name).collect());
        let body = RuleBody {
            contains: contains.unwrap_or_default(),
            payee: self.payee.unwrap_or_else(payee),
            category_id: self.category_id.unwrap_or_else(|| from.and_then(single)),
            tags: self.tags.or_else(tags).unwrap_or_default(),
            position: None,
        };
        body.parse().map(|(rule, _)| rule)
    }
}

impl RuleBody {
    /// The rule and its place, or all that is wrong with it.
    pub fn parse(&self) -> Result<(NewRule, Option<i32>), Problem> {
        let mut fields = Fields::default();
        let contains = fields.take("/contains", self.contains.parse());
        let payee = self.payee.as_deref().map(str::parse).transpose();
        let payee = fields.take("/payee", payee);
        let tags = self.tags(&mut fields);
        let last = i32::try_from(MAX_RULES).unwrap_or(i32::MAX);
        if self
            .position
            .is_some_and(|place| !(1..=last).contains(&place))
        {
            fields.refuse("/position", format!("is not a number from 1 to {last}"));
        }
        if self.payee.is_none() && self.category_id.is_none() && self.tags.is_empty() {
            fields.refuse("", "says nothing: give a payee, a category or tags");
        }
        match (contains, payee) {
            (Some(contains), Some(payee)) if fields.is_empty() => {
                let rule = NewRule {
                    contains,
                    payee,
                    category_id: self.category_id.map(Id::from),
                    tags,
                };
                Ok((rule, self.position))
            }
            _ => Err(fields.into()),
        }
    }

    fn tags(&self, fields: &mut Fields) -> Vec<Label> {
        if self.tags.len() > MAX_TAGS {
            fields.refuse("/tags", format!("has more than {MAX_TAGS} tags"));
        }
        let names = self.tags.iter().take(MAX_TAGS).enumerate();
        names
            .filter_map(|(place, tag)| fields.take(format!("/tags/{place}"), tag.parse()))
            .collect()
    }
}
