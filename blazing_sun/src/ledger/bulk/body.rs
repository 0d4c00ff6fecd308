//! What is asked about many transactions.

use std::collections::BTreeSet;

use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::kernel::id::Id;
use crate::kernel::name::Label;
use crate::ledger::bulk::MAX_MANY;
use crate::ledger::bulk::change_many::{Fault, Wish};
use crate::ledger::transactions::{MAX_TAGS, Reconciled, Status};
use crate::web::patch::removable;
use crate::web::problem::{Fields, Problem};

/// What is to be done with many transactions. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkBody {
    /// The transactions, each once.
    #[schema(min_items = 1, max_items = 200)]
    ids: Vec<Uuid>,
    /// What all of it is for; `null`: that is not said any more. Only for transactions that are for one thing.
    #[serde(default, deserialize_with = "removable")]
    #[schema(value_type = Option<Uuid>)]
    category_id: Option<Option<Uuid>>,
    /// Whom it goes to or comes from, by one of their names; `null`: that is not said any more.
    #[serde(default, deserialize_with = "removable")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    payee: Option<Option<String>>,
    /// Names; new tags are made of new ones.
    #[serde(default)]
    #[schema(max_items = 20)]
    add_tags: Vec<String>,
    /// Names.
    #[serde(default)]
    #[schema(max_items = 20)]
    remove_tags: Vec<String>,
    /// `pending`, `cleared` or `reconciled`, for all that moves.
    #[serde(default)]
    #[schema(value_type = Option<Status>)]
    status: Option<String>,
    /// `true`: they go to the trash. Does not go together with anything else.
    #[serde(default)]
    delete: bool,
    /// `true`: also those may be touched that were compared with what the bank says.
    #[serde(default)]
    reconciled: bool,
}

/// What is to be done.
pub enum What {
    /// They are changed.
    Change(Wish),
    /// They go to the trash.
    Delete,
}

impl BulkBody {
    /// Which transactions.
    pub fn ids(&self) -> &[Uuid] {
        &self.ids
    }

    /// Whether those may be touched that were compared with what the bank says.
    pub fn reconciled(&self) -> Reconciled {
        self.reconciled.into()
    }

    /// What is to be done, or all that is wrong with it.
    pub fn parse(&self) -> Result<What, Problem> {
        let mut fields = Fields::default();
        self.check_ids(&mut fields);
        let is_change = self.category_id.is_some()
            || self.payee.is_some()
            || !self.add_tags.is_empty()
            || !self.remove_tags.is_empty()
            || self.status.is_some();
        if self.delete && is_change {
            fields.refuse("/delete", "does not go together with a change");
        }
        if !self.delete && !is_change {
            fields.refuse("", "says nothing that could be done with them");
        }
        let payee = match &self.payee {
            Some(Some(name)) => fields
                .take("/payee", name.parse())
                .map(|name| Some(Some(name))),
            Some(None) => Some(Some(None)),
            None => Some(None),
        };
        let add_tags = labels("/add_tags", &self.add_tags, &mut fields);
        let remove_tags = labels("/remove_tags", &self.remove_tags, &mut fields);
        for (place, tag) in remove_tags.iter().enumerate() {
            let is_same =
                |other: &Label| other.as_str().to_lowercase() == tag.as_str().to_lowercase();
            if add_tags.iter().any(is_same) {
                fields.refuse(format!("/remove_tags/{place}"), "is to be added too");
            }
        }
        let status = self.status.as_deref().map(str::parse).transpose();
        let status = fields.take("/status", status);
        match (payee, status) {
            (Some(payee), Some(status)) if fields.is_empty() => Ok(if self.delete {
                What::Delete
            } else {
                What::Change(Wish {
                    payee,
                    category: self.category_id.map(|id| id.map(Id::from)),
                    add_tags,
                    remove_tags,
                    status,
                })
            }),
            _ => Err(fields.into()),
        }
    }

    fn check_ids(&self, fields: &mut Fields) {
        if self.ids.is_empty() || self.ids.len() > MAX_MANY {
            fields.refuse("/ids", format!("does not have 1 to {MAX_MANY} ids"));
            return;
        }
        let mut seen = BTreeSet::new();
        for (place, id) in self.ids.iter().enumerate() {
            if !seen.insert(id) {
                fields.refuse(format!("/ids/{place}"), "stands there twice");
            }
        }
    }
}

fn labels(list: &str, names: &[String], fields: &mut Fields) -> Vec<Label> {
    if names.len() > MAX_TAGS {
        fields.refuse(list.to_owned(), format!("has more than {MAX_TAGS} tags"));
    }
    let names = names.iter().take(MAX_TAGS).enumerate();
    names
        .filter_map(|(place, name)| fields.take(format!("{list}/{place}"), name.parse()))
        .collect()
}

/// All that is wrong, where it was asked.
pub fn refusal(faults: &[Fault]) -> Problem {
    let mut fields = Fields::default();
    for fault in faults {
        match fault {
            Fault::UnknownCategory => {
                fields.refuse("/category_id", "is not one of your categories");
            }
            Fault::UnknownTag(place) => {
                fields.refuse(format!("/remove_tags/{place}"), "is not one of your tags");
            }
            Fault::UnknownTransaction(place) => {
                fields.refuse(format!("/ids/{place}"), "is not one of your transactions");
            }
            Fault::NotEditable(place, fault) => fields.refuse(format!("/ids/{place}"), fault),
        }
    }
    fields.into()
}
