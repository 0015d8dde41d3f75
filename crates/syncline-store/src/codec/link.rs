//! What a link carries besides its keys: state, evidence, base.

use super::{
    value::{read_instant, read_interval, read_observed, write_instant, write_interval, write_observed},
    wire::{Reader, Writer},
};
use crate::StoreError;
use std::collections::BTreeMap;
use syncline_model::{Base, BaseEntry, Evidence, FieldName, LinkState, Rest, RunId, Sight, Watch};

const DETAIL_FORMAT: u8 = 1;
/// Without watches, as most are.
const BASE_FORMAT: u8 = 1;
const BASE_WATCHED_FORMAT: u8 = 3;
/// In which watches did not tell what had been sent.
const BASE_UNSENT_FORMAT: u8 = 2;
/// The flag of an entry whose record was not seen yet.
const UNSEEN: u8 = 4;

/// The state's number in its column.
pub(crate) fn link_state_code(state: &LinkState) -> i16 {
    match state {
        LinkState::Pending => 0,
        LinkState::Active => 1,
        LinkState::ConvertedTo(_) => 2,
        LinkState::MergedInto(_) => 3,
        LinkState::Deleted => 4,
        LinkState::Excluded => 5,
        LinkState::DuplicateOf(_) => 6,
        LinkState::Undone(_) => 7,
    }
}

/// The state's target and the evidence.
pub(crate) fn encode_link_detail(state: &LinkState, evidence: &Evidence) -> Vec<u8> {
    let mut to = Writer::new(DETAIL_FORMAT);
    match state {
        LinkState::Pending | LinkState::Active | LinkState::Deleted | LinkState::Excluded => {}
        LinkState::ConvertedTo(id) | LinkState::MergedInto(id) | LinkState::DuplicateOf(id) => {
            to.text(id.as_str());
        }
        LinkState::Undone(run) => to.raw(run.0.as_bytes()),
    }
    match evidence {
        Evidence::First => to.byte(0),
        Evidence::Planted => to.byte(1),
        Evidence::NativeConnector => to.byte(2),
        Evidence::Key { key, value } => {
            to.byte(3);
            to.text(key);
            to.text(value);
        }
        Evidence::Created => to.byte(4),
        Evidence::Existing => to.byte(5),
        Evidence::Conversion(id) => {
            to.byte(6);
            to.text(id.as_str());
        }
        Evidence::Merge(id) => {
            to.byte(7);
            to.text(id.as_str());
        }
        Evidence::Person { who } => {
            to.byte(8);
            to.text(who);
        }
        Evidence::CompanyOfLead => to.byte(9),
        Evidence::CompanyNamed { name } => {
            to.byte(10);
            to.text(name);
        }
    }
    to.finish()
}

/// State and evidence of a stored link.
pub(crate) fn decode_link_detail(state: i64, bytes: &[u8]) -> Result<(LinkState, Evidence), StoreError> {
    let mut from = Reader::new(bytes, "link");
    from.format(DETAIL_FORMAT)?;
    let state = match state {
        0 => LinkState::Pending,
        1 => LinkState::Active,
        2 => LinkState::ConvertedTo(from.text()?.into()),
        3 => LinkState::MergedInto(from.text()?.into()),
        4 => LinkState::Deleted,
        5 => LinkState::Excluded,
        6 => LinkState::DuplicateOf(from.text()?.into()),
        7 => LinkState::Undone(read_run(&mut from)?),
        other => return Err(from.broken(&format!("no state has the number {other}"))),
    };
    let evidence = match from.byte()? {
        0 => Evidence::First,
        1 => Evidence::Planted,
        2 => Evidence::NativeConnector,
        3 => Evidence::Key { key: from.text()?.into(), value: from.text()?.into() },
        4 => Evidence::Created,
        5 => Evidence::Existing,
        6 => Evidence::Conversion(from.text()?.into()),
        7 => Evidence::Merge(from.text()?.into()),
        8 => Evidence::Person { who: from.text()?.into() },
        9 => Evidence::CompanyOfLead,
        10 => Evidence::CompanyNamed { name: from.text()?.into() },
        other => return Err(from.broken(&format!("no evidence has the tag {other}"))),
    };
    from.end()?;
    Ok((state, evidence))
}

