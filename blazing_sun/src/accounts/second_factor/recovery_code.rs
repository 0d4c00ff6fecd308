//! A recovery code: 120 random bits for the day when the second factor is out of reach, in letters that can be told apart.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// Crockford's base32: without I, L, O and U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// The letters of a code, of five bits each.
const LENGTH: usize = 24;
/// How many stand together.
const GROUP: usize = 6;

/// A recovery code. Its `Debug` form shows nothing.
pub struct RecoveryCode(SecretString);

/// A text that is no recovery code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a recovery code, which has {LENGTH} letters and digits")]
pub struct NotARecoveryCode;

impl RecoveryCode {
    /// A new one.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes[1..])?;
        let bits = u128::from_be_bytes(bytes);
        let letters: String = (0..LENGTH)
            .rev()
            .map(|place| letter(bits >> (5 * place)))
            .collect();
        Ok(Self(letters.into()))
    }

    /// For the one who keeps it, in groups.
    #[must_use]
    pub fn reveal(&self) -> String {
        let letters: Vec<char> = self.0.expose_secret().chars().collect();
        let groups: Vec<String> = letters.chunks(GROUP).map(String::from_iter).collect();
        groups.join("-")
    }

    /// What is kept of it. (Of 120 random bits, a plain hash gives nothing away.)
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.expose_secret()).into()
    }
}

fn letter(bits: u128) -> char {
    ALPHABET[(bits % 32) as usize].into()
}

impl FromStr for RecoveryCode {
    type Err = NotARecoveryCode;

    /// As people write it: in either case, with or without groups, with letters that look like digits.
    fn from_str(text: &str) -> Result<Self, NotARecoveryCode> {
        let letters: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .take(LENGTH + 1)
            .map(|c| match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            })
            .collect();
        let is_code = letters.len() == LENGTH && letters.bytes().all(|c| ALPHABET.contains(&c));
        is_code
            .then(|| Self(letters.into()))
            .ok_or(NotARecoveryCode)
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(***)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn random() -> RecoveryCode {
        RecoveryCode::random().expect("chance")
    }

    #[test]
    fn a_code_is_four_groups_of_six_and_its_own() {
        let code = random();
        let shown = code.reveal();
        let groups: Vec<usize> = shown.split('-').map(str::len).collect();
        assert_eq!(groups, [6, 6, 6, 6], "{shown}");
        assert_ne!(shown, random().reveal());
        assert_eq!(format!("{code:?}"), "RecoveryCode(***)");
    }

    #[test]
    fn every_place_holds_every_letter() {
        let mut seen = vec![BTreeSet::new(); LENGTH];
        // At a chance of 31 in 32 to miss a letter, two thousand miss one in 10^27 times.
        for _ in 0..2000 {
            let code = random();
            for (place, letter) in code.0.expose_secret().chars().enumerate() {
                seen[place].insert(letter);
            }
        }
        assert!(seen.iter().all(|letters| letters.len() == 32), "{seen:?}");
    }

    #[test]
    fn a_code_is_read_however_it_is_written() {
        let code: RecoveryCode = "01ABCD-EFGHJK-MNPQRS-TVWXYZ".parse().expect("a code");
        for same in [
            "01ABCDEFGHJKMNPQRSTVWXYZ",
            " oiabcd efghjk mnpqrs tvwxyz ",
            "0labcd-efghjk-mnpqrs-tvwxyz",
        ] {
            let read: RecoveryCode = same.parse().expect(same);
            assert_eq!(read.hash(), code.hash(), "{same}");
        }
        for wrong in [
            "",
            "01ABCD",
            "U1ABCDEFGHJKMNPQRSTVWXYZ",
            "01ABCDEFGHJKMNPQRSTVWXYZ0",
        ] {
            assert_eq!(wrong.parse::<RecoveryCode>().err(), Some(NotARecoveryCode));
        }
    }
}
