//! Dice that fall alike each time they are taken up. Nothing secret comes from them.

/// The state of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
pub struct Dice(u64);

impl Dice {
    /// Dice that fall as this number says.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn fall(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `least` to `most`.
    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        let fallen = self.fall() % (most.abs_diff(least) + 1);
        least.saturating_add_unsigned(fallen)
    }

    /// Whether something happens that does in so many of a hundred cases.
    pub fn chance(&mut self, of_hundred: i64) -> bool {
        self.between(1, 100) <= of_hundred
    }

    /// One of several things.
    pub fn one_of<T: Copy, const N: usize>(&mut self, things: [T; N]) -> T {
        let most = i64::try_from(N).unwrap_or(1) - 1;
        things[usize::try_from(self.between(0, most)).unwrap_or(0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_fall_alike_and_in_their_bounds() {
        let falls = |seed| {
            let mut dice = Dice::new(seed);
            (0..500).map(|_| dice.between(-3, 3)).collect::<Vec<_>>()
        };
        assert_eq!(falls(1), falls(1));
        assert_ne!(falls(1), falls(2));
        for number in -3..=3 {
            assert!(falls(1).contains(&number), "{number}");
        }
        assert!(falls(1).iter().all(|fall| (-3..=3).contains(fall)));
    }
}
