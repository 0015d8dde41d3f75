//! How model types are packed into blobs. Every blob begins with a format byte; the decoding of every format that was
//! ever released stays, with a test (A13).

mod link;
mod note;
mod record;
#[cfg(test)]
mod tests;
mod value;
mod values;
pub(crate) mod wire;

pub(crate) use link::{decode_base, decode_link_detail, encode_base, encode_link_detail, link_state_code};
pub(crate) use note::{decode_json, encode_json, named, question_digest, review_state_code, valued};
pub(crate) use record::{
    CONVERTED, LIVE, decode_shape, decode_snapshot, encode_shape, encode_snapshot, record_state_code,
};
pub(crate) use values::{decode_values, encode_values, is_observed};

use crate::StoreError;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use syncline_model::Kind;

/// The number that stands for a kind in columns: also its level, so that columns sort in the order of work.
pub(crate) fn kind_code(kind: Kind) -> i16 {
    i16::from(kind.level())
}

/// The kind of a column's number.
pub(crate) fn kind_of(code: i64) -> Result<Kind, StoreError> {
    Kind::ALL
        .into_iter()
        .find(|kind| i64::from(kind.level()) == code)
        .ok_or_else(|| StoreError::Corrupt(format!("no kind has the number {code}")))
}

/// The time as columns hold it: microseconds, rounded down.
pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_nanosecond().div_euclid(1_000) as i64
}

/// The same rounded up: for limits that must not end early.
pub(crate) fn micros_up(time: Timestamp) -> i64 {
    -((-time.as_nanosecond()).div_euclid(1_000)) as i64
}

/// The time of a column.
pub(crate) fn time_of(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros)
        .map_err(|_| StoreError::Corrupt(format!("the time {micros} µs is out of range")))
}

/// A stable 64-bit hash of a matching key for the index; equality is always checked on the value itself.
pub(crate) fn key_hash(kind: i16, name: i32, value: &[u8]) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] =
        digest(&[kind.to_be_bytes().as_slice(), name.to_be_bytes().as_slice(), value].concat());
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// The first half of a SHA-256.
pub(crate) fn digest(value: &[u8]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&Sha256::digest(value)[..16]);
    half
}

/// Text of a column that holds vendor text as bytes.
pub(crate) fn utf8(bytes: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(bytes).map_err(|_| StoreError::Corrupt("a stored text is not UTF-8".to_owned()))
}

/// A position or count of a column; never negative.
pub(crate) fn unsigned(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| StoreError::Corrupt(format!("a stored count is {value}")))
}

/// A position or count for a column.
pub(crate) fn signed(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::Engine(format!("the number {value} is too large to store")))
}

/// Names of connections, objects and keys are columns of text, which cannot hold U+0000 everywhere.
pub(crate) fn check_name(name: &str) -> Result<(), StoreError> {
    if name.contains('\0') {
        return Err(StoreError::Engine("a name may not contain U+0000".to_owned()));
    }
    Ok(())
}
