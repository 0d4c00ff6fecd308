//! How mails look: one layout in HTML and one in plain text, and the templates that fill them, all compiled in.

use minijinja::{Environment, UndefinedBehavior, context};

use crate::mail::message::Message;

/// One template: its file's name and its text.
type Template = (&'static str, &'static str);

/// Both forms of templates by their names.
macro_rules! templates {
    ($($name:literal)*) => {
        [$(
            (concat!($name, ".html"), include_str!(concat!("../../templates/mail/", $name, ".html"))),
            (concat!($name, ".txt"), include_str!(concat!("../../templates/mail/", $name, ".txt"))),
        )*]
    };
}

/// Every template; the layout and its parts come first. The ending decides whether values are escaped: in `.html` they
/// are, in `.txt` they are not.
const TEMPLATES: [Template; 30] = templates! {
    "layout" "button"
    "activation" "already_registered" "invitation"
    "reset" "password_changed" "new_sign_in" "second_factor_changed" "wrong_codes"
    "email_change_new" "email_change_old" "email_changed"
    "export_ready" "deletion_scheduled"
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
    templates: Environment<'static>,
    site: Site,
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
    pub fn new(site: Site) -> Result<Self, minijinja::Error> {
        Self::with(site, &TEMPLATES)
    }

    fn with(site: Site, templates: &[Template]) -> Result<Self, minijinja::Error> {
        let mut environment = Environment::new();
        // A mail with a hole in it is worse than one that is late.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        for (name, text) in templates {
            environment.add_template(name, text)?;
        }
        Ok(Self {
            templates: environment,
            site,
        })
    }

    /// Fills a mail's templates.
    pub fn render(&self, message: &Message) -> Result<Rendered, minijinja::Error> {
        let fill = |ending: &str| {
            let template = format!("{}.{ending}", message.template);
            self.templates.get_template(&template)?.render(context! {
                site => context! { name => self.site.name, url => self.site.url },
                subject => message.subject,
                ..message.context.clone()
            })
        };
        Ok(Rendered {
            html: fill("html")?,
            text: fill("txt")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::infra::smtp::{Address, Mailbox};

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
            .render(&message("activation", context))
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
            .render(&message("already_registered", context! {}))
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
    fn a_missing_variable_is_an_error_and_not_a_hole() {
        let without_hours = message("activation", context! { link => LINK });

        let error = layout().render(&without_hours).err().expect("an error");

        assert_eq!(error.kind(), minijinja::ErrorKind::UndefinedError);
    }

    #[test]
    fn one_hour_is_not_hours() {
        let context = context! { link => LINK, hours => 1 };

        let mail = layout()
            .render(&message("activation", context))
            .expect("a mail");

        assert!(mail.text.contains("1 hour."), "{}", mail.text);
    }

    #[test]
    fn html_loads_nothing_from_elsewhere() {
        for (name, text) in TEMPLATES {
            for remote in ["<img", "<link", "<script", "<style", "url(", "@import"] {
                assert!(!text.contains(remote), "{name} contains {remote}");
            }
        }
    }

    #[test]
    fn every_file_among_the_templates_is_one() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/mail");
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
}
