//! Merge of leads, contacts or accounts (research notes §5).

use super::Opts;
use crate::sandbox::fail::{Fail, Res};
use crate::sandbox::ids::Rec;
use crate::sandbox::org::Org;
use crate::sandbox::value::Cell;
use serde_json::{Map, Value};

impl Org {
    /// Merges one or two losers into the master: given fields win, children move, losers go to the bin with
    /// `MasterRecordId`.
    pub(crate) fn merge(
        &mut self,
        opts: &Opts,
        master: Rec,
        losers: &[Rec],
        fields: &Map<String, Value>,
    ) -> Res<()> {
        let obj = master.object();
        let known = self.known;
        if ![known.lead, known.contact, known.account].contains(&obj) {
            return Err(Fail::save("INVALID_TYPE", "only Lead, Contact and Account rows merge", &[]));
        }
        if losers.is_empty() || losers.len() > 2 {
            return Err(Fail::save(
                "INVALID_NUMBER_OF_MERGE_RECORDS",
                "a merge takes one or two records besides the master",
                &[],
            ));
        }
        for rec in losers.iter().chain([&master]) {
            self.target(*rec, opts.api)?;
            if rec.object() != obj {
                return Err(Fail::save("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[]));
            }
            if self.store.value(*rec, "IsConverted").is_true() {
                return Err(Fail::save(
                    "CANNOT_UPDATE_CONVERTED_LEAD",
                    "cannot reference converted lead",
                    &[],
                ));
            }
        }
        if losers.contains(&master) || (losers.len() == 2 && losers[0] == losers[1]) {
            return Err(Fail::save("DUPLICATE_VALUE", "a record cannot be merged with itself", &[]));
        }
        let calm = Opts { assign: false, allow_duplicates: true, ..*opts };
        self.save(&calm, obj, Some(master), fields)?;
        for loser in losers {
            for (child, field) in self.store.schema.children(obj) {
                let f = &self.store.schema.get(child).fields[field];
                let name = f.name.clone();
                if &*name == "MasterRecordId" {
                    continue;
                }
                for other in self.store.referring(child, field, *loser) {
                    // Related accounts must not end in a cycle.
                    let target = if other == master { Cell::Null } else { Cell::Ref(master) };
                    self.touch(other, |store, row| store.set(child, row, &name, target));
                }
            }
            self.bin(*loser, None, opts);
            self.touch(*loser, |store, row| store.set(obj, row, "MasterRecordId", Cell::Ref(master)));
        }
        Ok(())
    }
}