/// A base; six bytes where nothing differs from the snapshot, which is the normal state after a sync (A5).
pub(crate) fn encode_base(base: &Base) -> Vec<u8> {
    let watched = !base.watches.is_empty();
    let mut to = Writer::new(if watched { BASE_WATCHED_FORMAT } else { BASE_FORMAT });
    to.raw(&base.mapping.to_le_bytes());
    to.uint(base.entries.len() as u128);
    for (field, entry) in &base.entries {
        to.text(field.as_str());
        let sight = match entry.sight {
            Sight::Seen => 0,
            Sight::Unseen => UNSEEN,
        };
        to.byte(u8::from(entry.agreed.is_some()) | u8::from(entry.changed.is_some()) << 1 | sight);
        if let Some(agreed) = &entry.agreed {
            write_observed(&mut to, agreed);
        }
        if let Some(changed) = entry.changed {
            write_interval(&mut to, changed);
        }
    }
    if watched {
        to.uint(base.watches.len() as u128);
        for (field, watch) in &base.watches {
            to.text(field.as_str());
            write_watch(&mut to, watch);
        }
    }
    to.finish()
}

fn write_watch(to: &mut Writer, watch: &Watch) {
    to.raw(&watch.sent.to_le_bytes());
    to.raw(&watch.wrote.to_le_bytes());
    to.uint(watch.replaced.len() as u128);
    for (digest, at) in &watch.replaced {
        to.raw(&digest.to_le_bytes());
        write_instant(to, *at);
    }
    to.uint(watch.flips.len() as u128);
    for at in &watch.flips {
        write_instant(to, *at);
    }
    match &watch.rest {
        None => to.byte(0),
        Some(Rest::Oscillates { attribute, since }) => {
            to.byte(1);
            to.text(attribute.as_str());
            write_instant(to, *since);
        }
        Some(Rest::Undone { attribute, run, took }) => {
            to.byte(if took.is_some() { 3 } else { 2 });
            to.text(attribute.as_str());
            to.raw(run.0.as_bytes());
            if let Some(took) = took {
                to.raw(&took.to_le_bytes());
            }
        }
    }
}

fn read_watch(from: &mut Reader<'_>, format: u8) -> Result<Watch, StoreError> {
    let sent = if format == BASE_UNSENT_FORMAT { None } else { Some(read_digest(from)?) };
    let wrote = read_digest(from)?;
    let mut watch = Watch { sent: sent.unwrap_or(wrote), wrote, ..Watch::default() };
    for _ in 0..from.count()? {
        watch.replaced.push((read_digest(from)?, read_instant(from)?));
    }
    for _ in 0..from.count()? {
        watch.flips.push(read_instant(from)?);
    }
    watch.rest = match from.byte()? {
        0 => None,
        1 => Some(Rest::Oscillates { attribute: from.text()?.into(), since: read_instant(from)? }),
        2 => Some(Rest::Undone { attribute: from.text()?.into(), run: read_run(from)?, took: None }),
        3 => Some(Rest::Undone {
            attribute: from.text()?.into(),
            run: read_run(from)?,
            took: Some(read_digest(from)?),
        }),
        _ => return Err(from.broken("a field rests for no known reason")),
    };
    Ok(watch)
}

fn read_run(from: &mut Reader<'_>) -> Result<RunId, StoreError> {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(from.raw(16)?);
    Ok(RunId(uuid::Uuid::from_bytes(bytes)))
}

fn read_digest(from: &mut Reader<'_>) -> Result<u64, StoreError> {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(from.raw(8)?);
    Ok(u64::from_le_bytes(bytes))
}

/// A stored base.
pub(crate) fn decode_base(bytes: &[u8]) -> Result<Base, StoreError> {
    let mut from = Reader::new(bytes, "base");
    let format = from.format(BASE_WATCHED_FORMAT)?;
    let mut mapping = [0; 4];
    mapping.copy_from_slice(from.raw(4)?);
    let mut entries = BTreeMap::new();
    for _ in 0..from.count()? {
        let field = FieldName::from(from.text()?);
        let flags = from.byte()?;
        if flags > 7 {
            return Err(from.broken("an entry has unknown flags"));
        }
        let agreed = if flags & 1 != 0 { Some(read_observed(&mut from)?) } else { None };
        let changed = if flags & 2 != 0 { Some(read_interval(&mut from)?) } else { None };
        let sight = if flags & UNSEEN == 0 { Sight::Seen } else { Sight::Unseen };
        entries.insert(field, BaseEntry { agreed, changed, sight });
    }
    let mut watches = BTreeMap::new();
    if format >= BASE_UNSENT_FORMAT {
        for _ in 0..from.count()? {
            watches.insert(FieldName::from(from.text()?), read_watch(&mut from, format)?);
        }
    }
    from.end()?;
    Ok(Base { mapping: u32::from_le_bytes(mapping), entries, watches })
}
