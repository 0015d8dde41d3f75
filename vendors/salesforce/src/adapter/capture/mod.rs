//! Capture: per object one stream of rows by (SystemModstamp, Id), deleted ones included; all streams' next pages share
//! one call (decisions §1.3; research §7, §13 B).
//!
//! Rows whose version is known already are passed on all the same: a stamp has a resolution of one second, so an equal
//! stamp does not prove an equal row.

mod deleted;
pub(super) use deleted::{log_ids, log_part, log_start, tombstone};
mod place;

use super::{
    ROLE_FIELD, ROLE_OBJECT, Salesforce,
    composite::{Page, Part, Reply},
    ids,
    reading::Reading,
    time,
};
use jiff::{SignedDuration, Timestamp};
use place::{PAGE, Place, Stream};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use syncline_kit::vendor::{CapturePage, CaptureWant, Cursor, Cycle, Known, VendorError};
use syncline_model::{
    ObjectName, RecordId,
    defect::{Defect, planted},
};

/// What becomes of leads is read last.
const LEAD: &str = "Lead";
/// People change rarely and are looked at with the schemas, not in every cycle.
const USER: &str = "User";
/// How long people that were read are taken for fresh.
const PEOPLE_FOR: SignedDuration = SignedDuration::from_mins(10);
/// A role row is remembered as read only when its stamp is older than the read by this.
const SETTLED: SignedDuration = SignedDuration::from_secs(2);

impl Salesforce {
    pub(super) async fn capture_page(
        &self,
        want: &CaptureWant,
        cursor: &Cursor,
        known: &dyn Known,
    ) -> Result<CapturePage, VendorError> {
        let mut place = Place::read(cursor)?;
        let wanted = |name: &str| want.objects.iter().any(|object| object.object.as_str() == name);
        place.streams.retain(|name, _| wanted(name) || name == ROLE_FIELD);
        let mut page = CapturePage {
            observations: Vec::new(),
            cursor: Cursor::default(),
            cycle: if place.is_idle() { Cycle::Begun } else { Cycle::Resumed },
            more: false,
            schemas: Vec::new(),
        };
        let objects: Vec<ObjectName> = want.objects.iter().map(|object| object.object.clone()).collect();
        let users = if self.check_is_due(want) {
            self.look_around(want, &mut place, &mut page).await?
        } else {
            self.people_are_fresh(&place)
        };
        if let Err(error) = self.round(want, &mut place, &mut page, users, known).await {
            // A field may have been hidden since the schemas were read: look again, then once more.
            let VendorError::Refused { code, .. } = &error else { return Err(error) };
            if code != "INVALID_FIELD" && code != "INVALID_TYPE" {
                return Err(error);
            }
            self.forget(&objects);
            let (_, changed, _) = self.check(&objects, Vec::new()).await?;
            page.schemas.extend(changed.iter().map(|schema| (**schema).clone()));
            self.round(want, &mut place, &mut page, users, known).await?;
        }
        page.more = !place.is_idle();
        page.cursor = place.cursor()?;
        Ok(page)
    }

    /// Whether people were read lately: a process that has just described the schemas has not read anybody.
    fn people_are_fresh(&self, place: &Place) -> bool {
        let read = place.streams.get(USER).and_then(|stream| stream.checkpoint);
        read.is_some_and(|read| self.client.server_time().duration_since(read) < PEOPLE_FOR)
    }

