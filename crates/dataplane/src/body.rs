//! Bodies as blocks of bytes, which the bodies of successive revisions share.

use bytes::Bytes;

/// A body, as blocks that follow one another.
#[derive(Debug, Clone, Default)]
pub struct Body {
    blocks: Vec<Bytes>,
    len: usize,
}

impl Body {
    /// Returns the number of bytes.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether the body has no bytes.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the blocks. None of them is empty.
    pub fn blocks(&self) -> &[Bytes] {
        &self.blocks
    }

    /// Returns the blocks. None of them is empty.
    pub fn into_blocks(self) -> Vec<Bytes> {
        self.blocks
    }

    /// Returns the body as one block. Copies unless it is one.
    pub fn to_bytes(&self) -> Bytes {
        match self.blocks.as_slice() {
            [] => Bytes::new(),
            [one] => one.clone(),
            several => several.concat().into(),
        }
    }

    /// Adds a block to the end.
    pub fn push(&mut self, block: impl Into<Bytes>) {
        let block = block.into();
        if !block.is_empty() {
            self.len += block.len();
            self.blocks.push(block);
        }
    }

    /// Adds blocks to the end.
    pub(crate) fn extend(&mut self, blocks: &[Bytes]) {
        self.blocks.reserve(blocks.len());
        for block in blocks {
            self.push(block.clone());
        }
    }

    /// Adds the members of an object or the items of an array, each of which has a comma before it:
    /// without the first comma.
    pub(crate) fn list(&mut self, blocks: &[Bytes]) {
        if let Some((first, others)) = blocks.split_first() {
            self.push(first.slice(1..));
            self.extend(others);
        }
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(block: T) -> Self {
        let mut body = Self::default();
        body.push(block);
        body
    }
}

/// Bodies are the same if their bytes are, in whatever blocks.
impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.to_bytes() == other.to_bytes()
    }
}

impl Eq for Body {}
