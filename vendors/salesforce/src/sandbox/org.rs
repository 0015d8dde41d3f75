//! One org: its records, its people and what its administrator has set.

use super::fail::{Fail, Res};
use super::ids::{Obj, Rec};
use super::schema::Schema;
use super::store::{Row, Store};
use super::value::Cell;
use serde_json::Value;
use std::collections::BTreeMap;

/// Objects with rules of their own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) organization: Obj,
    pub(crate) user: Obj,
    pub(crate) group: Obj,
    pub(crate) record_type: Obj,
    pub(crate) lead_status: Obj,
    pub(crate) stage: Obj,
    pub(crate) account: Obj,
    pub(crate) contact: Obj,
    pub(crate) lead: Obj,
    pub(crate) opportunity: Obj,
    pub(crate) role: Obj,
    pub(crate) product: Obj,
    pub(crate) pricebook: Obj,
    pub(crate) entry: Obj,
}

/// A validation rule: a save that makes the condition true is refused.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) obj: Obj,
    pub(crate) field: usize,
    pub(crate) operator: String,
    pub(crate) value: Value,
    pub(crate) message: String,
    /// The field that the error is shown at.
    pub(crate) at: Option<String>,
}

/// What a duplicate rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DuplicateAction {
    Alert,
    Block,
}

/// A duplicate rule: rows are duplicates when all these fields are equal without case.
#[derive(Debug, Clone)]
pub(crate) struct DuplicateRule {
    pub(crate) name: String,
    pub(crate) obj: Obj,
    pub(crate) fields: Vec<usize>,
    /// The object whose rows are compared, with the fields there.
    pub(crate) against: (Obj, Vec<usize>),
    pub(crate) action: DuplicateAction,
    pub(crate) message: String,
}

/// The active assignment rule of an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Assignment {
    pub(crate) owner: Rec,
    pub(crate) when: Option<(usize, Cell)>,
}

/// Behaviour that differs between orgs or that notes §14 leave open.
#[derive(Debug, Clone)]
pub(crate) struct Knobs {
    /// A save by API that changes no value moves SystemModstamp and LastModifiedDate [K].
    pub(crate) noop_moves_stamp: bool,
    pub(crate) page_size: usize,
    pub(crate) late_ms: i64,
    pub(crate) bin_days: i64,
    pub(crate) session_s: i64,
    pub(crate) rotate_refresh: bool,
    /// "View and Edit Converted Leads".
    pub(crate) edit_converted_leads: bool,
    /// The org's one currency.
    pub(crate) currency: String,
    /// The Connect REST API answers; else its paths are unknown.
    pub(crate) connect_api: bool,
    pub(crate) daily_limit: u64,
    /// Until then every call meets the limit of concurrent requests.
    pub(crate) busy_until: i64,
    pub(crate) api_enabled: bool,
}

/// The org.
#[derive(Debug)]
pub(crate) struct Org {
    pub(crate) store: Store,
    pub(crate) known: Known,
    /// Seconds by the sandbox's clock.
    pub(crate) now: i64,
    pub(crate) now_ms: i64,
    pub(crate) organization: Rec,
    pub(crate) api_user: Rec,
    pub(crate) person: Rec,
    pub(crate) rules: Vec<Rule>,
    pub(crate) duplicate_rules: Vec<DuplicateRule>,
    pub(crate) assignments: BTreeMap<Obj, Assignment>,
    /// Records that another transaction holds, and for how many more tries.
    pub(crate) locks: BTreeMap<Rec, u64>,
    /// The running request meets locked rows everywhere.
    pub(crate) lock_all: bool,
    pub(crate) knobs: Knobs,
    /// Rows whose values the API changed in the running request.
    pub(crate) written: u64,
    pub(crate) noop: u64,
}

/// 2020-01-01, when every org of the sandbox was made.
const FOUNDED: i64 = 1_577_836_800;

