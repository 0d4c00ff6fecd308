//! Journeys to where one pays in pounds.

use chrono::{Days, NaiveDate};

use crate::ledger::demo::deed::{Deed, Purse};
use crate::ledger::demo::life::Life;

/// Where one changes money.
const CHANGER: &str = "Meadow Bank";
/// What is changed back after a journey leaves this much, in pence.
const POCKETED: i64 = 2_500;

/// A journey.
struct Trip {
    first: NaiveDate,
    last: NaiveDate,
    tags: &'static [&'static str],
    /// In cents: what the way costs, and the bed.
    way: i64,
    bed: i64,
    /// In pence: what is changed before.
    changed: i64,
}

/// One in the first year, and one that was not long ago.
fn trips(life: &Life) -> [Trip; 2] {
    let days = |first: NaiveDate, days| (first, first + Days::new(days));
    let (first, last) = days(life.start + Days::new(262), 8);
    let scotland = Trip {
        first,
        last,
        tags: &["Scotland"],
        way: 24_860,
        bed: 71_200,
        changed: 45_000,
    };
    let (first, last) = days(life.today - Days::new(74), 3);
    let london = Trip {
        first,
        last,
        tags: &["London"],
        way: 15_840,
        bed: 39_600,
        changed: 20_000,
    };
    [scotland, london]
}

/// What a day brings because of a journey. Says whether it is spent away from home.
pub fn tell(life: &mut Life, day: NaiveDate) -> bool {
    let mut is_away = false;
    for trip in trips(life) {
        let before = (trip.first - day).num_days();
        let tags = trip.tags;
        if before == 48 {
            life.pay(day, Purse::Card, "Skylark Airways", "Travel", trip.way)
                .tags = tags;
        }
        if before == 31 {
            life.pay(day, Purse::Card, "Harbour View Hotels", "Travel", trip.bed)
                .tags = tags;
        }
        if before == 5 {
            change(life, day, trip.changed, tags);
        }
        if (trip.first..=trip.last).contains(&day) {
            is_away = true;
            away(life, day, tags);
        }
        if (day - trip.last).num_days() == 4 {
            change_back(life, day, tags);
        }
    }
    is_away
}

/// Buys pounds, for a little more than they are worth.
fn change(life: &mut Life, day: NaiveDate, pence: i64, tags: &'static [&'static str]) {
    let cents = life.in_cents(pence) * 1_012 / 1_000;
    let deed = Deed::moved(
        day,
        (Purse::Everyday, cents),
        (Purse::Pounds, pence),
        "Pounds for the journey",
    );
    let deed = life.add(deed);
    deed.payee = Some(CHANGER);
    deed.tags = tags;
}

fn change_back(life: &mut Life, day: NaiveDate, tags: &'static [&'static str]) {
    let pence = (life.held(Purse::Pounds) - POCKETED) / 500 * 500;
    if pence > 0 {
        let cents = life.in_cents(pence) * 988 / 1_000;
        let deed = Deed::moved(
            day,
            (Purse::Pounds, pence),
            (Purse::Everyday, cents),
            "What was left",
        );
        let deed = life.add(deed);
        deed.payee = Some(CHANGER);
        deed.tags = tags;
    }
}

fn away(life: &mut Life, day: NaiveDate, tags: &'static [&'static str]) {
    if life.held(Purse::Pounds) < 12_000 {
        change(life, day, 15_000, tags);
    }
    let lunch = life.dice.between(780, 1_650);
    let dinner = life.dice.between(1_650, 3_400);
    let way = life.dice.between(280, 1_450);
    let seen = life.dice.between(900, 2_200);
    let tavern = life
        .dice
        .one_of(["The Old Anchor", "Kettle & Thyme", "The Crown"]);
    let sight = life
        .dice
        .one_of(["Castle Hill", "National Gallery", "Harbour Cruises"]);
    for (payee, category, pence) in [
        ("Kiosk Lunch", "Restaurants", lunch),
        (tavern, "Restaurants", dinner),
        ("Island Rail", "Travel", way),
    ] {
        life.pay(day, Purse::Pounds, payee, category, pence).tags = tags;
    }
    if life.dice.chance(60) {
        life.pay(day, Purse::Pounds, sight, "Culture", seen).tags = tags;
    }
}
