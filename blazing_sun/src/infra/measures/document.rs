//! The table of all metrics, in the document that explains them.

use crate::infra::measures::Declaration;

/// Between these lines of a document the table stands.
const BEGIN: &str =
    "<!-- metrics: made by `cargo run -- metrics docs ../docs/operations.md` in blazing_sun/ -->";
const END: &str = "<!-- metrics: end -->";

/// A document that has no place for the table.
#[derive(Debug, thiserror::Error)]
#[error("the document needs the lines {BEGIN:?} and {END:?}, once each and in this order")]
pub struct Misplaced;

/// The document with this table in its place.
pub fn in_document(document: &str, declarations: &[Declaration]) -> Result<String, Misplaced> {
    let (before, rest) = once(document, BEGIN)?;
    let (_, after) = once(rest, END)?;
    let rows: String = declarations.iter().map(row).collect();
    Ok(format!(
        "{before}{BEGIN}\n\n| metric | kind | labels | what it says |\n|---|---|---|---|\n{rows}\n{END}{after}"
    ))
}

fn once<'a>(text: &'a str, line: &str) -> Result<(&'a str, &'a str), Misplaced> {
    let (before, after) = text.split_once(line).ok_or(Misplaced)?;
    if after.contains(line) {
        return Err(Misplaced);
    }
    Ok((before, after))
}

fn row(declaration: &Declaration) -> String {
    let labels: Vec<String> = declaration
        .labels
        .iter()
        .map(|label| format!("`{label}`"))
        .collect();
    let cells = [
        format!("`{}`", declaration.name),
        declaration.kind.to_owned(),
        labels.join(", "),
        // A bar would end the cell.
        declaration.help.replace('|', "\\|"),
    ];
    format!("| {} |\n", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declaration() -> Declaration {
        Declaration {
            name: "sent_total".to_owned(),
            kind: "counter",
            labels: vec!["kind".to_owned(), "outcome".to_owned()],
            help: "What was sent | refused.".to_owned(),
        }
    }

    #[test]
    fn the_table_takes_the_place_of_what_stood_there() {
        let document = format!("# A\n\n{BEGIN}\nold\n{END}\n\n# B\n");

        let made = in_document(&document, &[declaration()]).expect("a place");

        let row = "| `sent_total` | counter | `kind`, `outcome` | What was sent \\| refused. |\n";
        assert!(made.contains(row), "{made}");
        assert!(made.starts_with("# A\n") && made.ends_with("\n\n# B\n"));
        assert!(!made.contains("old"));
        let again = in_document(&made, &[declaration()]).expect("a place");
        assert_eq!(again, made);
    }

    #[test]
    fn a_document_without_one_place_for_it_is_refused() {
        for document in [
            "# A\n".to_owned(),
            format!("{BEGIN}\n"),
            format!("{END}\n{BEGIN}\n"),
            format!("{BEGIN}\n{END}\n{BEGIN}\n{END}\n"),
        ] {
            assert!(in_document(&document, &[]).is_err(), "{document}");
        }
    }
}
