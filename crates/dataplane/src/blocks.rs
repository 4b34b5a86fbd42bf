//! Texts of policies, joined to blocks. A change copies one block, not all texts.

use std::collections::HashMap;

use bytes::Bytes;

use crate::kept::Place;

/// Texts that follow one another, joined to blocks.
///
/// A text is moved into its block: afterwards it is a slice of it. So texts that lie behind one
/// another in memory from the start of a block to its end are that block, and it is used again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Blocks {
    blocks: Vec<Bytes>,
}

impl Blocks {
    /// Joins texts, each with the place of its policy. Returns whether anything is otherwise than
    /// before.
    pub(crate) fn join<'a>(
        &mut self,
        texts: impl IntoIterator<Item = (Place, &'a mut Bytes)>,
    ) -> bool {
        let before = std::mem::take(&mut self.blocks);
        let by_place = before.iter().map(|block| (place(block), block)).collect();
        self.blocks.reserve(before.len());
        let mut of_block: Vec<&mut Bytes> = Vec::new();
        for (policy, text) in texts {
            if policy.begins_block() {
                self.add(&mut of_block, &by_place);
            }
            if !text.is_empty() {
                of_block.push(text);
            }
        }
        self.add(&mut of_block, &by_place);
        !same(&self.blocks, &before)
    }

    /// Returns the blocks. None of them is empty.
    pub(crate) fn as_slice(&self) -> &[Bytes] {
        &self.blocks
    }

    /// Returns the number of bytes.
    pub(crate) fn len(&self) -> usize {
        self.blocks.iter().map(Bytes::len).sum()
    }

    fn add(&mut self, texts: &mut Vec<&mut Bytes>, before: &HashMap<(*const u8, usize), &Bytes>) {
        let Some(start) = texts.first().map(|first| first.as_ptr()) else {
            return;
        };
        let len = texts.iter().map(|text| text.len()).sum();
        let is_row = texts
            .windows(2)
            .all(|pair| pair[0].as_ptr_range().end == pair[1].as_ptr());
        let block = match before.get(&(start, len)) {
            Some(block) if is_row => (*block).clone(),
            _ => moved(texts, len),
        };
        texts.clear();
        self.blocks.push(block);
    }
}

/// Moves texts into a new block.
fn moved(texts: &mut [&mut Bytes], len: usize) -> Bytes {
    let mut block = Vec::with_capacity(len);
    for text in texts.iter() {
        block.extend_from_slice(text);
    }
    let block = Bytes::from(block);
    let mut from = 0;
    for text in texts {
        let to = from + text.len();
        **text = block.slice(from..to);
        from = to;
    }
    block
}

/// Whether two lists have the same blocks, which are then not compared byte by byte.
fn same(one: &[Bytes], other: &[Bytes]) -> bool {
    let mut pairs = one.iter().zip(other);
    one.len() == other.len() && pairs.all(|(one, other)| place(one) == place(other))
}

/// Returns where a block is in memory.
fn place(block: &Bytes) -> (*const u8, usize) {
    (block.as_ptr(), block.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(blocks: &mut Blocks, texts: &mut [(Place, Bytes)]) -> (bool, String) {
        let is_other = blocks.join(texts.iter_mut().map(|(place, text)| (*place, text)));
        let text = blocks.as_slice().concat();
        (is_other, String::from_utf8(text).unwrap())
    }

    #[test]
    fn blocks_of_unchanged_texts_are_used_again() {
        let mut texts: Vec<_> = (0..1000)
            .map(|at: u32| {
                let place = Place::of([at.to_string().as_bytes()]);
                (place, Bytes::from(format!("{at},")))
            })
            .collect();
        let mut blocks = Blocks::default();
        let (is_other, all) = joined(&mut blocks, &mut texts);
        assert!(is_other && all.starts_with("0,1,2,") && all.ends_with(",999,"));
        assert_eq!(joined(&mut blocks, &mut texts), (false, all.clone()));
        let before = blocks.clone();
        assert!(before.blocks.len() > 4);
        texts[500].1 = Bytes::from_static(b"other,");
        let (is_other, changed) = joined(&mut blocks, &mut texts);
        assert!(is_other);
        assert_eq!(changed, all.replace(",500,", ",other,"));
        let differ = blocks.blocks.iter().zip(&before.blocks);
        assert_eq!(differ.filter(|(a, b)| place(a) != place(b)).count(), 1);
        texts.clear();
        assert_eq!(joined(&mut blocks, &mut texts), (true, String::new()));
    }
}
