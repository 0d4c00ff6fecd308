//! The templates of all pages, compiled in.

use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior, Value};

/// `(name, text)` of templates by their names.
macro_rules! templates {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("../../../templates/web/", $name)))),*]
    };
}

/// Every template; the layout and the parts come first.
const TEMPLATES: [(&str, &str); 33] = templates! {
    "layout.html" "profile_layout.html" "form.html" "notice.html"
    "home.html" "message.html" "problem.html" "dev_mails.html"
    "sign_up.html" "sign_up_sent.html" "resend.html" "activate.html" "invitation.html"
    "sign_in.html" "second_factor.html" "confirm.html" "forgot.html" "forgot_sent.html" "reset.html"
    "profile.html" "password.html" "email.html" "email_change.html" "sessions.html" "tokens.html"
    "second_factor_settings.html" "totp_setup.html" "recovery_codes.html" "data.html"
    "transactions.html" "transaction_form.html" "transaction.html" "wallets.html"
};

/// The templates of all pages.
pub struct Pages(Environment<'static>);

impl Pages {
    /// Reads the templates; an error is a mistake in one of them.
    pub fn new() -> Result<Self, Error> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_auto_escape_callback(|_| AutoEscape::Html);
        templates.set_trim_blocks(true);
        templates.set_lstrip_blocks(true);
        templates.add_global("product", "Blazing Sun");
        templates.add_global("version", env!("CARGO_PKG_VERSION"));
        for (name, text) in TEMPLATES {
            templates.add_template(name, text)?;
        }
        Ok(Self(templates))
    }

    /// Fills a template.
    pub fn fill(&self, name: &str, context: Value) -> Result<String, Error> {
        self.0.get_template(name)?.render(context)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_among_the_templates_is_one() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/web");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .expect("the folder")
            .map(|file| {
                file.expect("a file")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        let known = TEMPLATES
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        assert_eq!(files, known);
    }

    #[test]
    fn every_template_compiles() {
        assert!(Pages::new().is_ok());
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
