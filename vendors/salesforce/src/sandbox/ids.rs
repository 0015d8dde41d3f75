//! Record ids: 3 characters key prefix, 2 pod, 1 reserved, 9 of sequence in base 62, and the 3-character checksum
//! that carries the case of the first 15 [probe: real ids in the research notes §2.1].

use std::fmt;

/// Position of an object in the schema.
pub(crate) type Obj = u16;

/// A record: object in the upper 16 bits, sequence (from 1) in the lower 48.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rec(u64);

impl Rec {
    pub(crate) const fn new(object: Obj, seq: u64) -> Self {
        Self(((object as u64) << 48) | (seq & 0xffff_ffff_ffff))
    }
    pub(crate) const fn object(self) -> Obj {
        (self.0 >> 48) as Obj
    }
    pub(crate) const fn seq(self) -> u64 {
        self.0 & 0xffff_ffff_ffff
    }
    pub(crate) const fn raw(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for Rec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.object(), self.seq())
    }
}

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// The 15 significant characters of an id.
pub(crate) type Id15 = [u8; 15];

/// Writes the sequence so that byte order of ids is the order of sequences.
pub(crate) fn build(prefix: [u8; 3], pod: [u8; 2], seq: u64) -> Id15 {
    let mut id = [b'0'; 15];
    id[..3].copy_from_slice(&prefix);
    id[3..5].copy_from_slice(&pod);
    let mut rest = seq;
    for place in id[6..].iter_mut().rev() {
        *place = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    id
}

/// The sequence in an id, if its last nine characters are digits of base 62.
pub(crate) fn sequence(id: &Id15) -> u64 {
    id[6..].iter().fold(0u64, |sum, byte| {
        let digit = DIGITS.iter().position(|d| d == byte).unwrap_or(0) as u64;
        sum.saturating_mul(62).saturating_add(digit)
    })
}

/// The 18-character form.
pub(crate) fn long(id: &Id15) -> String {
    let mut text = String::with_capacity(18);
    push_long(&mut text, id);
    text
}

/// Writes the 18-character form.
pub(crate) fn push_long(text: &mut String, id: &Id15) {
    text.push_str(std::str::from_utf8(id).unwrap_or_default());
    for block in id.chunks(5) {
        let bits = block
            .iter()
            .enumerate()
            .fold(0usize, |bits, (k, byte)| if byte.is_ascii_uppercase() { bits | (1 << k) } else { bits });
        text.push(SUFFIX[bits] as char);
    }
}

/// Reads 15 or 18 characters; the checksum of the long form restores lost case. `None`: malformed.
pub(crate) fn read(text: &str) -> Option<Id15> {
    let bytes = text.as_bytes();
    if !bytes.iter().all(u8::is_ascii_alphanumeric) || (bytes.len() != 15 && bytes.len() != 18) {
        return None;
    }
    let mut id = [0u8; 15];
    id.copy_from_slice(&bytes[..15]);
    for (block, check) in bytes[15..].iter().enumerate() {
        let bits = SUFFIX.iter().position(|s| *s == check.to_ascii_uppercase())?;
        for k in 0..5 {
            let byte = &mut id[block * 5 + k];
            *byte = if bits & (1 << k) != 0 { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() };
        }
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_of_real_ids() {
        for (short, suffix) in [
            ("0031i000013x2TE", "AAY"),
            ("017bW00000HKErB", "QAX"),
            ("00190000001pPvH", "AAU"),
            ("001D000000IRFma", "IAH"),
        ] {
            let id = read(short).unwrap();
            assert_eq!(long(&id), format!("{short}{suffix}"));
            assert_eq!(read(&format!("{short}{suffix}").to_lowercase()), Some(id), "case is restored");
        }
        assert_eq!(read("001D000000IRFm"), None);
        assert_eq!(read("001D000000IRFm!"), None);
    }

    #[test]
    fn order_of_ids_is_order_of_sequences() {
        let ids: Vec<_> = (1..5000).map(|seq| build(*b"003", *b"Kz", seq)).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(sequence(&ids[4000]), 4001);
    }
}
