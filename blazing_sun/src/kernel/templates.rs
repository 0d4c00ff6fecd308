//! Templates that are compiled into the program: a hole in what is filled is an error, and the ending of a template's name
//! decides whether values are escaped (in `.html` they are, in `.txt` they are not).

use minijinja::{Environment, Error, UndefinedBehavior, Value};

/// One template: its file's name and its text.
pub type Template = (&'static str, &'static str);

/// Templates of a folder below `templates/`, by their files' names: `templates!("web": "layout.html" "home.html")`.
macro_rules! templates {
    ($folder:literal: $($name:expr)*) => {
        [$((
            $name,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/", $folder, "/", $name)),
        )),*]
    };
}
pub(crate) use templates;

/// Templates, ready to be filled.
pub struct Templates(Environment<'static>);

impl Templates {
    /// Compiles them; an error is a mistake in one of them.
    pub fn new(templates: &[Template]) -> Result<Self, Error> {
        let mut environment = Environment::new();
        // A text with a hole in it is worse than none.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        for (name, text) in templates {
            environment.add_template(name, text)?;
        }
        Ok(Self(environment))
    }

    /// Gives all of them a value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.add_global(name, value);
        self
    }

    /// Fills one.
    pub fn fill(&self, name: &str, context: Value) -> Result<String, Error> {
        self.0.get_template(name)?.render(context)
    }
}

/// A file that nobody named would never be a template, and nobody would notice.
#[cfg(test)]
pub(crate) fn assert_all_of(folder: &str, templates: &[Template]) {
    use std::collections::BTreeSet;

    let path = format!("{}/templates/{folder}", env!("CARGO_MANIFEST_DIR"));
    let files: BTreeSet<String> = std::fs::read_dir(path)
        .expect("the folder")
        .map(|file| file.expect("a file").file_name().into_string())
        .collect::<Result<_, _>>()
        .expect("names of text");
    let known: BTreeSet<String> = templates
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(known, files);
}

#[cfg(test)]
mod tests {
    use minijinja::{ErrorKind, context};

    use super::*;

    fn templates() -> Templates {
        let both = [
            ("page.html", "<p>{{ site }}: {{ text }}"),
            ("page.txt", "{{ site }}: {{ text }}"),
        ];
        let templates = Templates::new(&both).expect("templates");
        templates.with("site", "Sun & <Moon>")
    }

    #[test]
    fn values_are_escaped_in_html_and_left_alone_in_text() {
        let fill = |name| {
            templates()
                .fill(name, context! { text => "<b>" })
                .expect("filled")
        };

        assert_eq!(fill("page.html"), "<p>Sun &amp; &lt;Moon&gt;: &lt;b&gt;");
        assert_eq!(fill("page.txt"), "Sun & <Moon>: <b>");
    }

    #[test]
    fn a_hole_is_an_error() {
        let error = templates()
            .fill("page.txt", context! {})
            .expect_err("a hole");

        assert_eq!(error.kind(), ErrorKind::UndefinedError);
    }
}
