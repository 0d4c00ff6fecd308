//! What every day brings: bread, coffee, groceries, an evening out.

use chrono::{Datelike, NaiveDate, Weekday};

use crate::ledger::demo::deed::{Deed, Purse};
use crate::ledger::demo::life::Life;

const GROCER: &str = "Green Basket";

/// What a day at home brings.
pub fn tell(life: &mut Life, day: NaiveDate) {
    match day.weekday() {
        Weekday::Sat => saturday(life, day),
        Weekday::Sun => sunday(life, day),
        _ => working_day(life, day),
    }
    if matches!(day.weekday(), Weekday::Fri | Weekday::Sat) && life.dice.chance(48) {
        eat_out(life, day);
    }
    now_and_then(life, day);
}

fn working_day(life: &mut Life, day: NaiveDate) {
    if life.dice.chance(68) {
        let (shop, amount) = (
            life.dice.one_of(["Café Luna", "Café Luna", "Daily Bread"]),
            life.dice.between(22, 47) * 10,
        );
        life.pay_small(day, shop, "Coffee", amount);
    }
    if life.dice.chance(58) {
        let (place, amount) = (
            life.dice
                .one_of(["Canteen", "Canteen", "Soup & Co", "Noodle House"]),
            life.dice.between(59, 98) * 10,
        );
        life.pay_small(day, place, "Restaurants", amount);
    }
    if day.weekday() != Weekday::Fri && life.dice.chance(45) {
        let (shop, amount) = (
            life.dice.one_of([GROCER, "Corner Market"]),
            life.dice.between(890, 2_990),
        );
        life.pay_small(day, shop, "Groceries", amount);
    }
}

fn saturday(life: &mut Life, day: NaiveDate) {
    if (8..=14).contains(&day.day()) {
        return big_shopping(life, day);
    }
    if life.dice.chance(88) {
        let amount = life.dice.between(3_650, 7_800);
        life.pay(day, Purse::Everyday, GROCER, "Groceries", amount);
    }
    if life.dice.chance(45) && life.held(Purse::Cash) > 4_000 {
        let amount = life.dice.between(18, 48) * 50;
        life.pay(day, Purse::Cash, "Farmers' market", "Groceries", amount);
    }
}

/// Once a month everything is bought in one place.
fn big_shopping(life: &mut Life, day: NaiveDate) {
    let (food, soap) = (
        life.dice.between(5_400, 9_300),
        life.dice.between(790, 2_350),
    );
    let mut lines = vec![("Groceries", -food), ("Pharmacy", -soap)];
    if life.dice.chance(40) {
        lines.push(("Furnishing", -life.dice.between(499, 2_499)));
    }
    let whole = lines.iter().map(|(_, amount)| amount).sum();
    life.add(Deed {
        note: "Everything for the month",
        moves: vec![(Purse::Everyday, whole)],
        lines,
        ..Deed::plain(day, Purse::Everyday, GROCER, "Groceries", whole)
    });
}

fn sunday(life: &mut Life, day: NaiveDate) {
    if life.dice.chance(60) {
        let amount = life.dice.between(38, 92) * 10;
        life.pay_small(day, "Daily Bread", "Groceries", amount);
    }
    if life.dice.chance(28) {
        let place = life
            .dice
            .one_of(["Rex Cinema", "City Museum", "Old Town Theatre"]);
        let amount = life.dice.between(20, 64) * 50;
        life.pay_small(day, place, "Culture", amount);
    }
}

fn eat_out(life: &mut Life, day: NaiveDate) {
    let place = life.dice.one_of([
        "Trattoria Sole",
        "The Blue Door",
        "Saffron",
        "Little Hanoi",
        "Ocean Grill",
    ]);
    let amount = life.dice.between(1_950, 5_200) / 10 * 10;
    let purse = life
        .dice
        .one_of([Purse::Card, Purse::Card, Purse::Everyday]);
    life.pay(day, purse, place, "Restaurants", amount);
}

/// Of a hundred days, what, where, with what, from and to how much.
type Chance = (i64, &'static str, &'static str, Purse, (i64, i64));

const CHANCES: [Chance; 7] = [
    (
        8,
        "Pharmacy",
        "Willow Drugstore",
        Purse::Everyday,
        (490, 2_490),
    ),
    (4, "Taxi", "City Cabs", Purse::Card, (1_150, 2_600)),
    (
        4,
        "Hobbies",
        "Paper & Ink Books",
        Purse::Card,
        (1_200, 3_900),
    ),
    (
        3,
        "Clothes",
        "Linden & Daughters",
        Purse::Card,
        (2_490, 8_990),
    ),
    (2, "Furnishing", "Oak & Pine", Purse::Card, (1_490, 6_990)),
    (
        2,
        "Gifts and donations",
        "The Gift Shop",
        Purse::Everyday,
        (1_500, 3_900),
    ),
    (1, "Electronics", "Volt", Purse::Card, (1_990, 7_990)),
];

fn now_and_then(life: &mut Life, day: NaiveDate) {
    for (of_hundred, category, payee, purse, (least, most)) in CHANCES {
        if life.dice.chance(of_hundred) {
            let amount = life.dice.between(least, most);
            life.pay(day, purse, payee, category, amount);
        }
    }
}
