//! Observed values. Tags are part of the format: a tag is never reused for anything else.

use super::wire::{Reader, Writer};
use crate::StoreError;
use jiff::{Timestamp, ToSpan, civil::Date};
use rust_decimal::Decimal;
use std::{collections::BTreeSet, sync::Arc};
use syncline_model::{Currency, Interval, Money, Observed, RecordId, Ref, Value};

const NOT_FETCHED: u8 = 0;
const NOT_PERMITTED: u8 = 1;
const ABSENT: u8 = 2;
const EMPTY: u8 = 3;
const TEXT: u8 = 4;
const FALSE: u8 = 5;
const TRUE: u8 = 6;
const DECIMAL: u8 = 7;
const MONEY: u8 = 8;
const DATE: u8 = 9;
const INSTANT: u8 = 10;
const OPTION: u8 = 11;
const OPTIONS: u8 = 12;
const REFS: u8 = 13;

const ROLE: u8 = 1;
const PRIMARY: u8 = 2;
const ROW: u8 = 4;

const NEGATIVE: u8 = 0x80;
const EPOCH: Date = Date::constant(1970, 1, 1);

pub(super) fn write_observed(to: &mut Writer, observed: &Observed) {
    match observed {
        Observed::NotFetched => to.byte(NOT_FETCHED),
        Observed::NotPermitted => to.byte(NOT_PERMITTED),
        Observed::Absent => to.byte(ABSENT),
        Observed::Empty => to.byte(EMPTY),
        Observed::Value(value) => write_value(to, value),
    }
}

fn write_value(to: &mut Writer, value: &Value) {
    match value {
        Value::Text(text) => {
            to.byte(TEXT);
            to.text(text);
        }
        Value::Bool(value) => to.byte(if *value { TRUE } else { FALSE }),
        Value::Decimal(value) => {
            to.byte(DECIMAL);
            write_decimal(to, *value);
        }
        Value::Money(money) => {
            to.byte(MONEY);
            to.text(money.currency.as_str());
            write_decimal(to, money.amount);
        }
        Value::Date(date) => {
            to.byte(DATE);
            to.int(i128::from((*date - EPOCH).get_days()));
        }
        Value::Instant(instant) => {
            to.byte(INSTANT);
            write_instant(to, *instant);
        }
        Value::Option(option) => {
            to.byte(OPTION);
            to.text(option);
        }
        Value::Options(options) => {
            to.byte(OPTIONS);
            to.uint(options.len() as u128);
            for option in options {
                to.text(option);
            }
        }
        Value::Refs(refs) => {
            to.byte(REFS);
            to.uint(refs.len() as u128);
            for reference in refs {
                write_ref(to, reference);
            }
        }
    }
}

fn write_ref(to: &mut Writer, reference: &Ref) {
    let flags = if reference.role.is_some() { ROLE } else { 0 }
        | if reference.primary { PRIMARY } else { 0 }
        | if reference.row.is_some() { ROW } else { 0 };
    to.byte(flags);
    to.text(reference.object.as_str());
    to.text(reference.id.as_str());
    if let Some(role) = &reference.role {
        to.text(role);
    }
    if let Some(row) = &reference.row {
        to.text(row.as_str());
    }
}

/// Sign and scale in one byte, then the digits: exact, trailing zeros included.
fn write_decimal(to: &mut Writer, value: Decimal) {
    to.byte(value.scale() as u8 | if value.is_sign_negative() { NEGATIVE } else { 0 });
    to.uint(value.mantissa().unsigned_abs());
}

/// Whole microseconds are the rule; what is finer is kept too. The lowest bit tells which of both follows.
pub(super) fn write_instant(to: &mut Writer, instant: Timestamp) {
    let nanos = instant.as_nanosecond();
    if nanos % 1_000 == 0 { to.int((nanos / 1_000) << 1) } else { to.int((nanos << 1) | 1) }
}

