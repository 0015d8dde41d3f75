//! What people do besides the API: edits, conversion, merge, deletion, sharing, users.

use super::{Args, Refused, done};
use crate::sandbox::Salesforce;
use crate::sandbox::save::Opts;
use crate::sandbox::save::convert_lead::Conversion;
use crate::sandbox::value::Cell;
use serde_json::{Value, json};

type Maybe = Result<Option<Value>, Refused>;

impl Salesforce {
    /// How a person saves: no field access rules of the API user, duplicate alerts confirmed, nothing counted.
    fn as_person(&self, args: &Args<'_>) -> Result<Opts, Refused> {
        let by = self.admin_maybe_rec(args, "as")?.unwrap_or(self.org.person);
        Ok(Opts { by, api: false, allow_duplicates: true, assign: args.flag("assign", false), loader: false })
    }

    pub(super) fn people(&mut self, name: &str, args: &Args<'_>) -> Maybe {
        let opts = self.as_person(args)?;
        match name {
            "create" => {
                let obj = self.admin_object(args)?;
                let saved = self.org.save(&opts, obj, None, &args.fields()?)?;
                Ok(Some(json!({"id": self.org.store.id(saved)})))
            }
            "edit" => {
                let rec = self.admin_rec(args.text("id")?)?;
                self.org.save(&opts, rec.object(), Some(rec), &args.fields()?)?;
                Ok(Some(done()))
            }
            "delete" | "undelete" | "purge" => {
                let rec = self.admin_rec(args.text("id")?)?;
                match name {
                    "delete" => self.org.delete(&opts, rec)?,
                    "undelete" => self.org.undelete(&opts, rec)?,
                    _ => {
                        let at = self.org.store.row(rec).and_then(|row| row.deleted);
                        let at = at.ok_or("the record is not in the recycle bin")?;
                        self.org.store.put(rec, None);
                        self.org.store.table_mut(rec.object()).purged.insert((at, rec.seq()));
                    }
                }
                Ok(Some(done()))
            }
            "merge" => {
                let master = self.admin_rec(args.text("master")?)?;
                let losers =
                    args.list("losers").iter().map(|id| self.admin_rec(id)).collect::<Result<Vec<_>, _>>()?;
                self.org.merge(&opts, master, &losers, &args.fields()?)?;
                Ok(Some(json!({"id": self.org.store.id(master)})))
            }
            "convert_lead" => self.convert(&opts, args).map(Some),
            "hide_record" | "show_record" => {
                let rec = self.admin_rec(args.text("id")?)?;
                let mut row = self.org.store.row(rec).cloned().ok_or("no such record")?;
                row.hidden = name == "hide_record";
                self.org.store.put(rec, Some(row));
                Ok(Some(done()))
            }
            "lock" => {
                let rec = self.admin_rec(args.text("id")?)?;
                let times = args.number("times").and_then(|n| u64::try_from(n).ok()).unwrap_or(1);
                self.org.locks.insert(rec, times);
                Ok(Some(done()))
            }
            "deactivate_user" | "activate_user" => {
                let rec = self.admin_user(args)?;
                let (active, user) = (name == "activate_user", self.org.known.user);
                self.org.touch(rec, |store, row| store.set(user, row, "IsActive", Cell::Bool(active)));
                Ok(Some(done()))
            }
            _ => Ok(None),
        }
    }

    fn convert(&mut self, opts: &Opts, args: &Args<'_>) -> Result<Value, Refused> {
        let lead = self.admin_rec(args.text("lead")?)?;
        let ask = Conversion {
            status: args.maybe("status").map(str::to_owned),
            account: self.admin_maybe_rec(args, "account")?,
            contact: self.admin_maybe_rec(args, "contact")?,
            opportunity: self.admin_maybe_rec(args, "opportunity")?,
            opportunity_name: args.maybe("opportunity_name").map(str::to_owned),
            no_opportunity: args.flag("no_opportunity", false),
            owner: self.admin_maybe_rec(args, "owner")?,
            overwrite_lead_source: args.flag("overwrite_lead_source", false),
        };
        let made = self.org.convert_lead(opts, lead, &ask)?;
        let store = &self.org.store;
        Ok(json!({
            "account": store.id(made.account), "contact": store.id(made.contact),
            "opportunity": made.opportunity.map(|rec| store.id(rec)),
        }))
    }
}
