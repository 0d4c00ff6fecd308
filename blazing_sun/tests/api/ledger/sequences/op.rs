//! What people do with their books, in any order, and wrongly too.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// The largest amount of one movement.
pub const MOST: i64 = 999_999_999_999_999;
/// The names of payees.
pub const PAYEES: [&str; 3] = ["Kiosk", "Shop", "Stall"];
/// The names of tags.
pub const TAGS: [&str; 3] = ["a", "b", "c"];

/// One of those that there are by then, of one's own or of the other one's.
#[derive(Clone, Debug)]
pub struct At {
    pub place: Index,
    pub foreign: bool,
}

/// What moves in a wallet.
#[derive(Clone, Debug)]
pub struct Moves {
    pub wallet: At,
    pub amount: i64,
    pub status: &'static str,
}

/// A transaction that somebody would write down.
#[derive(Clone, Debug)]
pub struct Draft {
    /// So many days before the first one; none: in another century.
    pub days_ago: Option<u64>,
    pub entries: Vec<Moves>,
    pub lines: Vec<(Option<At>, i64)>,
    pub payee: Option<usize>,
    /// A bit for each.
    pub tags: u8,
}

/// What is said of the version that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    Any,
    Right,
    Wrong,
    Missing,
}

/// What is said of many.
#[derive(Clone, Debug)]
pub struct Edit {
    pub category: Option<Option<At>>,
    pub payee: Option<Option<usize>>,
    pub add_tags: u8,
    pub status: Option<&'static str>,
}

/// One thing that somebody does.
#[derive(Clone, Debug)]
pub enum Op {
    /// Twice with one key, or once.
    Create(Draft, bool),
    Change(Index, Draft, Match, bool),
    Delete(Index, Match, bool),
    Restore(Index),
    EditMany(Vec<Index>, Edit, bool),
    DeleteMany(Vec<Index>, bool),
    Adjust(At, u64, i64),
    Open(&'static str, i64),
    Archive(Index, bool),
    Merge(Index, At),
    Separate(Index),
    Repeat(Draft),
    Tomorrow,
}

/// Somebody and what they do.
pub type Step = (usize, Op);

/// What is nearly always so.
fn rarely() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.03)
}

fn at() -> impl Strategy<Value = At> {
    (any::<Index>(), rarely()).prop_map(|(place, foreign)| At { place, foreign })
}

fn amount() -> impl Strategy<Value = i64> {
    let odd = [
        0,
        1,
        MOST,
        -MOST,
        MOST + 1,
        i64::MAX,
        i64::MIN,
        8_000_000_000_000,
    ];
    prop_oneof![20 => -10_000..10_000_i64, 1 => select(odd.to_vec())]
}

fn status() -> impl Strategy<Value = &'static str> {
    prop_oneof![6 => Just("cleared"), 2 => Just("pending"), 1 => Just("reconciled")]
}

/// What moves, and what it is for.
type Movement = (Vec<(At, i64)>, Vec<(Option<At>, i64)>);

fn movement() -> impl Strategy<Value = Movement> {
    let category = || weighted(0.7, at());
    let simple = (at(), amount(), category())
        .prop_map(|(wallet, amount, category)| (vec![(wallet, amount)], vec![(category, amount)]));
    let split = (at(), vec((category(), amount()), 2..5)).prop_map(|(wallet, lines)| {
        let sum = lines
            .iter()
            .fold(0_i64, |sum, (_, part)| sum.saturating_add(*part));
        (vec![(wallet, sum)], lines)
    });
    let shared =
        (at(), at(), amount(), amount(), category()).prop_map(|(one, other, a, b, category)| {
            (
                vec![(one, a), (other, b)],
                vec![(category, a.saturating_add(b))],
            )
        });
    let transfer = (at(), at(), amount()).prop_map(|(from, to, amount)| {
        (
            vec![(from, amount.saturating_neg()), (to, amount)],
            Vec::new(),
        )
    });
    let fee = (at(), at(), amount(), 1..100_i64, category()).prop_map(
        |(from, to, amount, fee, category)| {
            let out = amount.saturating_add(fee).saturating_neg();
            (vec![(from, out), (to, amount)], vec![(category, -fee)])
        },
    );
    let exchange = (at(), at(), amount(), amount())
        .prop_map(|(from, to, a, b)| (vec![(from, a), (to, b)], Vec::new()));
    let crooked = (at(), amount(), category(), amount())
        .prop_map(|(wallet, a, category, b)| (vec![(wallet, a)], vec![(category, b)]));
    prop_oneof![
        6 => simple,
        3 => split,
        3 => shared,
        4 => transfer,
        2 => fee,
        3 => exchange,
        1 => crooked,
    ]
}

fn draft() -> impl Strategy<Value = Draft> {
    let days_ago = prop_oneof![40 => (0..20_u64).prop_map(Some), 1 => Just(None)];
    let payee = weighted(0.5, 0..PAYEES.len());
    (days_ago, movement(), vec(status(), 2), payee, 0..8_u8).prop_map(
        |(days_ago, (moves, lines), statuses, payee, tags)| Draft {
            days_ago,
            entries: moves
                .into_iter()
                .zip(statuses)
                .map(|((wallet, amount), status)| Moves {
                    wallet,
                    amount,
                    status,
                })
                .collect(),
            lines,
            payee,
            tags,
        },
    )
}

fn version() -> impl Strategy<Value = Match> {
    prop_oneof![
        4 => Just(Match::Any),
        8 => Just(Match::Right),
        1 => Just(Match::Wrong),
        1 => Just(Match::Missing),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    let category = weighted(0.3, weighted(0.8, at()));
    let payee = weighted(0.3, weighted(0.8, 0..PAYEES.len()));
    (category, payee, 0..4_u8, weighted(0.5, status())).prop_map(
        |(category, payee, add_tags, status)| Edit {
            category,
            payee,
            add_tags,
            status,
        },
    )
}

fn op() -> impl Strategy<Value = Op> {
    let one = any::<Index>;
    let currency = select(vec!["EUR", "USD", "JPY", "BHD"]);
    prop_oneof![
        12 => (draft(), prop::bool::weighted(0.2)).prop_map(|(draft, twice)| Op::Create(draft, twice)),
        8 => (one(), draft(), version(), any::<bool>()).prop_map(|(it, draft, version, sure)| Op::Change(it, draft, version, sure)),
        4 => (one(), version(), any::<bool>()).prop_map(|(it, version, sure)| Op::Delete(it, version, sure)),
        3 => one().prop_map(Op::Restore),
        4 => (vec(one(), 1..5), edit(), any::<bool>()).prop_map(|(them, edit, sure)| Op::EditMany(them, edit, sure)),
        2 => (vec(one(), 1..4), any::<bool>()).prop_map(|(them, sure)| Op::DeleteMany(them, sure)),
        3 => (at(), 0..20_u64, amount()).prop_map(|(wallet, days, said)| Op::Adjust(wallet, days, said)),
        1 => (currency, amount()).prop_map(|(currency, balance)| Op::Open(currency, balance)),
        2 => (one(), any::<bool>()).prop_map(|(wallet, archived)| Op::Archive(wallet, archived)),
        2 => (one(), at()).prop_map(|(category, into)| Op::Merge(category, into)),
        1 => one().prop_map(Op::Separate),
        1 => draft().prop_map(Op::Repeat),
        1 => Just(Op::Tomorrow),
    ]
}

/// What two people do, one thing after another.
pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = prop_oneof![3 => Just(0_usize), 1 => Just(1)];
    vec((who, op()), 25..45)
}
