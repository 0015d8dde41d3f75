//! Resources, limits, and the replication resources updated and deleted.

use super::{Req, Resp};
use crate::sandbox::Salesforce;
use crate::sandbox::fail::{Fail, Res};
use crate::sandbox::ids::Rec;
use crate::sandbox::value::{read_date, read_time, time_text};
use serde_json::{Value, json};

/// How far back the two logs go [doc:resources-getdeleted, getupdated].
const DELETED_S: i64 = 15 * 86_400;
const UPDATED_S: i64 = 30 * 86_400;
const MAX_IDS: usize = 600_000;

impl Salesforce {
    pub(super) fn resources(&self, req: &Req) -> Resp {
        let base = format!("/services/data/v{}", req.version);
        let mut body = json!({});
        for name in ["sobjects", "query", "queryAll", "limits", "composite", "recent"] {
            body[name] = json!(format!("{base}/{name}"));
        }
        body["identity"] = json!(self.identity_url());
        Resp::value(200, &body)
    }

    pub(super) fn limits(&self) -> Resp {
        let max = self.org.knobs.daily_limit;
        let left = max.saturating_sub(self.used_today());
        Resp::value(
            200,
            &json!({
                "DailyApiRequests": {"Max": max, "Remaining": left},
                "DailyBulkApiBatches": {"Max": 15000, "Remaining": 15000},
                "DailyBulkV2QueryJobs": {"Max": 10000, "Remaining": 10000},
                "DailyStreamingApiEvents": {"Max": 10000, "Remaining": 10000},
                "DataStorageMB": {"Max": 1024, "Remaining": 1024},
                "FileStorageMB": {"Max": 1024, "Remaining": 1024},
            }),
        )
    }

    /// The parts of the Connect REST API's answer that speak of the org and of the user, not of Chatter
    /// [doc: connect_responses_organization, connect_responses_features].
    pub(super) fn organization_settings(&self) -> Resp {
        let store = &self.org.store;
        let several = store.schema.find("CurrencyType").is_some();
        let text = |rec: Rec, name: &str| store.text(store.value(rec, name)).unwrap_or_default().to_owned();
        Resp::value(
            200,
            &json!({
                "accessTimeout": 120,
                "features": {
                    "chatter": false,
                    "defaultCurrencyIsoCode": (!several).then_some(&self.org.knobs.currency),
                    "multiCurrency": several,
                },
                "name": text(self.org.organization, "Name"),
                "orgId": store.id(self.org.organization),
                "userSettings": {
                    "hasRestDataApiAccess": true,
                    "userId": store.id(self.org.api_user),
                    "userLocale": text(self.org.api_user, "LocaleSidKey"),
                },
            }),
        )
    }

    fn window(&self, req: &Req, back: i64) -> Res<(i64, i64)> {
        let bad = |message: &str| Fail::new(400, "INVALID_REPLICATION_DATE", message);
        let read = |name: &str| {
            let text = req.param(name).ok_or_else(|| bad(&format!("{name} is required")))?;
            // Some clients send a naive time with a broken offset `:`.
            let text = text.trim_end_matches(':');
            let naive = format!("{text}Z");
            read_time(text)
                .or_else(|| read_time(&naive))
                .or_else(|| Some(i64::from(read_date(text)?) * 86_400))
                .ok_or_else(|| bad(&format!("{name} is not a date: {text}")))
        };
        // Seconds are ignored.
        let (start, end) = (read("start")?.div_euclid(60) * 60, read("end")?.div_euclid(60) * 60);
        if start >= end {
            return Err(bad("startDate before endDate"));
        }
        if start < self.org.now - back {
            return Err(bad(&format!("startDate more than {} days ago", back / 86_400)));
        }
        Ok((start, end))
    }

    pub(super) fn updated(&self, req: &Req, object: &str) -> Res<Resp> {
        let obj = self.obj(object)?;
        let (start, end) = self.window(req, UPDATED_S)?;
        let stamps = self.org.store.table(obj).stamps.range((start, 0)..(end, 0));
        let mut seqs: Vec<u64> = stamps.map(|(_, seq)| *seq).collect();
        seqs.extend(self.org.store.late(obj).map(Rec::seq));
        seqs.sort_unstable();
        seqs.dedup();
        let ids: Vec<String> = seqs
            .into_iter()
            .map(|seq| Rec::new(obj, seq))
            .filter(|rec| {
                let row = self.org.store.visible(*rec).filter(|r| !r.hidden && r.deleted.is_none());
                row.is_some_and(|r| (start..end).contains(&r.stamp))
            })
            .map(|rec| self.org.store.id(rec))
            .collect();
        if ids.len() > MAX_IDS {
            return Err(Fail::new(400, "EXCEEDED_ID_LIMIT", "too many ids in this window"));
        }
        let covered = time_text(end.min(self.org.now.div_euclid(60) * 60));
        Ok(Resp::value(200, &json!({"ids": ids, "latestDateCovered": covered})))
    }

    pub(super) fn deleted(&self, req: &Req, object: &str) -> Res<Resp> {
        let obj = self.obj(object)?;
        let (start, end) = self.window(req, DELETED_S)?;
        let table = self.org.store.table(obj);
        let mut entries: Vec<(i64, u64)> = table.bin.range((start, 0)..(end, 0)).copied().collect();
        entries.retain(|(_, seq)| {
            let row = self.org.store.visible(Rec::new(obj, *seq));
            row.is_some_and(|r| r.deleted.is_some() && !r.hidden)
        });
        entries.extend(table.purged.range((start, 0)..(end, 0)).copied());
        entries.sort_unstable();
        let records: Vec<Value> = entries
            .iter()
            .map(|(at, seq)| json!({"id": self.org.store.id(Rec::new(obj, *seq)), "deletedDate": time_text(*at)}))
            .collect();
        Ok(Resp::value(
            200,
            &json!({
                "deletedRecords": records,
                "earliestDateAvailable": time_text(self.log_starts.max(self.org.now - DELETED_S)),
                "latestDateCovered": time_text(end.min(self.org.now.div_euclid(60) * 60)),
            }),
        ))
    }
}
