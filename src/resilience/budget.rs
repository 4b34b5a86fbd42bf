//! The retry budget: keeps retries a small share of the load.
//!
//! Each success earns a fraction of a retry and a retry spends a whole one, however many callers
//! fail at a time (Brooker, "Fixing retries with token buckets and circuit breakers", 2022).

use std::sync::atomic::{AtomicU32, Ordering};

const RETRY: u32 = 100;

/// A token bucket that starts full. A token is a hundredth of a retry.
#[derive(Debug)]
pub struct RetryBudget {
    tokens: AtomicU32,
    deposit: u32,
    capacity: u32,
}

impl RetryBudget {
    /// Creates a budget of `percent` retries per hundred successes, at most `burst` at once.
    pub fn new(percent: u32, burst: u32) -> Self {
        let capacity = burst.saturating_mul(RETRY);
        Self {
            tokens: AtomicU32::new(capacity),
            deposit: percent,
            capacity,
        }
    }

    /// Adds the fraction of a retry that a successful call earns.
    pub fn deposit(&self) {
        let add = |tokens: u32| Some(tokens.saturating_add(self.deposit).min(self.capacity));
        let _ = self
            .tokens
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Takes one retry from the budget; returns false if there is none.
    pub fn try_spend(&self) -> bool {
        self.tokens
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tokens| {
                tokens.checked_sub(RETRY)
            })
            .is_ok()
    }

    /// Returns the number of whole retries left.
    pub fn available(&self) -> u32 {
        self.tokens.load(Ordering::Relaxed) / RETRY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_percent_budget_gives_one_retry_for_ten_successes() {
        let budget = RetryBudget::new(10, 2);
        assert!(budget.try_spend() && budget.try_spend() && !budget.try_spend());
        (0..9).for_each(|_| budget.deposit());
        assert!(!budget.try_spend());
        budget.deposit();
        assert!(budget.try_spend() && !budget.try_spend());
        (0..1000).for_each(|_| budget.deposit());
        assert_eq!(budget.available(), 2, "the burst is bounded");
    }
}
