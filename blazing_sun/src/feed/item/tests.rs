//! Every type of event that is shown, with the sentence that it becomes.

use chrono::DateTime;
use serde_json::{Value, json};

use super::*;

const OWNER: Uuid = Uuid::from_u128(1);
const ADMINISTRATOR: Uuid = Uuid::from_u128(2);

fn happened(kind: &str, data: Value) -> Happened {
    Happened {
        id: Uuid::from_u128(7),
        kind: kind.to_owned(),
        subject: OWNER,
        actor: None,
        at: DateTime::UNIX_EPOCH,
        data,
    }
}

fn text(kind: &str, data: Value) -> Option<String> {
    let told = happened(kind, data).tell(OWNER).expect("readable data");
    told.map(|item| item.text)
}

fn account(mut more: Value) -> Value {
    more["user_id"] = json!(OWNER);
    more["version"] = json!(3);
    more
}

fn facts(kind: &str, entries: &[(&str, i64)], lines: &[(&str, i64)]) -> Value {
    let entries: Vec<Value> = entries
        .iter()
        .map(|(currency, amount)| {
            json!({ "wallet_id": Uuid::nil(), "currency": currency, "amount": amount, "status": "cleared" })
        })
        .collect();
    let lines: Vec<Value> = lines
        .iter()
        .map(|(currency, amount)| json!({ "category_id": null, "currency": currency, "amount": amount }))
        .collect();
    json!({ "date": "2026-11-25", "kind": kind, "payee_id": null, "tag_ids": [], "entries": entries, "lines": lines })
}

fn transaction(mut more: Value) -> Value {
    more["transaction_id"] = json!(Uuid::nil());
    more["book_id"] = json!(Uuid::nil());
    more["version"] = json!(1);
    more
}

fn category(kind: &str, merged: bool, archived: bool) -> Value {
    let merged = merged.then(Uuid::nil);
    json!({ "kind": kind, "parent_id": null, "merged_into": merged, "archived": archived })
}

fn of_category(mut more: Value) -> Value {
    more["category_id"] = json!(Uuid::nil());
    more["book_id"] = json!(Uuid::nil());
    more["version"] = json!(1);
    more
}

fn spent(minor: i64) -> Value {
    facts("normal", &[("EUR", -minor)], &[("EUR", -minor)])
}

fn samples() -> Vec<(&'static str, Value, &'static str)> {
    let session = |new: bool, factor: Value| {
        account(json!({ "session_id": Uuid::nil(), "new_device": new, "second_factor": factor }))
    };
    vec![
        (UserCreated::TYPE, account(json!({})), "Opened the account"),
        (
            UserActivated::TYPE,
            account(json!({})),
            "Confirmed the e-mail address",
        ),
        (
            UserUpdated::TYPE,
            account(json!({ "changed": ["name", "time_zone"] })),
            "Changed the name, changed the time zone",
        ),
        (
            UserPasswordChanged::TYPE,
            account(json!({})),
            "Changed the password",
        ),
        (SignedIn::TYPE, session(false, json!(null)), "Signed in"),
        (
            SignedIn::TYPE,
            session(true, json!(null)),
            "Signed in from a new device",
        ),
        (
            SignedIn::TYPE,
            session(false, json!("recovery_code")),
            "Signed in with a recovery code",
        ),
        (
            SignInFailed::TYPE,
            account(json!({ "known": true, "reason": "password" })),
            "Somebody tried to sign in with a wrong password",
        ),
        (
            SignedOut::TYPE,
            account(json!({ "session_id": Uuid::nil() })),
            "Signed out",
        ),
        (
            PasswordReset::TYPE,
            account(json!({})),
            "Set a new password with a link from a mail",
        ),
        (
            TransactionCreated::TYPE,
            transaction(json!({ "after": spent(1250) })),
            "Spent 12.50 EUR",
        ),
        (
            TransactionUpdated::TYPE,
            transaction(json!({ "before": spent(1250), "after": spent(1300) })),
            "Changed a transaction: spent 13.00 EUR, not spent 12.50 EUR",
        ),
        (
            TransactionUpdated::TYPE,
            transaction(json!({ "before": spent(1250), "after": spent(1250) })),
            "Changed a transaction: spent 12.50 EUR",
        ),
        (
            TransactionDeleted::TYPE,
            transaction(json!({ "before": spent(5) })),
            "Deleted a transaction: spent 0.05 EUR",
        ),
        (
            CategoryCreated::TYPE,
            of_category(json!({ "after": category("expense", false, false) })),
            "Added a category of expenses",
        ),
        (
            CategoryUpdated::TYPE,
            of_category(
                json!({ "before": category("income", false, false), "after": category("income", false, true) }),
            ),
            "Archived a category",
        ),
        (
            CategoryDeleted::TYPE,
            of_category(json!({ "before": category("income", false, false) })),
            "Deleted a category of income",
        ),
    ]
}

