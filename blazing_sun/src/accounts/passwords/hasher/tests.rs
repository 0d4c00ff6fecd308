//! The hasher, at a cost that tests can afford.

use std::pin::pin;
use std::task::Poll;

use futures_util::poll;
use secrecy::SecretString;

use super::*;
use crate::infra::measures::Measures;

const CHEAP: HashSettings = HashSettings {
    memory_kib: 19,
    iterations: 2,
    concurrency: 1,
    queue: 1,
};

fn hasher(settings: &HashSettings) -> Hasher {
    let measures = HashMeasures::new(&Measures::default()).expect("metrics");
    Hasher::new(settings, measures).expect("good parameters")
}

fn given(text: &str) -> Password {
    Password::given(SecretString::from(text))
}

async fn hash(settings: &HashSettings, text: &str) -> PasswordHash {
    let hash = hasher(settings).hash(&given(text)).await;
    PasswordHash::from_stored(hash.expect("a hash").as_str().to_owned())
}

#[tokio::test]
async fn a_hash_names_its_parameters_and_has_its_own_salt() {
    let one = hash(&CHEAP, "correct horse").await.0;
    let other = hash(&CHEAP, "correct horse").await.0;

    assert!(one.starts_with("$argon2id$v=19$m=19,t=2,p=1$"), "{one}");
    assert_ne!(one, other);
}

#[tokio::test]
async fn the_password_that_a_hash_was_made_of_is_right_and_any_other_is_wrong() {
    let hasher = hasher(&CHEAP);
    let kept = hash(&CHEAP, "correct horse").await;
    let verdict = async |text: &str| hasher.verify(&given(text), Some(&kept)).await.ok();

    let right = Some(Verdict::Right { outdated: false });
    assert_eq!(verdict("correct horse").await, right);
    for wrong in [
        "Correct horse",
        "correct horse ",
        "",
        &"correct horse".repeat(20),
    ] {
        assert_eq!(verdict(wrong).await, Some(Verdict::Wrong), "{wrong:?}");
    }
}

#[tokio::test]
async fn where_there_is_no_hash_every_password_is_wrong_after_the_same_work() {
    let hasher = hasher(&CHEAP);
    let verdict = async |text: &str| hasher.verify(&given(text), None).await.ok();

    // The dummy is made of the empty text.
    for text in ["correct horse", "", &"long".repeat(100)] {
        assert_eq!(verdict(text).await, Some(Verdict::Wrong), "{text:?}");
    }
    let dummy = hasher.dummy.to_string();
    assert!(dummy.starts_with("$argon2id$v=19$m=19,t=2,p=1$"), "{dummy}");
}

#[tokio::test]
async fn where_there_is_no_hash_the_work_is_really_done() {
    let mut hasher = hasher(&CHEAP);
    let dummy = hasher.dummy.to_string().replace("argon2id", "scrypt");
    hasher.dummy = phc::PasswordHash::new(&dummy).expect("a hash of another kind");

    let verdict = hasher.verify(&given("correct horse"), None).await;

    // Argon2 stumbles over it only when it is asked to compare.
    assert!(
        matches!(
            verdict,
            Err(HashError::Argon2(password_hash::Error::Algorithm))
        ),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn a_hash_that_cost_less_than_today_is_outdated() {
    let outdated = async |today: HashSettings| {
        let kept = hash(&CHEAP, "correct horse").await;
        let password = given("correct horse");
        match hasher(&today).verify(&password, Some(&kept)).await {
            Ok(Verdict::Right { outdated }) => outdated,
            other => panic!("{other:?}"),
        }
    };

    let memory = |memory_kib| HashSettings {
        memory_kib,
        ..CHEAP
    };
    let passes = |iterations| HashSettings {
        iterations,
        ..CHEAP
    };
    assert!(outdated(memory(20)).await);
    assert!(outdated(passes(3)).await);
    assert!(!outdated(memory(18)).await);
    assert!(!outdated(passes(1)).await);
}

#[tokio::test]
async fn a_hash_of_another_kind_is_outdated() {
    let params = || Params::new(19, 2, 1, None).expect("good parameters");
    for (algorithm, version) in [
        (Algorithm::Argon2i, Version::V0x13),
        (Algorithm::Argon2id, Version::V0x10),
    ] {
        let kept = Argon2::new(algorithm, version, params()).hash_password(b"correct horse");
        let kept = PasswordHash::from_stored(kept.expect("a hash").to_string());

        let verdict = hasher(&CHEAP)
            .verify(&given("correct horse"), Some(&kept))
            .await;

        assert_eq!(
            verdict.ok(),
            Some(Verdict::Right { outdated: true }),
            "{kept:?}"
        );
    }
}

#[tokio::test]
async fn what_is_not_a_hash_is_an_error_and_not_a_wrong_password() {
    for text in [
        "",
        "correct horse",
        "$argon2id$v=19$m=1,t=0,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
    ] {
        let kept = PasswordHash::from_stored(text.to_owned());
        let verdict = hasher(&CHEAP)
            .verify(&given("correct horse"), Some(&kept))
            .await;
        assert!(verdict.is_err(), "{text:?}");
    }
}

#[tokio::test]
async fn who_finds_the_queue_full_is_told_so_and_a_place_that_is_given_up_is_free_again() {
    let hasher = hasher(&CHEAP);
    let password = given("correct horse");
    let turn = hasher.turn().await.expect("the only turn");
    {
        let mut waiting = pin!(hasher.hash(&password));
        assert!(poll!(waiting.as_mut()).is_pending());

        let hashed = poll!(pin!(hasher.hash(&password)));
        let verified = poll!(pin!(hasher.verify(&password, None)));

        assert!(
            matches!(hashed, Poll::Ready(Err(HashError::Busy))),
            "{hashed:?}"
        );
        assert!(
            matches!(verified, Poll::Ready(Err(HashError::Busy))),
            "{verified:?}"
        );
    }
    let mut waiting = pin!(hasher.hash(&password));
    assert!(poll!(waiting.as_mut()).is_pending());
    drop(turn);
    assert!(waiting.await.is_ok());
    assert!(hasher.hash(&password).await.is_ok());
}
