//! What is a file of people, and what is wrong with others.

use proptest::prelude::*;

use super::*;
use crate::web::problem::Problem;

fn people(text: &str) -> Vec<(i32, String, String, Role)> {
    let people = parse(text.as_bytes()).expect("people");
    people
        .into_iter()
        .map(|person| {
            let name = person.name.map(|name| name.as_str().to_owned());
            (
                person.row,
                person.email.as_str().to_owned(),
                name.unwrap_or_default(),
                person.role,
            )
        })
        .collect()
}

fn wrong(bytes: &[u8]) -> Vec<(String, String)> {
    let problem: Problem = parse(bytes).expect_err("something wrong").into();
    problem
        .errors()
        .iter()
        .map(|error| (error.pointer.to_string(), error.detail.clone()))
        .collect()
}

fn person(row: i32, email: &str, name: &str, role: Role) -> (i32, String, String, Role) {
    (row, email.to_owned(), name.to_owned(), role)
}

#[test]
fn a_file_has_a_person_a_row() {
    let text = "email,name,role\nada@example.org,Ada Lovelace,admin\nbob@example.org,,\n";
    let expected = [
        person(2, "ada@example.org", "Ada Lovelace", Role::Admin),
        person(3, "bob@example.org", "", Role::User),
    ];
    assert_eq!(people(text), expected);
}

#[test]
fn what_spreadsheets_write_is_understood() {
    let text = "\u{feff} Email ,NAME\r\nada@example.org,\"Lovelace, Ada\"\r\n\r\nbob@example.org,Bob\r\n,\r\n";
    let expected = [
        person(2, "ada@example.org", "Lovelace, Ada", Role::User),
        person(4, "bob@example.org", "Bob", Role::User),
    ];
    assert_eq!(people(text), expected);
}

#[test]
fn the_columns_may_stand_in_any_order_and_all_but_one_may_be_missing() {
    let expected = [person(2, "ada@example.org", "", Role::Operator)];
    assert_eq!(people("role,email\noperator,ada@example.org"), expected);
    let expected = [person(2, "ada@example.org", "", Role::User)];
    assert_eq!(people("email\rada@example.org\r"), expected);
}

#[test]
fn everything_wrong_is_told_at_once_with_its_row() {
    let text = "email,name,role\r\n\
                ada@example.org,Ada,king\r\n\
                nobody,\"A\nB\",user\r\n\
                bob@example.org,Bob\r\n\
                ADA@example.org,,user\r\n\
                carl@example.org,Carl,user\r\n\
                Carl@Example.org,Carl,user\r\n";
    let told = wrong(text.as_bytes());
    let pointers: Vec<&str> = told.iter().map(|(pointer, _)| pointer.as_str()).collect();
    let expected = [
        "/rows/2/role",
        "/rows/3/email",
        "/rows/3/name",
        "/rows/5",
        "/rows/8/email",
    ];
    assert_eq!(pointers, expected);
    assert_eq!(told[3].1, "has 2 cells where the header has 3");
    assert_eq!(told[4].1, "stands in row 7 already");
}

#[test]
fn a_file_without_a_header_or_a_row_is_refused() {
    assert_eq!(wrong(b"")[0].1, "has no header");
    assert_eq!(wrong(b"\n\n")[0].1, "has no header");
    assert_eq!(wrong(b"email\n")[0].1, "has no row");
    assert_eq!(wrong(b"name\nAda\n")[0].1, "names no column email");
    assert_eq!(wrong(b"email,email\n")[0].1, "names the column email twice");
    for header in [
        "email;name",
        "email,password",
        "ada@example.org,Ada",
        "email,",
    ] {
        let told = wrong(format!("\n{header}\na,b\n").as_bytes());
        assert_eq!(told[0].0, "/rows/2", "{header}");
    }
}

#[test]
fn a_file_that_is_not_utf_8_is_refused_with_the_row() {
    let told = wrong(b"email,name\r\nada@example.org,Ada\r\nzoe@example.org,Zo\xeb\r\n");
    assert_eq!(told, [("/rows/3".to_owned(), "is not UTF-8".to_owned())]);
}

#[test]
fn a_file_has_a_thousand_rows_at_most() {
    let rows = |count| {
        let rows = (0..count).map(|number| format!("{number}@example.org\n"));
        format!("email\n{}", rows.collect::<String>())
    };
    assert_eq!(people(&rows(MAX_ROWS)).len(), MAX_ROWS);
    let told = wrong(rows(MAX_ROWS + 1).as_bytes());
    assert_eq!(told[0].1, "has more than 1000 rows");
}

proptest! {
    #[test]
    fn any_bytes_are_people_or_refused(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "(email|name|role|,|\"|\r|\n|a@b.cd|;){0,40}".prop_map(String::into_bytes),
        ],
    ) {
        let lines = bytes.split(|byte| b"\r\n".contains(byte)).count();
        match parse(&bytes) {
            Ok(people) => {
                prop_assert!(!people.is_empty() && people.len() <= MAX_ROWS);
                prop_assert!(people.iter().all(|person| (2..=lines).contains(&usize::try_from(person.row).expect("a row"))));
            }
            Err(fields) => prop_assert!(!fields.is_empty()),
        }
    }
}