impl Org {
    pub(crate) fn new(number: u64) -> Self {
        let schema = Schema::standard();
        let obj = |name: &str| schema.find(name).unwrap_or_default();
        let known = Known {
            organization: obj("Organization"),
            user: obj("User"),
            group: obj("Group"),
            record_type: obj("RecordType"),
            lead_status: obj("LeadStatus"),
            stage: obj("OpportunityStage"),
            account: obj("Account"),
            contact: obj("Contact"),
            lead: obj("Lead"),
            opportunity: obj("Opportunity"),
            role: obj("OpportunityContactRole"),
            product: obj("Product2"),
            pricebook: obj("Pricebook2"),
            entry: obj("PricebookEntry"),
        };
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let pod = [letters[(number % 52) as usize], letters[(number / 52 % 52) as usize]];
        let nobody = Rec::new(known.user, 1);
        let mut org = Self {
            store: Store::new(schema, pod),
            known,
            now: FOUNDED,
            now_ms: FOUNDED * 1000,
            organization: Rec::new(known.organization, 1),
            api_user: nobody,
            person: nobody,
            rules: Vec::new(),
            duplicate_rules: Vec::new(),
            assignments: BTreeMap::new(),
            locks: BTreeMap::new(),
            lock_all: false,
            knobs: Knobs {
                noop_moves_stamp: true,
                page_size: 2000,
                late_ms: 3000,
                bin_days: 15,
                session_s: 7200,
                rotate_refresh: false,
                edit_converted_leads: false,
                currency: "USD".to_owned(),
                connect_api: true,
                daily_limit: 100_000,
                busy_until: 0,
                api_enabled: true,
            },
            written: 0,
            noop: 0,
        };
        for object in &org.store.schema.objects {
            org.store.pool.intern(&object.name);
        }
        org.found();
        org
    }

    /// The rows every org starts with.
    fn found(&mut self) {
        let known = self.known;
        for (first, last, mail) in [
            ("Integration", "User", "integration.user@example.com"),
            ("Org", "Admin", "org.admin@example.com"),
        ] {
            let texts = [
                ("FirstName", first),
                ("LastName", last),
                ("Name", &format!("{first} {last}")),
                ("Username", mail),
                ("Email", mail),
                ("Alias", &last.to_lowercase()),
                ("CommunityNickname", &last.to_lowercase()),
                ("UserType", "Standard"),
                ("TimeZoneSidKey", "Etc/UTC"),
                ("LocaleSidKey", "en_US"),
                ("LanguageLocaleKey", "en_US"),
                ("EmailEncodingKey", "UTF-8"),
            ];
            self.insert(known.user, &texts, &[("IsActive", Cell::Bool(true))]);
        }
        self.api_user = Rec::new(known.user, 1);
        self.person = Rec::new(known.user, 2);
        self.organization = self.new_organization();
        let statuses = [
            ("Open - Not Contacted", true, false),
            ("Working - Contacted", false, false),
            ("Closed - Converted", false, true),
            ("Closed - Not Converted", false, false),
        ];
        for (at, (label, default, converted)) in statuses.into_iter().enumerate() {
            let cells = [
                ("SortOrder", Cell::Num(at as i64 + 1, 0)),
                ("IsDefault", Cell::Bool(default)),
                ("IsConverted", Cell::Bool(converted)),
            ];
            self.insert(known.lead_status, &[("MasterLabel", label), ("ApiName", label)], &cells);
        }
        let stages = [
            ("Prospecting", 10, "Pipeline"),
            ("Qualification", 10, "Pipeline"),
            ("Needs Analysis", 20, "Pipeline"),
            ("Value Proposition", 50, "Pipeline"),
            ("Id. Decision Makers", 60, "Pipeline"),
            ("Perception Analysis", 70, "Pipeline"),
            ("Proposal/Price Quote", 75, "Pipeline"),
            ("Negotiation/Review", 90, "Pipeline"),
            ("Closed Won", 100, "Closed"),
            ("Closed Lost", 0, "Omitted"),
        ];
        for (at, (label, probability, forecast)) in stages.into_iter().enumerate() {
            let texts = [
                ("MasterLabel", label),
                ("ApiName", label),
                ("ForecastCategory", forecast),
                ("ForecastCategoryName", forecast),
            ];
            let cells = [
                ("SortOrder", Cell::Num(at as i64 + 1, 0)),
                ("DefaultProbability", Cell::Num(probability, 0)),
                ("IsActive", Cell::Bool(true)),
                ("IsClosed", Cell::Bool(label.starts_with("Closed"))),
                ("IsWon", Cell::Bool(label == "Closed Won")),
            ];
            self.insert(known.stage, &texts, &cells);
        }
        let book = [
            ("IsActive", Cell::Bool(true)),
            ("IsStandard", Cell::Bool(true)),
            ("IsArchived", Cell::Bool(false)),
        ];
        self.insert(known.pricebook, &[("Name", "Standard Price Book")], &book);
        self.store.commit(None);
    }

