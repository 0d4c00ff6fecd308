//! Who asks, and what they may: the one place where it is decided.
//!
//! A handler says what it needs by its argument, `Access<SignedIn>` or `Access<Admin>`; without it the handler does not
//! run. How somebody is recognised, the feature that knows accounts tells through [`Doorkeeper`].

mod doorkeeper;
mod extractor;
mod needs;
mod role;
mod scope;

pub use doorkeeper::{Caller, Credential, Doorkeeper, Means, Preferences};
pub use extractor::Access;
pub(crate) use extractor::{Judgement, judge, recognise};
pub use needs::{
    Admin, CONFIRMED_FOR, Confirmed, ConfirmedAdmin, Denied, LedgerRead, LedgerWrite, Need,
    Operator, ProfileRead, ProfileWrite, SignedIn,
};
pub use role::{NoSuchRole, Role};
pub use scope::{NoSuchScope, Scope};
