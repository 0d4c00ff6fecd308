//! A letter, and its form on the wire.

use chrono::{DateTime, Utc};
use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use uuid::Uuid;

use crate::infra::smtp::SendError;

/// A text to one recipient.
#[derive(Clone)]
pub struct Letter {
    /// Tells it from all others; a letter that is sent again keeps it.
    pub id: Uuid,
    /// When it was written.
    pub date: DateTime<Utc>,
    /// Whom it is for.
    pub to: Mailbox,
    /// The subject, which becomes one line.
    pub subject: String,
    /// The text for readers without HTML.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// The address of the page where the recipient can see to it that no more of its kind come.
    pub unsubscribe: Option<String>,
}

impl Letter {
    /// Its Message-ID without the angle brackets.
    pub(super) fn message_id(&self, domain: &str) -> String {
        format!("{}@{domain}", self.id)
    }

    /// The letter with its headers. Two of them ask machines not to answer; the last one is for the button of mail programs
    /// that says "unsubscribe" (RFC 2369).
    pub(super) fn message(&self, from: &Mailbox) -> Result<Message, SendError> {
        const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");
        const SUPPRESS: HeaderName = HeaderName::new_from_ascii_str("X-Auto-Response-Suppress");
        const UNSUBSCRIBE: HeaderName = HeaderName::new_from_ascii_str("List-Unsubscribe");

        let name = self.to.name.as_deref().map(one_line);
        let name = name.filter(|name| !name.is_empty());
        let mut message = Message::builder()
            .message_id(Some(format!("<{}>", self.message_id(from.email.domain()))))
            .date(self.date.into())
            .from(from.clone())
            .to(Mailbox::new(name, self.to.email.clone()))
            .subject(one_line(&self.subject))
            .raw_header(HeaderValue::new(
                AUTO_SUBMITTED,
                "auto-generated".to_owned(),
            ))
            .raw_header(HeaderValue::new(SUPPRESS, "All".to_owned()));
        if let Some(address) = &self.unsubscribe {
            let address = format!("<{}>", one_line(address));
            message = message.raw_header(HeaderValue::new(UNSUBSCRIBE, address));
        }
        message
            .multipart(MultiPart::alternative_plain_html(
                self.text.clone(),
                self.html.clone(),
            ))
            .map_err(|error| SendError::Permanent(format!("not a letter: {error}")))
    }
}

/// A text without line breaks and other control characters, which have no place in a header.
pub(super) fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_control() || c.is_whitespace());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use lettre::Address;

    fn letter(name: &str, subject: &str) -> Letter {
        Letter {
            id: Uuid::nil(),
            date: DateTime::UNIX_EPOCH,
            to: Mailbox::new(
                Some(name.to_owned()),
                Address::new_dangerous("ada", "mail.example"),
            ),
            subject: subject.to_owned(),
            text: "Good morning".to_owned(),
            html: "<p>Good morning</p>".to_owned(),
            unsubscribe: None,
        }
    }

    fn headers(letter: &Letter) -> Vec<String> {
        let from = Mailbox::new(
            Some("Blazing Sun".to_owned()),
            Address::new_dangerous("noreply", "sun.example"),
        );
        let wire = String::from_utf8(letter.message(&from).expect("a message").formatted());
        let wire = wire.expect("a letter on the wire is text");
        let (headers, _) = wire.split_once("\r\n\r\n").expect("headers end");
        headers.split("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn a_letter_says_who_wrote_it_when_and_that_no_machine_should_answer() {
        let headers = headers(&letter("Ada", "Hello"));

        for expected in [
            "Message-ID: <00000000-0000-0000-0000-000000000000@sun.example>",
            "Date: Thu, 01 Jan 1970 00:00:00 +0000",
            "From: \"Blazing Sun\" <noreply@sun.example>",
            "To: Ada <ada@mail.example>",
            "Subject: Hello",
            "Auto-Submitted: auto-generated",
            "X-Auto-Response-Suppress: All",
        ] {
            assert!(headers.iter().any(|line| line == expected), "{headers:?}");
        }
    }

    #[test]
    fn a_letter_that_can_be_switched_off_says_where() {
        let mut letter = letter("Ada", "Hello");
        let of = |letter: &Letter| {
            let mut headers = headers(letter).into_iter();
            headers.find(|line| line.starts_with("List-Unsubscribe"))
        };
        assert_eq!(of(&letter), None);

        letter.unsubscribe = Some("https://sun.example/settings".to_owned());

        let expected = "List-Unsubscribe: <https://sun.example/settings>";
        assert_eq!(of(&letter).as_deref(), Some(expected));
    }

    #[test]
    fn a_line_break_in_the_subject_or_a_name_starts_no_header() {
        let attack = "Hi\r\nBcc: eve@mail.example\n\rX-Evil: 1\0\u{85}";

        let headers = headers(&letter(attack, attack));

        let starts = |name: &str| headers.iter().any(|line| line.starts_with(name));
        assert!(!starts("Bcc") && !starts("X-Evil"), "{headers:?}");
        let subject = "Subject: Hi Bcc: eve@mail.example X-Evil: 1".to_owned();
        assert!(headers.contains(&subject), "{headers:?}");
    }

    #[test]
    fn a_name_of_nothing_but_spaces_is_left_out() {
        let headers = headers(&letter(" \r\n ", "Hello"));

        let plain = "To: ada@mail.example".to_owned();
        assert!(headers.contains(&plain), "{headers:?}");
    }
}