pub(super) fn read_observed(from: &mut Reader<'_>) -> Result<Observed, StoreError> {
    Ok(Observed::Value(match from.byte()? {
        NOT_FETCHED => return Ok(Observed::NotFetched),
        NOT_PERMITTED => return Ok(Observed::NotPermitted),
        ABSENT => return Ok(Observed::Absent),
        EMPTY => return Ok(Observed::Empty),
        TEXT => Value::Text(from.text()?.into()),
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        DECIMAL => Value::Decimal(read_decimal(from)?),
        MONEY => {
            let code = from.text()?;
            let currency = Currency::new(code).ok_or_else(|| from.broken("a currency is no currency"))?;
            Value::Money(Money { amount: read_decimal(from)?, currency })
        }
        DATE => Value::Date(read_date(from)?),
        INSTANT => Value::Instant(read_instant(from)?),
        OPTION => Value::Option(from.text()?.into()),
        OPTIONS => {
            let count = from.count()?;
            let options: Result<BTreeSet<Arc<str>>, StoreError> =
                (0..count).map(|_| Ok(from.text()?.into())).collect();
            Value::Options(options?)
        }
        REFS => {
            let count = from.count()?;
            let refs: Result<Vec<Ref>, StoreError> = (0..count).map(|_| read_ref(from)).collect();
            Value::Refs(refs?)
        }
        tag => return Err(from.broken(&format!("no value has the tag {tag}"))),
    }))
}

fn read_ref(from: &mut Reader<'_>) -> Result<Ref, StoreError> {
    let flags = from.byte()?;
    if flags & !(ROLE | PRIMARY | ROW) != 0 {
        return Err(from.broken("a relation has unknown flags"));
    }
    Ok(Ref {
        primary: flags & PRIMARY != 0,
        object: from.text()?.into(),
        id: from.text()?.into(),
        role: if flags & ROLE != 0 { Some(from.text()?.into()) } else { None },
        row: if flags & ROW != 0 { Some(RecordId::from(from.text()?)) } else { None },
    })
}

fn read_decimal(from: &mut Reader<'_>) -> Result<Decimal, StoreError> {
    let head = from.byte()?;
    let digits = i128::try_from(from.uint()?).map_err(|_| from.broken("a number is too large"))?;
    let mut value = Decimal::try_from_i128_with_scale(digits, u32::from(head & !NEGATIVE))
        .map_err(|_| from.broken("a number is too large"))?;
    value.set_sign_negative(head & NEGATIVE != 0);
    Ok(value)
}

fn read_date(from: &mut Reader<'_>) -> Result<Date, StoreError> {
    let days = from.int()?;
    i32::try_from(days)
        .ok()
        .filter(|days| days.abs() < 7_000_000)
        .and_then(|days| EPOCH.checked_add(days.days()).ok())
        .ok_or_else(|| from.broken("a date is out of range"))
}

pub(super) fn read_instant(from: &mut Reader<'_>) -> Result<Timestamp, StoreError> {
    let value = from.int()?;
    let nanos = if value & 1 == 0 { (value >> 1).checked_mul(1_000) } else { Some(value >> 1) };
    nanos
        .and_then(|nanos| Timestamp::from_nanosecond(nanos).ok())
        .ok_or_else(|| from.broken("an instant is out of range"))
}

pub(super) fn write_interval(to: &mut Writer, interval: Interval) {
    to.byte(u8::from(interval.after.is_some()));
    if let Some(after) = interval.after {
        write_instant(to, after);
    }
    write_instant(to, interval.until);
}

pub(super) fn read_interval(from: &mut Reader<'_>) -> Result<Interval, StoreError> {
    let after = if read_flag(from)? { Some(read_instant(from)?) } else { None };
    Ok(Interval { after, until: read_instant(from)? })
}

pub(super) fn read_flag(from: &mut Reader<'_>) -> Result<bool, StoreError> {
    match from.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(from.broken("a flag is neither 0 nor 1")),
    }
}