#[test]
fn every_type_that_is_shown_is_a_sentence() {
    let samples = samples();
    for (kind, data, sentence) in &samples {
        assert_eq!(
            text(kind, data.clone()).as_deref(),
            Some(*sentence),
            "{kind}"
        );
    }
    for kind in SHOWN {
        assert!(
            samples.iter().any(|(sample, ..)| *sample == kind),
            "{kind} has no sample"
        );
    }
}

#[test]
fn what_is_not_shown_has_no_sentence_whatever_it_says() {
    for kind in NOT_SHOWN {
        assert_eq!(text(kind, json!({})), None, "{kind}");
    }
}

#[test]
fn data_that_are_not_what_the_type_says_are_an_error() {
    let broken = happened(TransactionCreated::TYPE, json!({ "after": "much" }));
    assert!(broken.tell(OWNER).is_err());
}

#[test]
fn what_an_administrator_did_says_so() {
    let mut changed = happened(UserUpdated::TYPE, account(json!({ "changed": ["role"] })));
    changed.actor = Some(ADMINISTRATOR);
    let item = changed.tell(OWNER).expect("readable").expect("an item");
    assert_eq!(item.text, "Changed the role, by an administrator");
    changed.actor = Some(OWNER);
    let item = changed.tell(OWNER).expect("readable").expect("an item");
    assert_eq!(item.text, "Changed the role");
}

#[test]
fn money_is_told_in_the_digits_of_its_currency() {
    for (kind, entries, lines, sentence) in [
        (
            "normal",
            vec![("JPY", -1250)],
            vec![("JPY", -1250)],
            "Spent 1250 JPY",
        ),
        (
            "normal",
            vec![("KWD", 1250)],
            vec![("KWD", 1250)],
            "Received 1.250 KWD",
        ),
        (
            "normal",
            vec![("EUR", -500), ("EUR", 500)],
            vec![],
            "Moved 5.00 EUR between wallets",
        ),
        (
            "normal",
            vec![("EUR", -510), ("EUR", 500)],
            vec![("EUR", -10)],
            "Moved 5.00 EUR between wallets and spent 0.10 EUR",
        ),
        (
            "normal",
            vec![("EUR", -500), ("USD", 550)],
            vec![],
            "Exchanged 5.00 EUR for 5.50 USD",
        ),
        (
            "opening",
            vec![("EUR", 10_000)],
            vec![],
            "Began a wallet with 100.00 EUR",
        ),
        (
            "adjustment",
            vec![("EUR", -320)],
            vec![],
            "Corrected a wallet by -3.20 EUR",
        ),
        (
            "normal",
            vec![("XTS", -5)],
            vec![("XTS", -5)],
            "Spent an amount in XTS",
        ),
    ] {
        let data = transaction(json!({ "after": facts(kind, &entries, &lines) }));
        assert_eq!(
            text(TransactionCreated::TYPE, data).as_deref(),
            Some(sentence)
        );
    }
}

#[test]
fn a_category_says_what_became_of_it() {
    for (before, after, sentence) in [
        (
            (false, false),
            (true, false),
            "Merged a category into another",
        ),
        (
            (true, false),
            (false, false),
            "Separated a category that was merged into another",
        ),
        (
            (false, true),
            (false, false),
            "Brought a category back from the archive",
        ),
        ((false, false), (false, false), "Changed a category"),
    ] {
        let data = of_category(json!({
            "before": category("expense", before.0, before.1),
            "after": category("expense", after.0, after.1),
        }));
        assert_eq!(text(CategoryUpdated::TYPE, data).as_deref(), Some(sentence));
    }
}
