use std::fmt;

use sha2::{Digest, Sha256};

use super::Cell;

/// A checksum of rows in any order: the engines sort texts differently. It is the sum, modulo 2^256, of the SHA-256 of
/// each row, and finds what was lost, doubled or changed by accident.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum([u64; 4]);

impl Sum {
    /// Adds a row.
    pub fn add(&mut self, row: &[Cell]) {
        let mut hash = Sha256::new();
        for cell in row {
            let (tag, bytes): (u8, &[u8]) = match cell {
                Cell::Null => (0, &[]),
                Cell::Int(n) => (1, &n.to_be_bytes()),
                Cell::Text(text) => (2, text.as_bytes()),
                Cell::Bytes(bytes) => (3, bytes),
            };
            hash.update([tag]);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
        let mut carry = false;
        for (own, theirs) in self.0.iter_mut().rev().zip(hash.finalize().rchunks(8)) {
            let theirs = u64::from_be_bytes(theirs.try_into().expect("SHA-256 has four times eight bytes"));
            let (sum, over) = own.overflowing_add(theirs);
            let (sum, again) = sum.overflowing_add(u64::from(carry));
            (*own, carry) = (sum, over || again);
        }
    }
}

/// As 64 hexadecimal digits.
impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|word| write!(f, "{word:016x}"))
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_rows_in_any_order_and_sees_every_change() {
        let rows = [
            vec![Cell::Int(1), Cell::Text("a".to_owned())],
            vec![Cell::Null, Cell::Bytes(vec![0; 16])],
            vec![Cell::Int(256), Cell::Text(String::new())],
        ];
        let of = |order: &[usize]| {
            let mut sum = Sum::default();
            order.iter().for_each(|at| sum.add(&rows[*at]));
            sum
        };
        assert_eq!(of(&[0, 1, 2]), of(&[2, 0, 1]));
        for other in [&[0, 1][..], &[0, 1, 2, 2], &[0, 0, 2]] {
            assert_ne!(of(&[0, 1, 2]), of(other), "{other:?}");
        }
        let (mut split, mut joined) = (Sum::default(), Sum::default());
        split.add(&[Cell::Text("ab".to_owned()), Cell::Text("c".to_owned())]);
        joined.add(&[Cell::Text("a".to_owned()), Cell::Text("bc".to_owned())]);
        assert_ne!(split, joined);
    }

    #[test]
    fn carries_from_word_to_word() {
        // 2^256 - h and h: what is added to a number and its complement is 0.
        let mut sum = Sum::default();
        sum.add(&[Cell::Int(7)]);
        let Sum(words) = sum;
        let mut complement = Sum(words.map(|word| !word));
        complement.add(&[Cell::Int(7)]);
        assert_eq!(complement.to_string(), "f".repeat(64));
    }
}
