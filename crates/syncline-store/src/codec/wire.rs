//! Bytes: varints, texts, and nothing that depends on a library's own format.

use crate::StoreError;

/// Writes a blob.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    /// Starts a blob with its format byte.
    pub(crate) fn new(format: u8) -> Self {
        let mut bytes = Vec::with_capacity(256);
        bytes.push(format);
        Self(bytes)
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// An unsigned number, seven bits a byte, low bits first.
    pub(crate) fn uint(&mut self, mut value: u128) {
        while value >= 0x80 {
            self.0.push((value as u8 & 0x7f) | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A signed number: small magnitudes stay short.
    pub(crate) fn int(&mut self, value: i128) {
        self.uint(((value << 1) ^ (value >> 127)) as u128);
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.uint(text.len() as u128);
        self.raw(text.as_bytes());
    }

    pub(crate) fn blob(&mut self, bytes: &[u8]) {
        self.uint(bytes.len() as u128);
        self.raw(bytes);
    }

    pub(crate) fn optional(&mut self, bytes: Option<&[u8]>) {
        self.byte(u8::from(bytes.is_some()));
        if let Some(bytes) = bytes {
            self.blob(bytes);
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads a blob; every failure is [`StoreError::Corrupt`].
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`; `what` names the blob in errors.
    pub(crate) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    /// An error about this blob.
    pub(crate) fn broken(&self, why: &str) -> StoreError {
        StoreError::Corrupt(format!("a stored {} cannot be read: {why}", self.what))
    }

    /// Reads the format byte and refuses formats above `known`.
    pub(crate) fn format(&mut self, known: u8) -> Result<u8, StoreError> {
        match self.byte()? {
            0 => Err(self.broken("format 0")),
            format if format > known => {
                Err(StoreError::TooNew { found: u32::from(format), known: u32::from(known) })
            }
            format => Ok(format),
        }
    }

    pub(crate) fn byte(&mut self) -> Result<u8, StoreError> {
        let (&first, rest) = self.rest.split_first().ok_or_else(|| self.broken("it ends early"))?;
        self.rest = rest;
        Ok(first)
    }

    pub(crate) fn raw(&mut self, length: usize) -> Result<&'a [u8], StoreError> {
        let (head, rest) = self.rest.split_at_checked(length).ok_or_else(|| self.broken("it ends early"))?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn uint(&mut self) -> Result<u128, StoreError> {
        let mut value = 0_u128;
        for position in 0..19_u32 {
            let byte = self.byte()?;
            let bits = u128::from(byte & 0x7f);
            if position == 18 && bits > 3 {
                break;
            }
            value |= bits << (7 * position);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.broken("a number is too long"))
    }

    pub(crate) fn int(&mut self) -> Result<i128, StoreError> {
        let value = self.uint()?;
        Ok((value >> 1) as i128 ^ -((value & 1) as i128))
    }

    /// A length or count; never more than the bytes that are left, so that a damaged one allocates nothing.
    pub(crate) fn count(&mut self) -> Result<usize, StoreError> {
        let count = self.uint()?;
        usize::try_from(count)
            .ok()
            .filter(|&count| count <= self.rest.len())
            .ok_or_else(|| self.broken("a length is beyond its end"))
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, StoreError> {
        let length = self.count()?;
        let bytes = self.raw(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.broken("a text is not UTF-8"))
    }

    /// An unsigned number of up to 64 bits.
    pub(crate) fn number(&mut self) -> Result<u64, StoreError> {
        u64::try_from(self.uint()?).map_err(|_| self.broken("a number is too large"))
    }

    /// Everything that is left.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Ends reading; left-over bytes are an error.
    pub(crate) fn end(self) -> Result<(), StoreError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.broken("it has bytes after its end")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_and_texts_round_trip(unsigned: u128, signed: i128, text: String) {
            let mut writer = Writer::new(1);
            writer.uint(unsigned);
            writer.int(signed);
            writer.text(&text);
            let bytes = writer.finish();
            let mut reader = Reader::new(&bytes, "test");
            prop_assert_eq!(reader.format(1), Ok(1));
            prop_assert_eq!(reader.uint(), Ok(unsigned));
            prop_assert_eq!(reader.int(), Ok(signed));
            prop_assert_eq!(reader.text(), Ok(text.as_str()));
            prop_assert_eq!(reader.end(), Ok(()));
        }

        #[test]
        fn damaged_bytes_are_errors_and_never_panic(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes, "test");
            while reader.text().is_ok() {}
            let mut reader = Reader::new(&bytes, "test");
            while reader.int().is_ok() {}
        }
    }

    #[test]
    fn small_numbers_are_one_byte() {
        let mut writer = Writer::default();
        writer.uint(127);
        writer.int(-64);
        assert_eq!(writer.finish(), [127, 127]);
    }

    #[test]
    fn a_newer_format_says_so() {
        assert_eq!(Reader::new(&[9], "test").format(1), Err(StoreError::TooNew { found: 9, known: 1 }));
        assert!(Reader::new(&[0], "test").format(1).is_err());
        assert!(Reader::new(&[], "test").format(1).is_err());
    }
}
