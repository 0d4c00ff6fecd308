//! What happens once, or once a year: a bicycle, a dentist, presents, money that comes back.

use chrono::{Datelike, NaiveDate};

use crate::ledger::demo::deed::{Deed, Purse};
use crate::ledger::demo::life::Life;

/// What a day brings once.
pub fn tell(life: &mut Life, day: NaiveDate) {
    of_the_year(life, day);
    of_this_life(life, day);
    of_late(life, day);
}

/// What has its day in the calendar.
fn of_the_year(life: &mut Life, day: NaiveDate) {
    match (day.month(), day.day()) {
        (12, 6 | 13 | 19) => {
            let amount = life.dice.between(24, 69) * 100;
            life.pay(
                day,
                Purse::Card,
                "The Gift Shop",
                "Gifts and donations",
                amount,
            )
            .tags = &["Christmas"];
        }
        (12, 24) => receive(life, day, "Mum and Dad", 12_000),
        (6, 21) => receive(life, day, "Aunt Vera", 5_000),
        (2, 11) | (5, 3) | (9, 17) => {
            let amount = life.dice.between(25, 55) * 100;
            life.pay(
                day,
                Purse::Everyday,
                "Paper & Ink Books",
                "Gifts and donations",
                amount,
            )
            .tags = &["Birthdays"];
        }
        (11, 15) => {
            life.pay(
                day,
                Purse::Everyday,
                "City Food Bank",
                "Gifts and donations",
                6_000,
            );
        }
        (6, 4) => {
            // What comes back counts against what was paid.
            let deed = Deed::plain(
                day,
                Purse::Everyday,
                "Tax office",
                "Taxes",
                life.dice.between(31_000, 52_000),
            );
            life.add(deed).note = "Refund of last year";
        }
        (3, 15) => {
            life.pay(
                day,
                Purse::Everyday,
                "Harbour Insurance",
                "Insurance",
                11_900,
            )
            .note = "Household, for a year";
        }
        _ => {}
    }
}

fn receive(life: &mut Life, day: NaiveDate, from: &'static str, amount: i64) {
    life.add(Deed::plain(
        day,
        Purse::Cash,
        from,
        "Gifts received",
        amount,
    ));
}

/// What happens on a day of the story.
fn of_this_life(life: &mut Life, day: NaiveDate) {
    match life.age(day) {
        40 => {
            life.pay(day, Purse::Everyday, "Dr Okafor, dentist", "Doctor", 18_000)
                .note = "A filling";
        }
        75 => {
            life.add(Deed {
                note: "The shelf for the hall, and lunch there",
                lines: vec![("Furnishing", -18_900), ("Restaurants", -1_250)],
                ..Deed::plain(day, Purse::Card, "Oak & Pine", "Furnishing", -20_150)
            });
        }
        120 => {
            life.pay(day, Purse::Card, "Linden & Daughters", "Clothes", 11_990)
                .note = "Winter shoes";
        }
        131 => {
            let deed = Deed::plain(day, Purse::Card, "Linden & Daughters", "Clothes", 11_990);
            life.add(deed).note = "Winter shoes, sent back";
        }
        200 => {
            let (from, to) = ((Purse::Savings, 100_000), (Purse::Everyday, 100_000));
            life.add(Deed::moved(day, from, to, "For the laptop"));
            life.pay(day, Purse::Everyday, "Volt", "Electronics", 114_900)
                .tags = &["Work"];
        }
        203 => {
            life.add(Deed {
                tags: &["Work"],
                note: "Half of the laptop",
                ..Deed::plain(
                    day,
                    Purse::Everyday,
                    "Hill & Partners",
                    "Electronics",
                    57_450,
                )
            });
        }
        330 => {
            life.pay(day, Purse::Everyday, "Two Wheels", "Hobbies", 64_900)
                .note = "A bicycle";
        }
        398 => {
            life.pay(day, Purse::Everyday, "Dr Lindqvist", "Doctor", 6_400);
        }
        520 => {
            life.pay(day, Purse::Card, "Old Town Theatre", "Culture", 12_800)
                .note = "Two tickets";
        }
        524 => {
            let deed = Deed::plain(day, Purse::Cash, "Sam", "Culture", 6_400);
            life.add(deed).note = "The other ticket";
        }
        600 => {
            life.pay(day, Purse::Everyday, "Kaya Repairs", "Repairs", 23_900)
                .note = "Washing machine";
        }
        _ => {}
    }
}

/// What happened in the last weeks, so that there is something to see of everything.
fn of_late(life: &mut Life, day: NaiveDate) {
    match (life.today - day).num_days() {
        44 => {
            life.pay(day, Purse::Card, "Linden & Daughters", "Clothes", 8_990)
                .note = "A coat";
        }
        36 => {
            let deed = Deed::plain(day, Purse::Card, "Linden & Daughters", "Clothes", 8_990);
            life.add(deed).note = "The coat, sent back";
        }
        // What coins there are, and the rest with the card.
        16 => {
            life.add(Deed {
                tags: &["Birthdays"],
                note: "Dinner for four",
                moves: vec![(Purse::Cash, -2_000), (Purse::Card, -8_450)],
                ..Deed::plain(day, Purse::Card, "Trattoria Sole", "Restaurants", -10_450)
            });
        }
        // The shop and the card have not settled these yet.
        1 => {
            life.pay(day, Purse::Card, "Paper & Ink Books", "Hobbies", 2_790)
                .note = "Ordered online";
        }
        0 => {
            life.pay(day, Purse::Card, "City Cabs", "Taxi", 1_460);
        }
        _ => {}
    }
}
