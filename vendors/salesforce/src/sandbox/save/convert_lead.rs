//! Lead conversion (research notes §4).

use super::Opts;
use crate::sandbox::fail::{Fail, Res};
use crate::sandbox::ids::{Obj, Rec};
use crate::sandbox::org::Org;
use crate::sandbox::store::Row;
use crate::sandbox::value::{self, Cell};

/// What a conversion is asked for.
#[derive(Debug, Default)]
pub(crate) struct Conversion {
    pub(crate) status: Option<String>,
    pub(crate) account: Option<Rec>,
    pub(crate) contact: Option<Rec>,
    pub(crate) opportunity: Option<Rec>,
    pub(crate) opportunity_name: Option<String>,
    pub(crate) no_opportunity: bool,
    pub(crate) owner: Option<Rec>,
    pub(crate) overwrite_lead_source: bool,
}

/// The records a lead became.
#[derive(Debug)]
pub(crate) struct Converted {
    pub(crate) account: Rec,
    pub(crate) contact: Rec,
    pub(crate) opportunity: Option<Rec>,
}

/// Lead field → (account field, contact field); the opt-outs are not applied to an existing contact.
const MAP: &[(&str, &str, &str)] = &[
    ("Street", "BillingStreet", "MailingStreet"),
    ("City", "BillingCity", "MailingCity"),
    ("State", "BillingState", "MailingState"),
    ("PostalCode", "BillingPostalCode", "MailingPostalCode"),
    ("Country", "BillingCountry", "MailingCountry"),
    ("AnnualRevenue", "AnnualRevenue", ""),
    ("Industry", "Industry", ""),
    ("NumberOfEmployees", "NumberOfEmployees", ""),
    ("Rating", "Rating", ""),
    ("Website", "Website", ""),
    ("Phone", "Phone", "Phone"),
    ("Fax", "Fax", "Fax"),
    ("MobilePhone", "", "MobilePhone"),
    ("Email", "", "Email"),
    ("Title", "", "Title"),
    ("Salutation", "", "Salutation"),
    ("FirstName", "", "FirstName"),
    ("LastName", "", "LastName"),
    ("Description", "", "Description"),
    ("LeadSource", "", "LeadSource"),
];
const OPT_OUTS: [&str; 3] = ["DoNotCall", "HasOptedOutOfEmail", "HasOptedOutOfFax"];

