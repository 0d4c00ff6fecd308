//! The budgets of a month as they count: what moves on to it from the months before, and what is left.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::ledger::books::Month;

/// How many months what is left may come from: what is older does not move on.
pub const MAX_CHAIN: i32 = 120;

/// A budget as it counts: of a category that was merged, for the one that it was merged into.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The category that it counts for.
    pub category_id: Uuid,
    /// Whether money goes out there.
    pub is_expense: bool,
    /// The month.
    pub month: Month,
    /// What it is meant to come to.
    pub amount: i64,
    /// Whether what was left the month before moves on to it.
    pub rollover: bool,
}

/// A category in a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The category.
    pub category_id: Uuid,
    /// Whether money goes out there.
    pub is_expense: bool,
    /// What it was meant to come to.
    pub budget: i128,
    /// What moved on from the month before; negative: overspent.
    pub rolled: i128,
    /// What it came to.
    pub actual: i128,
    /// What is left; negative: overspent.
    pub left: i128,
    /// Whether anything moves on.
    pub rollover: bool,
}

/// The budgets of a month, and of the months that move on to it.
pub struct Plans {
    month: Month,
    plans: BTreeMap<(Uuid, Month), Sum>,
}

#[derive(Clone, Copy, Debug)]
struct Sum {
    amount: i128,
    rollover: bool,
    is_expense: bool,
}

impl Plans {
    /// Puts together what counts for the same category.
    #[must_use]
    pub fn new(month: Month, all: &[Plan]) -> Self {
        let mut plans: BTreeMap<(Uuid, Month), Sum> = BTreeMap::new();
        for plan in all {
            let sum = plans.entry((plan.category_id, plan.month)).or_insert(Sum {
                amount: 0,
                rollover: false,
                is_expense: plan.is_expense,
            });
            sum.amount += i128::from(plan.amount);
            sum.rollover |= plan.rollover;
        }
        Self { month, plans }
    }

    /// The categories that have a budget in the month.
    #[must_use]
    pub fn categories(&self) -> Vec<Uuid> {
        let own = self.plans.keys().filter(|(_, month)| *month == self.month);
        own.map(|(category, _)| *category).collect()
    }

    /// The first month of which it has to be known what was spent.
    #[must_use]
    pub fn first(&self) -> Month {
        let chains = self.categories().into_iter().map(|id| self.chain(id));
        let longest = chains.max().unwrap_or_default();
        self.month.plus(-longest)
    }

    /// How many months back what is left in a category comes from.
    fn chain(&self, category: Uuid) -> i32 {
        let rolls = |back: i32| {
            let plan = self.plans.get(&(category, self.month.plus(-back)));
            let before = (category, self.month.plus(-back - 1));
            plan.is_some_and(|plan| plan.rollover) && self.plans.contains_key(&before)
        };
        let mut back = 0;
        while back < MAX_CHAIN - 1 && rolls(back) {
            back += 1;
        }
        back
    }

    /// What became of each budget of the month, given what moved in categories in months: negative, where money went out.
    #[must_use]
    pub fn lines(&self, moved: &BTreeMap<(Uuid, Month), i128>) -> Vec<Line> {
        let line = |category| self.line(category, moved);
        self.categories().into_iter().filter_map(line).collect()
    }

    fn line(&self, category: Uuid, moved: &BTreeMap<(Uuid, Month), i128>) -> Option<Line> {
        let mut rolled = 0;
        let mut line = None;
        for back in (0..=self.chain(category)).rev() {
            let key = (category, self.month.plus(-back));
            let plan = self.plans.get(&key)?;
            let moved = moved.get(&key).copied().unwrap_or_default();
            let actual = if plan.is_expense { -moved } else { moved };
            let left = plan.amount + rolled - actual;
            line = Some(Line {
                category_id: category,
                is_expense: plan.is_expense,
                budget: plan.amount,
                rolled,
                actual,
                left,
                rollover: plan.rollover,
            });
            rolled = left;
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FOOD: Uuid = Uuid::from_u128(1);

    fn month(text: &str) -> Month {
        text.parse().expect("a month")
    }

    fn plan(in_month: &str, amount: i64, rollover: bool) -> Plan {
        Plan {
            category_id: FOOD,
            is_expense: true,
            month: month(in_month),
            amount,
            rollover,
        }
    }

    fn left(of: &str, plans: &[Plan], spent: &[(&str, i128)]) -> (i128, i128) {
        let plans = Plans::new(month(of), plans);
        let moved = spent
            .iter()
            .map(|(of, amount)| ((FOOD, month(of)), -amount));
        let lines = plans.lines(&moved.collect());
        (lines[0].rolled, lines[0].left)
    }

    #[test]
    fn what_is_left_moves_on_if_that_was_chosen() {
        let plans = [
            plan("2026-09", 100, true),
            plan("2026-10", 100, true),
            plan("2026-11", 100, true),
        ];
        let spent = [("2026-09", 70), ("2026-10", 150), ("2026-11", 10)];
        assert_eq!(left("2026-09", &plans, &spent), (0, 30));
        assert_eq!(left("2026-10", &plans, &spent), (30, -20));
        assert_eq!(left("2026-11", &plans, &spent), (-20, 70));

        let fresh = [plans[0], plans[1], plan("2026-11", 100, false)];
        assert_eq!(left("2026-11", &fresh, &spent), (0, 90));
        // A month without a budget is a new beginning.
        let gap = [plans[0], plans[2]];
        assert_eq!(left("2026-11", &gap, &spent), (0, 90));
    }

    #[test]
    fn budgets_of_merged_categories_are_one() {
        let plans = [plan("2026-11", 100, false), plan("2026-11", 50, true)];
        assert_eq!(left("2026-11", &plans, &[("2026-11", 30)]), (0, 120));
    }

    #[test]
    fn what_was_earned_counts_the_other_way() {
        let earned = Plan {
            is_expense: false,
            ..plan("2026-11", 1000, false)
        };
        assert_eq!(left("2026-11", &[earned], &[("2026-11", -400)]), (0, 600));
    }

    proptest! {
        /// Over months in a row that move on, what is left is what was planned less what was spent.
        #[test]
        fn nothing_is_lost_on_the_way(months in prop::collection::vec((0..1000_i64, -1000..1000_i64), 1..30)) {
            let last = month("2026-11");
            let count = i32::try_from(months.len()).expect("a number");
            let mut moved = BTreeMap::new();
            let mut plans = Vec::new();
            for (place, (amount, spent)) in (1..).zip(&months) {
                let of = last.plus(place - count);
                plans.push(Plan { month: of, amount: *amount, ..plan("2026-11", 0, true) });
                moved.insert((FOOD, of), -i128::from(*spent));
            }
            let plans = Plans::new(last, &plans);
            prop_assert_eq!(plans.first(), last.plus(1 - count));
            let line = plans.lines(&moved)[0];
            let expected: i64 = months.iter().map(|(amount, spent)| amount - spent).sum();
            prop_assert_eq!(line.left, i128::from(expected));
        }
    }
}
