//! A hash of a file of many items, of which few change.

use sha2::{Digest as _, Sha256};

/// The hash of a file, which is continued from where the file is as before. Half of the routes on
/// average are hashed for a change. The version is therefore at the end of a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Running {
    /// The hash before every 64th item.
    states: Vec<Sha256>,
}

impl Running {
    const STEP: usize = 64;

    /// Returns the hash of a text and of what `add` adds for each item. As many of the first items
    /// as `unchanged` are as before.
    pub(super) fn of<T>(
        &mut self,
        head: &str,
        items: &[T],
        unchanged: usize,
        mut add: impl FnMut(usize, &T, &mut Sha256),
    ) -> Sha256 {
        self.states.truncate(unchanged / Self::STEP + 1);
        let last = self.states.pop();
        let mut hash = last.unwrap_or_else(|| Sha256::new_with_prefix(head));
        for (at, item) in items
            .iter()
            .enumerate()
            .skip(self.states.len() * Self::STEP)
        {
            if at % Self::STEP == 0 {
                self.states.push(hash.clone());
            }
            add(at, item, &mut hash);
        }
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continued_hash_is_that_of_the_whole_text() {
        let mut running = Running::default();
        let mut items: Vec<usize> = (0..300).collect();
        let mut check = |items: &[usize], unchanged| {
            let hash = running.of("head", items, unchanged, |_, item, hash| {
                hash.update(item.to_string());
            });
            let text: String = items.iter().map(usize::to_string).collect();
            assert_eq!(hash.finalize(), Sha256::digest(format!("head{text}")));
        };
        check(&items, 0);
        check(&items, 300);
        for at in [299, 64, 128, 63, 200, 0] {
            items[at] += 1000;
            check(&items, at);
            items.insert(at, 7);
            check(&items, at);
        }
        for len in [256, 130, 128, 1, 0] {
            items.truncate(len);
            check(&items, len);
        }
        check(&[1; 100], 0);
    }
}
