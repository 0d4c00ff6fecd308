//! The templates of all pages, compiled in.

use minijinja::{Error, Value};

use crate::kernel::templates::{Template, Templates, templates};

/// Every template; the layout and the parts come first.
const TEMPLATES: [Template; 35] = templates! { "web":
    "layout.html" "profile_layout.html" "form.html" "notice.html"
    "home.html" "message.html" "problem.html" "dev_mails.html"
    "sign_up.html" "sign_up_sent.html" "resend.html" "activate.html" "invitation.html"
    "sign_in.html" "second_factor.html" "confirm.html" "forgot.html" "forgot_sent.html" "reset.html"
    "profile.html" "password.html" "email.html" "email_change.html" "sessions.html" "tokens.html"
    "second_factor_settings.html" "totp_setup.html" "recovery_codes.html" "data.html"
    "transactions.html" "transaction_form.html" "transaction.html" "wallets.html"
    "month.html" "book.html"
};

/// The templates of all pages.
pub struct Pages(Templates);

impl Pages {
    /// Reads the templates; an error is a mistake in one of them.
    pub fn new() -> Result<Self, Error> {
        let templates = Templates::new(&TEMPLATES)?
            .with("product", "Blazing Sun")
            .with("version", env!("CARGO_PKG_VERSION"));
        Ok(Self(templates))
    }

    /// Fills a template.
    pub fn fill(&self, name: &str, context: Value) -> Result<String, Error> {
        self.0.fill(name, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::templates::assert_all_of;

    #[test]
    fn every_file_among_the_templates_is_one() {
        assert_all_of("web", &TEMPLATES);
    }

    #[test]
    fn every_template_compiles_and_escapes_what_it_shows() {
        assert!(Pages::new().is_ok());
        assert!(TEMPLATES.iter().all(|(name, _)| name.ends_with(".html")));
    }

    #[test]
    fn no_template_needs_what_the_policy_forbids() {
        for (name, text) in TEMPLATES {
            for forbidden in [
                " style=",
                " onclick=",
                "<style",
                "javascript:",
                "http://",
                "https://",
            ] {
                assert!(!text.contains(forbidden), "{name} contains {forbidden}");
            }
        }
    }
}
