//! Reads a file of people: UTF-8 with a header that names the columns, and everything that is wrong with it at once.
//!
//! Rows are counted as an editor shows them: the header stands in the first line that is not empty.

use std::collections::HashMap;

use csv::{ReaderBuilder, StringRecord};

use crate::accounts::invitations::invitation::NewInvitation;
use crate::kernel::email::Email;
use crate::kernel::name::PersonName;
use crate::web::access::Role;
use crate::web::problem::Fields;

/// The most people in one file.
pub const MAX_ROWS: usize = 1000;
const COLUMNS: [&str; 3] = ["email", "name", "role"];

/// Everybody in a file, or what is wrong with it.
pub fn parse(bytes: &[u8]) -> Result<Vec<NewInvitation>, Fields> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let row = Lines::new(bytes).at(error.valid_up_to());
        Fields::of(format!("/rows/{row}"), "is not UTF-8")
    })?;
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut lines = Lines::new(bytes);
    let mut records = reader.records().map(|record| {
        let record = record.map_err(|_| Fields::of("/rows", "is not CSV"))?;
        let start = record.position().map_or(0, csv::Position::byte);
        Ok((lines.of_text_from(start), record))
    });
    let header = records
        .next()
        .transpose()?
        .ok_or_else(|| Fields::of("/rows", "has no header"))?;
    let columns = Columns::parse(header)?;
    let mut people = People::default();
    for record in records {
        let (row, record) = record?;
        // Spreadsheets write rows of separators below the last one.
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if people.found.len() + people.refused == MAX_ROWS {
            return Err(Fields::of(
                "/rows",
                format!("has more than {MAX_ROWS} rows"),
            ));
        }
        people.take(row, &record, &columns);
    }
    people.finish()
}

/// Where the cells of a row stand.
struct Columns {
    places: [Option<usize>; 3],
    count: usize,
}

impl Columns {
    fn parse((row, header): (i32, StringRecord)) -> Result<Self, Fields> {
        let mut wrong = Fields::default();
        let mut places = [None; 3];
        for (place, name) in header.iter().enumerate() {
            let pointer = format!("/rows/{row}");
            let name = name.trim().to_lowercase();
            match COLUMNS.iter().position(|column| *column == name) {
                None => wrong.refuse(
                    pointer,
                    "names a column that is not email, name or role; they are separated by commas",
                ),
                Some(column) if places[column].is_some() => {
                    wrong.refuse(pointer, format!("names the column {name} twice"));
                }
                Some(column) => places[column] = Some(place),
            }
        }
        if wrong.is_empty() && places[0].is_none() {
            wrong.refuse(format!("/rows/{row}"), "names no column email");
        }
        if wrong.is_empty() {
            let count = header.len();
            Ok(Self { places, count })
        } else {
            Err(wrong)
        }
    }

    /// The cells of a row, empty where there is no such column.
    fn cells<'a>(&self, record: &'a StringRecord) -> [&'a str; 3] {
        self.places
            .map(|place| place.and_then(|place| record.get(place)).unwrap_or(""))
    }
}

/// Those who were found so far.
#[derive(Default)]
struct People {
    found: Vec<NewInvitation>,
    refused: usize,
    wrong: Fields,
    rows: HashMap<String, i32>,
}

impl People {
    fn take(&mut self, row: i32, record: &StringRecord, columns: &Columns) {
        if record.len() != columns.count {
            let (cells, expected) = (record.len(), columns.count);
            self.refused += 1;
            return self.wrong.refuse(
                format!("/rows/{row}"),
                format!("has {cells} cells where the header has {expected}"),
            );
        }
        let at = |column: &str| format!("/rows/{row}/{column}");
        let person = person(row, columns.cells(record), &mut self.wrong, at);
        let Some(person) = person else {
            self.refused += 1;
            return;
        };
        match self.rows.insert(person.email.key(), row) {
            None => self.found.push(person),
            Some(first) => {
                self.refused += 1;
                self.rows.insert(person.email.key(), first);
                self.wrong
                    .refuse(at("email"), format!("stands in row {first} already"));
            }
        }
    }

    fn finish(self) -> Result<Vec<NewInvitation>, Fields> {
        if !self.wrong.is_empty() {
            return Err(self.wrong);
        }
        if self.found.is_empty() {
            return Err(Fields::of("/rows", "has no row"));
        }
        Ok(self.found)
    }
}

/// Somebody by the three cells, or notes of what is wrong with them. Without a name there is none, without a role it is the
/// least one.
pub fn person(
    row: i32,
    [email, name, role]: [&str; 3],
    wrong: &mut Fields,
    at: impl Fn(&str) -> String,
) -> Option<NewInvitation> {
    let name = Some(name.trim()).filter(|name| !name.is_empty());
    let role = Some(role.trim()).filter(|role| !role.is_empty());
    let email = wrong.take(at("email"), email.parse::<Email>());
    let name = wrong.take(at("name"), name.map(str::parse::<PersonName>).transpose());
    let role = wrong.take(at("role"), role.map(str::parse::<Role>).transpose());
    Some(NewInvitation {
        row,
        email: email?,
        name: name?,
        role: role?.unwrap_or(Role::User),
    })
}

/// Counts lines, whatever ends them.
struct Lines<'a> {
    bytes: &'a [u8],
    place: usize,
    line: i32,
}

impl<'a> Lines<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            place: 0,
            line: 1,
        }
    }

    /// The line of a byte that is not before the last one that was asked for.
    fn at(&mut self, place: usize) -> i32 {
        while self.place < place {
            match self.bytes[self.place..] {
                [b'\r', b'\n', ..] => {
                    self.place += 2;
                    self.line += 1;
                }
                [b'\r' | b'\n', ..] => {
                    self.place += 1;
                    self.line += 1;
                }
                _ => self.place += 1,
            }
        }
        self.line
    }

    /// The line of the first text from a byte on.
    fn of_text_from(&mut self, place: u64) -> i32 {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let rest = self.bytes.get(place..).unwrap_or_default();
        let ends = rest.iter().take_while(|byte| b"\r\n".contains(byte));
        let place = (place + ends.count()).min(self.bytes.len());
        self.at(place)
    }
}

#[cfg(test)]
mod tests;
