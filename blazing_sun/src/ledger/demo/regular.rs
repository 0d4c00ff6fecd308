//! What comes again on its day: salary, rent, contracts, the card's statement, what is put aside.

use chrono::{Datelike, NaiveDate};

use crate::ledger::demo::deed::{Deed, Purse};
use crate::ledger::demo::life::{Life, ends_month};

/// Whom the salary comes from.
const EMPLOYER: &str = "Hill & Partners";
/// The house's bank, where it says something itself.
const BANK: &str = "Meadow Bank";
/// The least that stays on the account for every day when something is put aside.
const KEPT: i64 = 320_000;
/// From here on something is put aside.
const PLENTY: i64 = 420_000;
/// Below this something is taken back.
const SCARCE: i64 = 50_000;

/// What is paid or comes in on one day of each month.
pub struct Standing {
    /// The day.
    pub day: u32,
    /// Where it moves.
    pub purse: Purse,
    /// Whom it goes to or comes from.
    pub payee: &'static str,
    /// What for.
    pub category: &'static str,
    /// How much in the first year.
    pub amount: i64,
    /// How much later.
    pub later: i64,
}

/// Everything of the kind.
pub const STANDING: [Standing; 9] = [
    standing(
        1,
        Purse::Everyday,
        "Birch Street Homes",
        "Rent",
        -98_000,
        -101_500,
    ),
    standing(
        3,
        Purse::Everyday,
        "Riverside Energy",
        "Energy",
        -8_400,
        -9_150,
    ),
    standing(8, Purse::Everyday, "Brightline", "Internet", -3_499, -3_499),
    standing(
        10,
        Purse::Card,
        "Wavelength Music",
        "Subscriptions",
        -1_099,
        -1_199,
    ),
    standing(
        12,
        Purse::Everyday,
        "Sparrow Mobile",
        "Mobile",
        -1_999,
        -1_499,
    ),
    standing(
        14,
        Purse::Card,
        "Lantern Films",
        "Subscriptions",
        -1_299,
        -1_299,
    ),
    standing(
        15,
        Purse::Everyday,
        "Tandem Fitness",
        "Sport",
        -2_990,
        -2_990,
    ),
    standing(
        25,
        Purse::Card,
        "City Transit",
        "Public transport",
        -4_900,
        -5_800,
    ),
    standing(27, Purse::Everyday, EMPLOYER, "Salary", 294_000, 307_500),
];

/// What is put aside on the second of each month.
pub const PUT_ASIDE: i64 = 25_000;

const fn standing(
    day: u32,
    purse: Purse,
    payee: &'static str,
    category: &'static str,
    amount: i64,
    later: i64,
) -> Standing {
    Standing {
        day,
        purse,
        payee,
        category,
        amount,
        later,
    }
}

/// What comes again on a day.
pub fn tell(life: &mut Life, day: NaiveDate) {
    if day.day() == 1 {
        life.begin_month(day);
    }
    let later = life.is_later(day);
    for it in STANDING.iter().filter(|it| it.day == day.day()) {
        let amount = if later { it.later } else { it.amount };
        life.add(Deed::plain(day, it.purse, it.payee, it.category, amount));
    }
    match (day.month(), day.day()) {
        (_, 2) => {
            put_aside(life, day, PUT_ASIDE, "Standing order");
        }
        (_, 5) => pay_card(life, day),
        (_, 20) if day.month() % 3 == 1 => {
            life.pay(
                day,
                Purse::Everyday,
                "Harbour Insurance",
                "Insurance",
                6_870,
            );
        }
        (11, 27) => {
            let bonus = Deed::plain(day, Purse::Everyday, EMPLOYER, "Salary", 85_000);
            life.add(bonus).note = "Holiday bonus";
        }
        (_, 28) if life.held(Purse::Everyday) > PLENTY => {
            let surplus = (life.held(Purse::Everyday) - KEPT) / 10_000 * 10_000;
            put_aside(life, day, surplus, "What was left of the month");
        }
        _ => {}
    }
    if ends_month(day) && day.month().is_multiple_of(3) {
        let interest = life.held(Purse::Savings) * 175 / 40_000;
        life.add(Deed::plain(
            day,
            Purse::Savings,
            BANK,
            "Interest and dividends",
            interest,
        ));
        life.pay(day, Purse::Everyday, BANK, "Bank fees", 1_170);
    }
}

fn put_aside(life: &mut Life, day: NaiveDate, amount: i64, note: &'static str) {
    let (from, to) = ((Purse::Everyday, amount), (Purse::Savings, amount));
    life.add(Deed::moved(day, from, to, note));
}

/// What was owed when the month began.
fn pay_card(life: &mut Life, day: NaiveDate) {
    let owed = -life.statement;
    if owed > 0 {
        let (from, to) = ((Purse::Everyday, owed), (Purse::Card, owed));
        life.add(Deed::moved(day, from, to, "Card statement"));
    }
}

/// Nobody goes to bed with an empty pocket, or with nothing in the bank.
pub fn keep_afloat(life: &mut Life, day: NaiveDate) {
    draw(life, day);
    let missing = SCARCE - life.held(Purse::Everyday);
    if missing > 0 {
        let amount = missing / 10_000 * 10_000 + 30_000;
        let (from, to) = ((Purse::Savings, amount), (Purse::Everyday, amount));
        life.add(Deed::moved(day, from, to, "Until the salary comes"));
    }
}

fn draw(life: &mut Life, day: NaiveDate) {
    if life.held(Purse::Cash) >= 3_500 {
        return;
    }
    let drawn = life.dice.one_of([5_000, 8_000, 10_000]);
    let (from, to) = ((Purse::Everyday, drawn), (Purse::Cash, drawn));
    let mut deed = Deed::moved(day, from, to, "Cash machine");
    // Another bank's machine takes something for it.
    if life.dice.chance(15) {
        deed.payee = Some(BANK);
        deed.moves = vec![(Purse::Everyday, -drawn - 450), to];
        deed.lines = vec![("Bank fees", -450)];
        deed.note = "Cash machine of another bank";
    }
    life.add(deed);
}