    /// Schemas, the org and people in one call. Returns whether people were read.
    async fn look_around(
        &self,
        want: &CaptureWant,
        place: &mut Place,
        page: &mut CapturePage,
    ) -> Result<bool, VendorError> {
        let people = want.objects.iter().find(|object| object.object.as_str() == USER);
        let mut riders = Vec::new();
        if let Some(people) = people {
            // Before the schema is known, all wanted fields are asked for; a refusal leaves people to the next call.
            let stream = place.streams.entry(USER.to_owned()).or_default();
            let reading = self.described(&people.object).map(|described| Reading::new(people, described));
            let wanted = || people.fields.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
            let names = reading.as_ref().map_or_else(|| (wanted(), BTreeSet::new()), Reading::names);
            stream.begin(names, self.client.server_time());
            let rest = stream.sweep.as_ref().map(place::Sweep::page).unwrap_or_default();
            let selects = reading.map_or_else(
                || {
                    let fixed = ["Id".to_owned(), "SystemModstamp".to_owned()];
                    let columns: BTreeSet<String> = fixed.into_iter().chain(wanted()).collect();
                    vec![format!("SELECT {} FROM {USER}", columns.into_iter().collect::<Vec<_>>().join(","))]
                },
                |reading| reading.selects(rest.len()),
            );
            riders.extend(selects.into_iter().map(|select| Part::query_all(&format!("{select}{rest}"))));
        }
        let (at, changed, replies) = self.check(&self.to_describe(want), riders).await?;
        page.schemas.extend(changed.iter().map(|schema| (**schema).clone()));
        if let (Some(belongs), Some(found)) = (&place.org, self.org_id())
            && *belongs != found
        {
            return Err(super::org::other_org(belongs, &found));
        }
        place.org = self.org_id();
        let Some(people) = people else { return Ok(true) };
        let Some(described) = self.described(&people.object) else {
            place.streams.remove(USER);
            return Ok(true);
        };
        if !replies.iter().all(Reply::ok) {
            return Ok(false);
        }
        let reading = Reading::new(people, described);
        let stream = place.streams.entry(USER.to_owned()).or_default();
        stream.begin(reading.names(), at);
        let pages = replies.iter().map(Reply::page).collect::<Result<_, _>>()?;
        let rows = take_page(stream, pages, at);
        let currency = self.currency_of(&reading, rows.iter()).await?;
        page.observations
            .extend(rows.iter().filter_map(|row| reading.observe(&self.connection, row, currency)));
        Ok(true)
    }

