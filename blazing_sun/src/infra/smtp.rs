//! The post: hands a letter to the mail server, or writes it to a folder where none is to be reached.

mod folder;
mod letter;
mod relay;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use lettre::address::AddressError;
pub use lettre::{Address, message::Mailbox};
use secrecy::SecretString;
use tokio::time::timeout;

use folder::Folder;
pub use letter::Letter;
use relay::Relay;

/// How much of a server's words is kept.
const REASON: usize = 300;

/// Where letters go, and whom they are from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// To a server or to a folder.
    pub mailer: Mailer,
    /// The server's name or address.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// Who signs in; empty: nobody does.
    pub username: String,
    /// The password of `username`.
    pub password: SecretString,
    /// How the connection is protected.
    pub encryption: Encryption,
    /// A PEM file of certificates that are trusted besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// How long one letter may take altogether.
    pub timeout: Duration,
    /// Whom letters are from.
    pub from_address: SenderAddress,
    /// The name beside it; may be empty.
    pub from_name: String,
    /// Where [`Mailer::Log`] writes.
    pub folder: PathBuf,
}

/// Where letters go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mailer {
    /// To the mail server.
    #[default]
    Smtp,
    /// Each to a file of its own; the log names the file.
    Log,
}

impl FromStr for Mailer {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "smtp" => Ok(Self::Smtp),
            "log" => Ok(Self::Log),
            _ => Err(()),
        }
    }
}

/// How the connection to the mail server is protected. Where there is TLS, the certificate is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// STARTTLS where the server offers it; a password is never sent without it.
    #[default]
    Opportunistic,
    /// In clear text, the password too.
    None,
    /// STARTTLS, or no letter is sent.
    StartTls,
    /// TLS from the first byte.
    Tls,
}

impl FromStr for Encryption {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "opportunistic" => Ok(Self::Opportunistic),
            "none" => Ok(Self::None),
            "starttls" => Ok(Self::StartTls),
            "tls" => Ok(Self::Tls),
            _ => Err(()),
        }
    }
}

/// An address to send from. It is ASCII: every server takes it, and it gives the Message-ID its domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderAddress(Address);

impl FromStr for SenderAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.is_ascii() {
            text.parse().map(Self)
        } else {
            Err(AddressError::InvalidInput)
        }
    }
}

impl Default for SenderAddress {
    fn default() -> Self {
        Self(Address::new_dangerous("noreply", "localhost"))
    }
}

/// Why a letter was not sent. The words may be kept and shown: no address, no link, no password is in them.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Another attempt may succeed; whether this one did can be in doubt.
    #[error("{0}")]
    Temporary(String),
    /// The server wants neither this letter nor another attempt.
    #[error("{0}")]
    Permanent(String),
}

impl SendError {
    /// Takes out what a server likes to repeat: the recipient, and links out of the text.
    fn presentable(self, recipient: Option<&Address>) -> Self {
        let is_private = |word: &str| {
            let bare = word.trim_matches(|c: char| c.is_ascii_punctuation());
            word.contains('@')
                || word.contains("//")
                || recipient.is_some_and(|address| bare.eq_ignore_ascii_case(address.user()))
        };
        let clean = |text: String| {
            let words = text
                .split_whitespace()
                .map(|word| if is_private(word) { "***" } else { word });
            let line = words.collect::<Vec<_>>().join(" ");
            line.chars().take(REASON).collect()
        };
        match self {
            Self::Temporary(text) => Self::Temporary(clean(text)),
            Self::Permanent(text) => Self::Permanent(clean(text)),
        }
    }
}

/// The one way out for letters.
pub struct Post {
    from: Mailbox,
    timeout: Duration,
    way: Way,
}

enum Way {
    Relay(Relay),
    Folder(Folder),
}

impl Post {
    /// Prepares the way out; the server is not asked before the first letter.
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        let name = letter::one_line(&settings.from_name);
        let name = (!name.is_empty()).then_some(name);
        Ok(Self {
            from: Mailbox::new(name, settings.from_address.0.clone()),
            timeout: settings.timeout,
            way: match settings.mailer {
                Mailer::Smtp => Way::Relay(Relay::new(settings)?),
                Mailer::Log => Way::Folder(Folder::new(settings.folder.clone())),
            },
        })
    }

    /// Sends a letter. After a timeout or a lost connection it is in doubt whether it went out; sent again, it
    /// carries the same Message-ID.
    pub async fn send(&self, letter: &Letter) -> Result<(), SendError> {
        let message = letter.message(&self.from)?;
        let sending = async {
            match &self.way {
                Way::Relay(relay) => relay.send(message.envelope(), &message.formatted()).await,
                Way::Folder(folder) => {
                    let name = letter.message_id(self.from.email.domain());
                    folder.write(&name, message.formatted()).await
                }
            }
        };
        self.within_limit(sending)
            .await
            .map_err(|error| error.presentable(Some(&letter.to.email)))
    }

    /// Asks whether letters could be sent: the server takes the sign-in, or the folder can be written to.
    pub async fn check(&self) -> Result<(), SendError> {
        let answer = async {
            match &self.way {
                Way::Relay(relay) => relay.check().await,
                Way::Folder(folder) => folder.check().await,
            }
        };
        self.within_limit(answer)
            .await
            .map_err(|error| error.presentable(None))
    }

    /// Says goodbye to the server.
    pub async fn close(&self) {
        if let Way::Relay(relay) = &self.way {
            relay.close().await;
        }
    }

    async fn within_limit(
        &self,
        answer: impl Future<Output = Result<(), SendError>>,
    ) -> Result<(), SendError> {
        timeout(self.timeout, answer).await.unwrap_or_else(|_| {
            Err(SendError::Temporary(format!(
                "not done within {} s",
                self.timeout.as_secs_f32()
            )))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_by_their_names_and_by_nothing_else() {
        assert_eq!("smtp".parse(), Ok(Mailer::Smtp));
        assert_eq!("log".parse(), Ok(Mailer::Log));
        assert_eq!("SMTP".parse::<Mailer>(), Err(()));
        assert_eq!("opportunistic".parse(), Ok(Encryption::Opportunistic));
        assert_eq!("none".parse(), Ok(Encryption::None));
        assert_eq!("starttls".parse(), Ok(Encryption::StartTls));
        assert_eq!("tls".parse(), Ok(Encryption::Tls));
        assert_eq!("".parse::<Encryption>(), Err(()));
    }

    #[test]
    fn the_senders_address_is_one_plain_ascii_address() {
        assert!("noreply@blazingsun.app".parse::<SenderAddress>().is_ok());
        for wrong in [
            "",
            "noreply",
            "Blazing Sun <a@b.example>",
            "jörg@b.example",
            "a@bücher.example",
            "a@b.example\r\nBcc: c@d.example",
        ] {
            assert!(wrong.parse::<SenderAddress>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_a_server_says_is_kept_without_addresses_links_and_the_recipients_name() {
        let recipient = Address::new_dangerous("Ada", "mail.example");
        let said = "permanent error (550): 5.1.1 <ada@mail.example>: user ADA, unknown, see\r\n https://x.example/?t=1";

        let error = SendError::Permanent(said.to_owned()).presentable(Some(&recipient));

        let kept = "permanent error (550): 5.1.1 *** user *** unknown, see ***";
        assert_eq!(error, SendError::Permanent(kept.to_owned()));
    }
}
