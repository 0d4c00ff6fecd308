//! Mails: what a mail is, how it looks, and the job that sends it. Which mails there are, the features know.

mod address_book;
mod layout;
mod mails;
mod measures;
mod message;
mod send_email;

pub use address_book::{AddressBook, Recipient};
pub use layout::{Layout, Rendered, Site};
pub use mails::{Mails, Preview};
pub use measures::MailMeasures;
pub use message::{ComposeError, Mail, Message, somebody};
pub use send_email::SendEmail;