    /// A new Organization row.
    pub(crate) fn new_organization(&mut self) -> Rec {
        let texts = [
            ("Name", "Syncline Sandbox"),
            ("OrganizationType", "Enterprise Edition"),
            ("InstanceName", "SBX1"),
            ("DefaultLocaleSidKey", "en_US"),
            ("TimeZoneSidKey", "Etc/UTC"),
            ("LanguageLocaleKey", "en_US"),
        ];
        let cells = [
            ("IsSandbox", Cell::Bool(true)),
            ("IsReadOnly", Cell::Bool(false)),
            ("FiscalYearStartMonth", Cell::Num(1, 0)),
        ];
        self.insert(self.known.organization, &texts, &cells)
    }

    /// Writes a row as it is, without validation.
    pub(crate) fn insert(&mut self, obj: Obj, texts: &[(&str, &str)], cells: &[(&str, Cell)]) -> Rec {
        let rec = self.store.next(obj);
        let mut row = Row::new(self.api_user, self.now);
        for (name, text) in texts {
            let cell = self.store.text_cell(text);
            self.store.set(obj, &mut row, name, cell);
        }
        for (name, cell) in cells {
            self.store.set(obj, &mut row, name, *cell);
        }
        self.store.put(rec, Some(row));
        rec
    }

    /// Changes a row by the platform itself: SystemModstamp moves, LastModifiedDate does not.
    pub(crate) fn touch(&mut self, rec: Rec, change: impl FnOnce(&Store, &mut Row)) {
        let Some(mut row) = self.store.row(rec).cloned() else { return };
        change(&self.store, &mut row);
        row.stamp = self.now;
        self.store.put(rec, Some(row));
    }

    /// A live row that the API user may see.
    pub(crate) fn accessible(&self, rec: Rec) -> Option<&Row> {
        self.store.live(rec).filter(|row| !row.hidden)
    }

    /// The row an id in a path names, for reads. `Err` says why it cannot be given.
    pub(crate) fn read(&self, rec: Rec) -> Res<&Row> {
        let row = self.store.visible(rec).filter(|row| !row.hidden).ok_or_else(Fail::not_found)?;
        if row.deleted.is_some() { Err(Fail::deleted()) } else { Ok(row) }
    }

    /// The row a write aims at; `api` = sharing applies.
    pub(crate) fn target(&self, rec: Rec, api: bool) -> Res<&Row> {
        let row = self.store.row(rec).filter(|row| !(api && row.hidden)).ok_or_else(Fail::not_found)?;
        if row.deleted.is_some() { Err(Fail::deleted()) } else { Ok(row) }
    }

    /// A stage's or lead status's row by its name.
    pub(crate) fn named(&self, obj: Obj, name: Cell) -> Option<Rec> {
        let wanted = self.store.pool.fold(name.sym()?);
        let slot = self.store.slot(obj, "ApiName")?;
        let found = self
            .store
            .all(obj)
            .find(|(_, row)| row.slot(slot).sym().is_some_and(|sym| self.store.pool.fold(sym) == wanted));
        found.map(|(rec, _)| rec)
    }

    /// Removes rows whose time in the recycle bin is over.
    pub(crate) fn purge(&mut self) {
        let before = self.now - self.knobs.bin_days * 86_400;
        for obj in 0..self.store.schema.objects.len() as Obj {
            let due: Vec<(i64, u64)> = self.store.table(obj).bin.range(..(before, 0)).copied().collect();
            for (at, seq) in due {
                self.store.put(Rec::new(obj, seq), None);
                self.store.table_mut(obj).purged.insert((at, seq));
            }
        }
    }
}