    /// The next page of every stream, in one call if five queries are enough.
    async fn round(
        &self,
        want: &CaptureWant,
        place: &mut Place,
        page: &mut CapturePage,
        users: bool,
        known: &dyn Known,
    ) -> Result<(), VendorError> {
        let starts = page.cycle == Cycle::Begun;
        let readings = self.readings(want);
        let mut next = place.clone();
        for (_, stream) in
            next.streams.iter_mut().filter(|(name, _)| !readings.contains_key(*name) && *name != ROLE_FIELD)
        {
            // An object that can no longer be seen must not keep the cycle from ending.
            (stream.sweep, stream.compare) = (None, None);
        }
        let mut parts = Vec::new();
        let mut asked: Vec<(String, usize)> = Vec::new();
        if readings.values().any(Reading::roles) {
            let stream = next.streams.entry(ROLE_FIELD.to_owned()).or_default();
            // The opportunities' own first sweep brings their roles; the stream goes on from its start.
            if stream.checkpoint.is_some() && (starts || stream.sweep.is_some()) {
                stream.begin((BTreeSet::new(), BTreeSet::new()), self.client.server_time());
                stream.compare = None;
                let rest = stream.sweep.as_ref().map(place::Sweep::page).unwrap_or_default();
                parts.push(Part::query_all(&format!(
                    "SELECT Id,OpportunityId,SystemModstamp FROM {ROLE_OBJECT}{rest}"
                )));
                asked.push((ROLE_FIELD.to_owned(), 1));
            }
        } else {
            next.streams.remove(ROLE_FIELD);
        }
        let mut others = !asked.is_empty();
        let mut leads_begin = false;
        for (name, reading) in leads_last(&readings) {
            let stream = next.streams.entry(name.clone()).or_default();
            let begins = starts && (name != USER || !users);
            if !begins && stream.sweep.is_none() {
                continue;
            }
            stream.begin(reading.names(), self.client.server_time());
            match name.as_str() {
                LEAD => leads_begin = stream.sweep.as_ref().is_some_and(|sweep| sweep.until.is_none()),
                _ => others = true,
            }
            let rest = stream.sweep.as_ref().map(place::Sweep::page).unwrap_or_default();
            let selects = reading.selects(rest.len());
            asked.push((name.clone(), selects.len()));
            parts.extend(selects.into_iter().map(|select| Part::query_all(&format!("{select}{rest}"))));
        }
        let logs = if starts { self.deletion_parts(&next, &readings) } else { Vec::new() };
        parts.extend(logs.iter().map(|log| log.part.clone()));
        let mut deletions = Vec::new();
        if !parts.is_empty() {
            let (at, replies) = self.client.read_parts(parts).await?;
            let loaded = next.streams.values().all(|stream| stream.checkpoint.is_some());
            let is_lost = planted(Defect::SessionEnds) && loaded && self.client.is_renewed();
            let mut replies = replies.into_iter();
            let mut roles = Vec::new();
            let mut read = BTreeSet::new();
            for (name, count) in asked {
                let mut pages: Vec<Page> =
                    replies.by_ref().take(count).map(|reply| reply.page()).collect::<Result<_, _>>()?;
                if is_lost {
                    pages.iter_mut().for_each(|page| page.records.clear());
                }
                let full =
                    next.streams.get(&name).and_then(|s| s.sweep.as_ref()).is_some_and(|s| s.from.is_none());
                let Some(stream) = next.streams.get_mut(&name) else { continue };
                let mut rows = take_page(stream, pages, at);
                if name == ROLE_FIELD {
                    roles = rows;
                    continue;
                }
                let (ended, checkpoint) = (stream.sweep.is_none(), stream.checkpoint);
                let Some(reading) = readings.get(&name) else { continue };
                if !full && (planted(Defect::IdAlone) || planted(Defect::IdAndStamp)) {
                    leave_out_known(&mut rows, &reading.object, known).await;
                }
                if ended && full && reading.roles() {
                    let stream = next.streams.entry(ROLE_FIELD.to_owned()).or_default();
                    stream.checkpoint = stream.checkpoint.or(checkpoint);
                }
                let currency = self.currency_of(reading, rows.iter()).await?;
                for row in &rows {
                    if let Some(id) = row.get("Id").and_then(Json::as_str).map(ids::canonical) {
                        if reading.roles() && !reading.lacks_roles(row) {
                            read.insert(id.clone());
                        }
                        if reading.lacks_roles(row) {
                            roles.push(serde_json::json!({"OpportunityId": id.as_str()}));
                        }
                    }
                    page.observations.extend(reading.observe(&self.connection, row, currency));
                }
            }
            deletions = logs.into_iter().zip(replies).collect();
            self.changed_roles(roles, &read, &mut next, &readings, at, page).await?;
        }
        // A conversion shows in two objects. What it made may have been read in this call, and the lead in an earlier one, when
        // it was none yet: nobody would know the account for the lead's, which may share no key with it.
        let end = || next.streams.iter().all(|(name, stream)| name == LEAD || stream.sweep.is_none());
        if others && !leads_begin && readings.contains_key(LEAD) && end() {
            next.streams.entry(LEAD.to_owned()).or_default().repeat();
        }
        self.deletions(deletions, &mut next, &readings, known, page).await?;
        self.compare(&mut next, &readings, known, page).await?;
        *place = next;
        Ok(())
    }

    fn readings(&self, want: &CaptureWant) -> BTreeMap<String, Reading> {
        want.objects
            .iter()
            .filter_map(|object| {
                let described = self.described(&object.object)?;
                Some((object.object.to_string(), Reading::new(object, described)))
            })
            .collect()
    }

    /// Opportunities whose roles changed are read anew, unless this page has read them after the change already.
    async fn changed_roles(
        &self,
        rows: Vec<Json>,
        read: &BTreeSet<RecordId>,
        place: &mut Place,
        readings: &BTreeMap<String, Reading>,
        at: Timestamp,
        page: &mut CapturePage,
    ) -> Result<(), VendorError> {
        let Some(reading) = readings.values().find(|reading| reading.roles()) else { return Ok(()) };
        let stream = place.streams.entry(ROLE_FIELD.to_owned()).or_default();
        let mut changed = BTreeSet::new();
        for row in &rows {
            let text = |name: &str| row.get(name).and_then(Json::as_str);
            let Some(opportunity) = text("OpportunityId").map(ids::canonical) else { continue };
            if let (Some(id), Some(stamp)) = (text("Id"), text("SystemModstamp")) {
                if stream.seen.get(id).is_some_and(|seen| seen == stamp) {
                    continue;
                }
                if time::instant(stamp).is_some_and(|stamp| at.duration_since(stamp) > SETTLED) {
                    stream.seen.insert(id.to_owned(), stamp.to_owned());
                }
            }
            if !read.contains(&opportunity) {
                changed.insert(opportunity);
            }
        }
        let changed: Vec<RecordId> = changed.into_iter().collect();
        page.observations.extend(self.read_rows(reading, &changed).await?.0);
        Ok(())
    }
}

