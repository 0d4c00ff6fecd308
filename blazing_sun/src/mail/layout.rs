//! How mails look: one layout in HTML and one in plain text, and the templates that fill them, all compiled in.

use minijinja::{Error, context};

use crate::kernel::templates::{Template, Templates, templates};
use crate::mail::message::Message;

/// Both forms of templates by their names.
macro_rules! both_forms {
    ($($name:literal)*) => {
        [
            templates!("mail": $(concat!($name, ".html"))*),
            templates!("mail": $(concat!($name, ".txt"))*),
        ]
    };
}

/// Every template; the layout and its parts come first.
const TEMPLATES: [[Template; 16]; 2] = both_forms! {
    "layout" "button"
    "activation" "already_registered" "invitation"
    "reset" "password_changed" "new_sign_in" "second_factor_changed" "wrong_codes"
    "email_change_new" "email_change_old" "email_changed"
    "export_ready" "deletion_scheduled"
    "monthly_report"
};

/// The product as mails name it.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its name.
    pub name: String,
    /// The address of its first page.
    pub url: String,
}

/// The templates, ready to be filled.
pub struct Layout {
    templates: Templates,
    url: String,
}

/// The two forms of one mail.
pub struct Rendered {
    /// For readers of HTML.
    pub html: String,
    /// For all others.
    pub text: String,
}

impl Layout {
    /// Compiles every template; an error is a mistake in one of them.
    pub fn new(site: Site) -> Result<Self, Error> {
        let templates = Templates::new(TEMPLATES.as_flattened())?;
        let shown = context! { name => site.name, url => site.url };
        Ok(Self {
            templates: templates.with("site", shown),
            url: site.url,
        })
    }

    /// The address of a page of this site.
    #[must_use]
    pub fn address(&self, page: &str) -> String {
        format!("{}{page}", self.url)
    }

    /// Fills a mail's templates. `unsubscribe` is the address where it is switched off, for those mails that can be.
    pub fn render(&self, message: &Message, unsubscribe: Option<&str>) -> Result<Rendered, Error> {
        let fill = |ending: &str| {
            let template = format!("{}.{ending}", message.template);
            let subject = &message.subject;
            let context = context! { subject, unsubscribe, ..message.context.clone() };
            self.templates.fill(&template, context)
        };
        Ok(Rendered {
            html: fill("html")?,
            text: fill("txt")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::smtp::{Address, Mailbox};
    use crate::kernel::templates::assert_all_of;

    const LINK: &str = "https://sun.example/activate?token=a-b_c&lang=en";

    fn layout() -> Layout {
        Layout::new(Site {
            name: "Sun & <Moon>".to_owned(),
            url: "https://sun.example".to_owned(),
        })
        .expect("the templates compile")
    }

    fn message(template: &'static str, context: minijinja::Value) -> Message {
        Message {
            to: Mailbox::new(None, Address::new_dangerous("ada", "mail.example")),
            subject: "A subject".to_owned(),
            template,
            context,
        }
    }

    #[test]
    fn a_mail_says_the_same_in_html_and_in_text() {
        let context = context! { link => LINK, hours => 24 };

        let mail = layout()
            .render(&message("activation", context), None)
            .expect("a mail");

        for part in [&mail.html, &mail.text] {
            assert!(part.contains("24 hours"), "{part}");
            assert!(part.contains("You get this mail because"), "{part}");
        }
        assert!(mail.text.contains(&format!("\n{LINK}\n")), "{}", mail.text);
        assert!(mail.html.starts_with("<!doctype html>"), "{}", mail.html);
        assert!(!mail.text.contains("<p"), "{}", mail.text);
    }

    #[test]
    fn values_are_escaped_in_html_and_left_alone_in_text() {
        let mail = layout()
            .render(&message("already_registered", context! {}), None)
            .expect("a mail");

        assert!(
            mail.html.contains("Sun &amp; &lt;Moon&gt;"),
            "{}",
            mail.html
        );
        assert!(!mail.html.contains("<Moon>"), "{}", mail.html);
        assert!(mail.text.contains("Sun & <Moon>"), "{}", mail.text);
    }

    #[test]
    fn one_hour_is_not_hours() {
        let context = context! { link => LINK, hours => 1 };

        let mail = layout()
            .render(&message("activation", context), None)
            .expect("a mail");

        assert!(mail.text.contains("1 hour."), "{}", mail.text);
    }

    #[test]
    fn html_loads_nothing_from_elsewhere() {
        for (name, text) in TEMPLATES.as_flattened() {
            for remote in ["<img", "<link", "<script", "<style", "url(", "@import"] {
                assert!(!text.contains(remote), "{name} contains {remote}");
            }
        }
    }

    #[test]
    fn every_file_among_the_templates_is_one() {
        assert_all_of("mail", TEMPLATES.as_flattened());
    }
}
