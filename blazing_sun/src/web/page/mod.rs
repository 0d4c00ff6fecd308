//! Pages: HTML for people, without a script, in the templates of `templates/web/`.
//!
//! A handler takes a [`Visit`] (anybody) or a [`PageAccess`] (somebody who has what the page needs; others are led to
//! where they get it). Every form is answered with 303, or with the form again and what was wrong with it.

mod access;
mod assets;
pub mod choices;
mod notice;
mod problems;
mod templates;
mod visit;

pub use access::PageAccess;
pub use assets::configure;
pub use notice::{Notice, NoticeKind};
pub(super) use problems::Reader;
pub use templates::Pages;
pub use visit::{Visit, Visitor, local};
