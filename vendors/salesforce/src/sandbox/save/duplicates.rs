//! Duplicate rules (research notes §2.4): both actions refuse a save through the API; `allowSave` overrides alerts.

use super::Opts;
use crate::sandbox::fail::{Fail, Res};
use crate::sandbox::ids::{Obj, Rec};
use crate::sandbox::org::{DuplicateAction, DuplicateRule, Org};
use crate::sandbox::store::Row;
use serde_json::{Value, json};

impl Org {
    pub(super) fn check_duplicates(
        &self,
        opts: &Opts,
        obj: Obj,
        target: Option<Rec>,
        old: Option<&Row>,
        row: &Row,
    ) -> Res<()> {
        for rule in self.duplicate_rules.iter().filter(|rule| rule.obj == obj) {
            let slots: Vec<u8> =
                rule.fields.iter().filter_map(|f| self.store.schema.get(obj).fields[*f].slot()).collect();
            if old.is_some_and(|old| slots.iter().all(|s| self.same(old.slot(*s), row.slot(*s)))) {
                continue;
            }
            let overridden = opts.allow_duplicates && rule.action == DuplicateAction::Alert;
            if overridden || !opts.api {
                continue;
            }
            let found = self.matches(rule, &slots, target, row);
            if !found.is_empty() {
                let mut fail = Fail::new(400, "DUPLICATES_DETECTED", rule.message.clone());
                fail.duplicates = Some(self.duplicate_result(rule, &found));
                return Err(fail);
            }
        }
        Ok(())
    }

    fn matches(&self, rule: &DuplicateRule, slots: &[u8], target: Option<Rec>, row: &Row) -> Vec<Rec> {
        let (against, fields) = &rule.against;
        let theirs: Vec<u8> =
            fields.iter().filter_map(|f| self.store.schema.get(*against).fields[*f].slot()).collect();
        let (Some(first), Some(their_first)) = (slots.first(), theirs.first()) else { return Vec::new() };
        if slots.iter().any(|s| row.slot(*s).is_null()) {
            return Vec::new();
        }
        let candidates =
            self.store.by_value(*against, *their_first, row.slot(*first), usize::MAX - 1).unwrap_or_default();
        candidates
            .into_iter()
            .map(|seq| Rec::new(*against, seq))
            .filter(|rec| Some(*rec) != target)
            .filter(|rec| {
                self.accessible(*rec).is_some_and(|other| {
                    slots.iter().zip(&theirs).all(|(mine, its)| self.same(row.slot(*mine), other.slot(*its)))
                })
            })
            .take(50)
            .collect()
    }

    fn duplicate_result(&self, rule: &DuplicateRule, found: &[Rec]) -> Value {
        let entity = &self.store.schema.get(rule.against.0).name;
        let records: Vec<Value> = found
            .iter()
            .map(|rec| {
                let id = self.store.id(*rec);
                json!({
                    "additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100.0,
                    "record": {
                        "attributes": {"type": &**entity, "url": format!("/services/data/v59.0/sobjects/{entity}/{id}")},
                        "Id": id,
                    },
                })
            })
            .collect();
        json!({
            "allowSave": rule.action == DuplicateAction::Alert,
            "duplicateRule": rule.name,
            "duplicateRuleEntityType": &*self.store.schema.get(rule.obj).name,
            "errorMessage": rule.message,
            "matchResults": [{
                "entityType": &**entity, "errors": [], "matchEngine": "ExactMatchEngine",
                "matchRecords": records, "rule": format!("{}_Match", rule.name), "size": found.len(), "success": true,
            }],
        })
    }
}
