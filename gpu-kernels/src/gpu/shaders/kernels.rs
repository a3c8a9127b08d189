//! What is run per item.

pub(crate) mod chunks;
pub(crate) mod decompress;
pub(crate) mod finish;
pub(crate) mod leaf;
pub(crate) mod level;
pub(crate) mod parent;
pub(crate) mod straus;
pub(crate) mod table;

use super::emit::{Access, Buffer, BufferId, Code, Program, Type, Value};
use super::field::Field;

/// A buffer of words that the kernel only reads.
pub(crate) const fn read(name: &'static str) -> Buffer {
    Buffer {
        name,
        access: Access::Read,
        element: Type::U32,
    }
}

/// A buffer of words.
pub(crate) const fn write(name: &'static str) -> Buffer {
    Buffer {
        name,
        access: Access::ReadWrite,
        element: Type::U32,
    }
}

/// The same in quads of words.
pub(super) const fn quads(buffer: Buffer) -> Buffer {
    Buffer {
        element: Type::Struct(Program::QUAD),
        ..buffer
    }
}

/// `N` quads that lie together, the first of them at `first`.
pub(super) fn load_quads<const N: usize>(
    code: &Code<'_>,
    buffer: BufferId,
    first: Value,
) -> [Value; N] {
    let mut number = 0;
    [(); N].map(|()| {
        let index = code.add_constant(first, number);
        number += 1;
        code.load(buffer, index, u32::MAX)
    })
}

/// Writes quads that shall lie together, the first of them at `first`.
pub(super) fn store_quads(code: &Code<'_>, buffer: BufferId, first: Value, quads: &[Value]) {
    for (number, quad) in (0..).zip(quads) {
        let index = code.add_constant(first, number);
        code.store(buffer, index, *quad, u32::MAX);
    }
}

/// Rows of a buffer, one per word, of which a thread has the same place in each.
pub(crate) struct ElementRows<'a, 'b> {
    code: &'a Code<'b>,
    field: Field,
    buffer: BufferId,
    /// Where the next row's word is.
    place: Value,
    stride: Value,
}

impl<'a, 'b> ElementRows<'a, 'b> {
    /// The rows from the one whose word is at `first`.
    pub(crate) const fn new(
        code: &'a Code<'b>,
        field: Field,
        buffer: BufferId,
        first: Value,
        stride: Value,
    ) -> Self {
        Self {
            code,
            field,
            buffer,
            place: first,
            stride,
        }
    }

    fn advance(&mut self) -> Value {
        let place = self.place;
        self.place = self.code.add(place, self.stride);
        place
    }

    /// Leaves out so many elements.
    pub(crate) fn skip(&mut self, elements: u64) {
        let rows = elements * self.field.radix.limbs() as u64;
        let distance = self.code.mul_constant(self.stride, rows);
        self.place = self.code.add(self.place, distance);
    }

    /// A word, which is at most `most`.
    pub(crate) fn load_word(&mut self, most: u32) -> Value {
        let place = self.advance();
        self.code.load(self.buffer, place, most)
    }

    pub(crate) fn store_word(&mut self, word: Value, most: u32) {
        let place = self.advance();
        self.code.store(self.buffer, place, word, most);
    }

    /// An element within these limits.
    pub(crate) fn load(&mut self, limits: &[u64]) -> Value {
        let limbs = limits.iter().map(|limit| self.load_word(word(*limit)));
        let limbs = limbs.collect();
        self.field.element(self.code, limbs)
    }

    pub(crate) fn store(&mut self, element: Value, limits: &[u64]) {
        let limbs = self.field.limbs(self.code, element);
        for (limb, limit) in limbs.into_iter().zip(limits) {
            self.store_word(limb, word(*limit));
        }
    }
}

/// The limit of a word of 32 bits.
fn word(limit: u64) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}