/// In the order of asking. A call's queries are answered one after the other: leads come last, so that a conversion that
/// was seen to have made something is seen itself.
fn leads_last(readings: &BTreeMap<String, Reading>) -> impl Iterator<Item = (&String, &Reading)> {
    let of_leads = |leads: bool| readings.iter().filter(move |(name, _)| (*name == LEAD) == leads);
    of_leads(false).chain(of_leads(true))
}

/// Takes a page in. Where one object's columns came in several answers, rows are put together up to where all of them
/// reach; a row that changed between the answers keeps the columns of the first.
fn take_page(stream: &mut Stream, pages: Vec<Page>, at: Timestamp) -> Vec<Json> {
    let complete = pages.iter().all(|page| page.done && page.records.len() < PAGE);
    let ends: Vec<(Timestamp, String)> = pages.iter().filter_map(|page| key(page.records.last()?)).collect();
    let last = if ends.len() == pages.len() || complete { ends.iter().min().cloned() } else { None };
    let mut pages = pages.into_iter().map(|page| page.records);
    let mut rows = pages.next().unwrap_or_default();
    for other in pages {
        let mut by_key: BTreeMap<(Timestamp, String), Json> =
            other.into_iter().filter_map(|row| Some((key(&row)?, row))).collect();
        for row in &mut rows {
            let more = key(row).and_then(|key| by_key.remove(&key));
            if let (Json::Object(columns), Some(Json::Object(more))) = (row, more) {
                columns.extend(more);
            }
        }
    }
    if !complete && let Some(last) = &last {
        rows.retain(|row| key(row).is_some_and(|key| key <= *last));
    }
    let last = if complete { rows.last().and_then(key) } else { last };
    stream.advance(last, complete, at);
    rows
}

/// Leaves out what was handed on before, as somebody may tell it who keeps no image of the records.
async fn leave_out_known(rows: &mut Vec<Json>, object: &ObjectName, known: &dyn Known) {
    let text = |row: &Json, name: &str| row.get(name).and_then(Json::as_str).map(str::to_owned);
    let ids: Vec<RecordId> =
        rows.iter().map(|row| ids::canonical(&text(row, "Id").unwrap_or_default())).collect();
    let mut versions = known.versions(object, &ids).await.into_iter().map(|version| version.map(|it| it.0));
    rows.retain(|row| match versions.next().flatten() {
        Some(known) => !planted(Defect::IdAlone) && text(row, "SystemModstamp").as_deref() != Some(&*known),
        None => true,
    });
}

fn key(row: &Json) -> Option<(Timestamp, String)> {
    Some((time::instant(row.get("SystemModstamp")?.as_str()?)?, row.get("Id")?.as_str()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(second: u32, id: &str, more: &Json) -> Json {
        let mut row = json!({"Id": id, "SystemModstamp": format!("2026-01-01T00:00:{second:02}.000+0000")});
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        row
    }

    #[test]
    fn columns_of_several_answers_are_put_together_up_to_where_all_reach() {
        let mut stream = Stream::default();
        stream.begin((BTreeSet::new(), BTreeSet::new()), "2026-01-01T00:00:00Z".parse().unwrap());
        let first =
            vec![row(1, "a", &json!({"A": 1})), row(1, "b", &json!({"A": 2})), row(2, "c", &json!({"A": 3}))];
        let second = vec![row(1, "a", &json!({"B": 1})), row(1, "b", &json!({"B": 2}))];
        let at = "2026-01-01T00:01:00Z".parse().unwrap();
        let page = |records, done| Page { records, done, next_records_url: None };
        let rows = take_page(&mut stream, vec![page(first, true), page(second, false)], at);
        assert_eq!(rows.len(), 2);
        assert_eq!((&rows[1]["A"], &rows[1]["B"]), (&json!(2), &json!(2)));
        let after = stream.sweep.unwrap().after.unwrap();
        assert_eq!(after.1, "b", "the next page begins after the shorter answer's last row");
    }
}
