//! The second factor as requests bring it.

use serde_json::Value;
use webauthn_rs::prelude::PublicKeyCredential;

use crate::accounts::second_factor::prove::Answer;
use crate::web::problem::{Fields, Problem};

/// The fields of a body, of which one is given.
#[derive(Default)]
pub struct AnswerFields {
    /// Six digits.
    pub code: Option<String>,
    /// A recovery code.
    pub recovery_code: Option<String>,
    /// What the browser got from a passkey.
    pub credential: Option<Value>,
    /// Whether both kinds of codes are typed into one field.
    pub one_field: bool,
}

impl AnswerFields {
    /// What the one field of a form may hold: six digits, or a recovery code.
    #[must_use]
    pub fn typed(text: String) -> Self {
        let is_short = text.chars().filter(|c| c.is_alphanumeric()).count() <= 8;
        if is_short {
            Self {
                one_field: true,
                code: Some(text),
                ..Self::default()
            }
        } else {
            Self {
                one_field: true,
                recovery_code: Some(text),
                ..Self::default()
            }
        }
    }

    /// What a hidden field holds: the passkey's answer as text.
    #[must_use]
    pub fn of_passkey(text: &str) -> Self {
        Self {
            credential: Some(serde_json::from_str(text).unwrap_or_default()),
            ..Self::default()
        }
    }

    /// Whether none is given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.code.is_none() && self.recovery_code.is_none() && self.credential.is_none()
    }

    /// The field that is given.
    #[must_use]
    pub fn pointer(&self) -> &'static str {
        match (&self.recovery_code, &self.credential) {
            (Some(_), _) if !self.one_field => "/recovery_code",
            (None, Some(_)) => "/credential",
            _ => "/code",
        }
    }

    /// The answer.
    pub fn parse(self) -> Result<Answer, Problem> {
        let pointer = self.pointer();
        match (self.code, self.recovery_code, self.credential) {
            (Some(code), None, None) => {
                let code = code.parse().map_err(|error| Fields::of(pointer, error))?;
                Ok(Answer::Code(code))
            }
            (None, Some(code), None) => {
                let code = code.parse();
                let code = code.map_err(|error| Fields::of(pointer, error))?;
                Ok(Answer::RecoveryCode(code))
            }
            (None, None, Some(credential)) => {
                let answer: PublicKeyCredential = serde_json::from_value(credential)
                    .map_err(|_| Fields::of(pointer, "is not what a passkey answers"))?;
                Ok(Answer::Passkey(Box::new(answer)))
            }
            _ => Err(Fields::of("", "needs one of code, recovery_code and credential").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(fields: AnswerFields) -> &'static str {
        match fields.parse() {
            Ok(Answer::Code(_)) => "code",
            Ok(Answer::RecoveryCode(_)) => "recovery code",
            Ok(Answer::Passkey(_)) => "passkey",
            Err(_) => "nothing",
        }
    }

    #[test]
    fn one_field_takes_both_kinds_of_codes() {
        let typed = |text: &str| kind(AnswerFields::typed(text.to_owned()));
        assert_eq!(typed("287 082"), "code");
        assert_eq!(typed("01ABCD-EFGHJK-MNPQRS-TVWXYZ"), "recovery code");
        assert_eq!(typed("2870"), "nothing");
        assert_eq!(typed("01ABCD-EFGHJK"), "nothing");
        assert_eq!(kind(AnswerFields::of_passkey("{")), "nothing");
    }

    #[test]
    fn one_answer_is_given_and_no_more() {
        let both = AnswerFields {
            code: Some("287082".to_owned()),
            recovery_code: Some("01ABCD-EFGHJK-MNPQRS-TVWXYZ".to_owned()),
            ..AnswerFields::default()
        };
        assert_eq!(kind(both), "nothing");
        assert_eq!(kind(AnswerFields::default()), "nothing");
        assert!(AnswerFields::default().is_empty());
    }
}