impl Org {
    /// Converts a lead with all effects, or refuses.
    pub(crate) fn convert_lead(&mut self, opts: &Opts, lead: Rec, ask: &Conversion) -> Res<Converted> {
        let known = self.known;
        if lead.object() != known.lead {
            return Err(Fail::save("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[]));
        }
        let row = self.target(lead, opts.api)?.clone();
        self.check_converted(known.lead, &row)?;
        let status = self.converted_status(ask.status.as_deref())?;
        if ask.no_opportunity && (ask.opportunity.is_some() || ask.opportunity_name.is_some()) {
            return Err(Fail::save("INVALID_STATUS", "an opportunity was both given and declined", &[]));
        }
        let owner = match (ask.owner, self.store.value(lead, "OwnerId").rec()) {
            (Some(owner), _) => owner,
            (None, Some(owner)) if owner.object() == known.user => owner,
            _ => {
                return Err(Fail::save(
                    "REQUIRED_FIELD_MISSING",
                    "a lead owned by a queue needs an ownerId",
                    &["ownerId"],
                ));
            }
        };
        if !self.store.value(owner, "IsActive").is_true() {
            return Err(Fail::save(
                "INACTIVE_OWNER_OR_USER",
                "operation performed with inactive user",
                &["ownerId"],
            ));
        }
        for (rec, obj) in
            [(ask.account, known.account), (ask.contact, known.contact), (ask.opportunity, known.opportunity)]
        {
            if rec.is_some_and(|rec| rec.object() != obj || self.store.live(rec).is_none()) {
                return Err(Fail::save("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[]));
            }
        }
        if let Some(contact) = ask.contact {
            let of = self.store.value(contact, "AccountId").rec();
            if ask.account.is_none() || of.is_some_and(|a| Some(a) != ask.account) {
                let message = "the contact does not belong to the account";
                return Err(Fail::save("INVALID_CROSS_REFERENCE_KEY", message, &["contactId"]));
            }
        }

        let company = self.store.value(lead, "Company");
        let account = match ask.account {
            Some(account) => account,
            None => self.blank(known.account, owner, opts, &[("Name", company)]),
        };
        let new_contact = ask.contact.is_none();
        let contact = match ask.contact {
            Some(contact) => contact,
            None => self.blank(known.contact, owner, opts, &[("AccountId", Cell::Ref(account))]),
        };
        for (from, to_account, to_contact) in MAP {
            let value = self.store.value(lead, from);
            self.fill(account, to_account, value);
            let overwrite = *from == "LeadSource" && ask.overwrite_lead_source && !value.is_null();
            if overwrite {
                self.touch(contact, |store, row| store.set(known.contact, row, to_contact, value));
            }
            self.fill(contact, to_contact, value);
        }
        self.fill(contact, "AccountId", Cell::Ref(account));
        if new_contact {
            for name in OPT_OUTS {
                let value = self.store.value(lead, name);
                self.touch(contact, |store, row| store.set(known.contact, row, name, value));
            }
        }
        let opportunity = if ask.no_opportunity {
            None
        } else {
            Some(self.lead_opportunity(opts, lead, ask, owner, account))
        };
        if let Some(opportunity) = opportunity {
            self.add_role(opportunity, contact);
        }
        let mut row = row;
        let obj = known.lead;
        let today = Cell::Date(self.now.div_euclid(86_400) as i32);
        for (name, cell) in [
            ("Status", status),
            ("IsConverted", Cell::Bool(true)),
            ("ConvertedDate", today),
            ("ConvertedAccountId", Cell::Ref(account)),
            ("ConvertedContactId", Cell::Ref(contact)),
            ("ConvertedOpportunityId", opportunity.map_or(Cell::Null, Cell::Ref)),
            ("IsUnreadByOwner", Cell::Bool(false)),
        ] {
            self.store.set(obj, &mut row, name, cell);
        }
        (row.stamp, row.modified, row.modified_by) = (self.now, self.now, opts.by);
        self.store.put(lead, Some(row));
        Ok(Converted { account, contact, opportunity })
    }

    fn converted_status(&mut self, asked: Option<&str>) -> Res<Cell> {
        let obj = self.known.lead_status;
        let wanted = asked.map(|text| self.store.text_cell(text));
        let found = self.store.all(obj).map(|(rec, _)| rec).find(|rec| {
            self.store.value(*rec, "IsConverted").is_true()
                && wanted.is_none_or(|w| self.same(w, self.store.value(*rec, "ApiName")))
        });
        match found {
            Some(rec) => Ok(self.store.value(rec, "ApiName")),
            None => {
                let message = format!("invalid convertedStatus: {}", asked.unwrap_or_default());
                Err(Fail::save("INVALID_STATUS", message, &[]))
            }
        }
    }

    fn lead_opportunity(
        &mut self,
        opts: &Opts,
        lead: Rec,
        ask: &Conversion,
        owner: Rec,
        account: Rec,
    ) -> Rec {
        let obj = self.known.opportunity;
        let source = self.store.value(lead, "LeadSource");
        if let Some(existing) = ask.opportunity {
            self.fill(existing, "AccountId", Cell::Ref(account));
            self.fill(existing, "LeadSource", source);
            return existing;
        }
        let name = match &ask.opportunity_name {
            Some(name) => self.store.text_cell(name),
            None => {
                let company: String = self
                    .store
                    .text(self.store.value(lead, "Company"))
                    .unwrap_or_default()
                    .chars()
                    .take(120)
                    .collect();
                self.store.text_cell(&company)
            }
        };
        let field = self.store.schema.get(obj).field("StageName").cloned();
        let first = field.and_then(|f| self.choices(obj, &f).into_iter().find(|c| c.active)).map(|c| c.value);
        let stage = self.store.text_cell(first.as_deref().unwrap_or("Prospecting"));
        let close = Cell::Date(quarter_end(self.now.div_euclid(86_400) as i32));
        let cells = [
            ("Name", name),
            ("AccountId", Cell::Ref(account)),
            ("CloseDate", close),
            ("StageName", stage),
            ("LeadSource", source),
        ];
        self.blank(obj, owner, opts, &cells)
    }

    /// A new row that the platform makes.
    fn blank(&mut self, obj: Obj, owner: Rec, opts: &Opts, cells: &[(&str, Cell)]) -> Rec {
        let mut row = Row::new(opts.by, self.now);
        self.defaults(opts, obj, &mut row);
        self.store.set(obj, &mut row, "OwnerId", Cell::Ref(owner));
        for (name, cell) in cells {
            self.store.set(obj, &mut row, name, *cell);
        }
        self.derive(obj, None, &mut row, &Vec::new());
        let rec = self.store.next(obj);
        self.store.put(rec, Some(row));
        rec
    }

    /// Sets a field only if it is blank.
    fn fill(&mut self, rec: Rec, name: &str, value: Cell) {
        if name.is_empty() || value.is_null() || !self.store.value(rec, name).is_null() {
            return;
        }
        let obj = rec.object();
        let Some(mut row) = self.store.row(rec).cloned() else { return };
        self.store.set(obj, &mut row, name, value);
        self.derive(obj, Some(&row.clone()), &mut row, &Vec::new());
        (row.stamp, row.modified) = (self.now, self.now);
        self.store.put(rec, Some(row));
    }
}

/// The last day of the quarter.
fn quarter_end(today: i32) -> i32 {
    let (year, month, _) = value::civil(today);
    let next = (month - 1) / 3 * 3 + 4;
    let (year, month) = if next > 12 { (year + 1, 1) } else { (year, next) };
    value::days(year, month, 1).map_or(today, |day| day - 1)
}
