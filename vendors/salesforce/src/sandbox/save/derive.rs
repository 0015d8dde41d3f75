//! What the platform fills in by itself: defaults, names, what a stage implies, and what follows a save.

use super::{Cells, Opts};
use crate::sandbox::ids::{Obj, Rec};
use crate::sandbox::org::Org;
use crate::sandbox::schema::{Choice, Field, Type};
use crate::sandbox::store::Row;
use crate::sandbox::value::{self, Cell};

impl Org {
    /// Values of a new row before the caller's.
    pub(super) fn defaults(&mut self, opts: &Opts, obj: Obj, row: &mut Row) {
        let object = self.store.schema.get(obj);
        for f in object.fields.iter().filter(|f| !f.removed) {
            let Some(slot) = f.slot() else { continue };
            if f.ty == Type::Bool {
                let yes = &*f.name == "IsActive" && obj != self.known.group;
                row.set(slot, Cell::Bool(yes));
            }
            if &*f.name == "OwnerId" {
                row.set(slot, Cell::Ref(opts.by));
            }
        }
        let known = self.known;
        if obj == known.lead {
            let status = self
                .store
                .all(known.lead_status)
                .find(|(rec, _)| self.store.value(*rec, "IsDefault").is_true());
            if let Some((rec, _)) = status {
                let status = self.store.value(rec, "ApiName");
                self.store.set(obj, row, "Status", status);
            }
            self.store.set(obj, row, "IsUnreadByOwner", Cell::Bool(true));
        }
        if obj == known.user {
            let preset = [
                ("UserType", "Standard"),
                ("TimeZoneSidKey", "Etc/UTC"),
                ("LocaleSidKey", "en_US"),
                ("LanguageLocaleKey", "en_US"),
                ("EmailEncodingKey", "UTF-8"),
            ];
            for (name, text) in preset {
                let cell = self.store.text_cell(text);
                self.store.set(obj, row, name, cell);
            }
        }
        let choices: Vec<(u8, String)> = self
            .store
            .schema
            .get(obj)
            .fields
            .iter()
            .filter_map(|f| {
                Some((f.slot()?, f.choices.iter().find(|c| c.default && c.active)?.value.clone()))
            })
            .collect();
        for (slot, value) in choices {
            let cell = self.store.text_cell(&value);
            row.set(slot, cell);
        }
    }

    /// Read-only fields that follow from the others.
    pub(super) fn derive(&mut self, obj: Obj, old: Option<&Row>, row: &mut Row, given: &Cells) {
        let known = self.known;
        if obj == known.lead || obj == known.contact || obj == known.user {
            self.person_name(obj, row);
        }
        if obj == known.user {
            self.user_names(row);
        }
        if obj == known.opportunity {
            self.opportunity(old, row, given);
        }
        if obj == known.stage {
            let name = self.store.slot(obj, "ForecastCategoryName").map_or(Cell::Null, |slot| row.slot(slot));
            let category = self.forecast_category(name);
            self.store.set(obj, row, "ForecastCategory", category);
        }
        if obj == known.entry
            && let Some(product) = self.store.slot(obj, "Product2Id").and_then(|slot| row.slot(slot).rec())
        {
            for name in ["Name", "ProductCode"] {
                let cell = self.store.value(product, name);
                self.store.set(obj, row, name, cell);
            }
        }
        let object = self.store.schema.get(obj);
        if object.custom
            && let Some(slot) = object.name_field().and_then(|i| object.fields[i].slot())
            && row.slot(slot).is_null()
        {
            let name = self.store.text_cell(&format!("{}", self.store.table(obj).last() + 1));
            row.set(slot, name);
        }
    }

    fn person_name(&mut self, obj: Obj, row: &mut Row) {
        let get = |name: &str| self.store.slot(obj, name).and_then(|slot| self.store.text(row.slot(slot)));
        let parts: Vec<&str> = [get("FirstName"), get("LastName")].into_iter().flatten().collect();
        let full = parts.join(" ");
        let cell = self.store.text_cell(&full);
        self.store.set(obj, row, "Name", cell);
    }

    fn user_names(&mut self, row: &mut Row) {
        let obj = self.known.user;
        let get = |name: &str| {
            let slot = self.store.slot(obj, name)?;
            self.store.text(row.slot(slot)).map(str::to_owned)
        };
        let last: String = get("LastName").unwrap_or_default().to_lowercase();
        let alias = get("Alias").unwrap_or_else(|| last.chars().take(8).collect());
        let nickname = get("CommunityNickname")
            .or_else(|| {
                get("Username").map(|u| u.split('@').next().unwrap_or_default().chars().take(40).collect())
            })
            .unwrap_or(last);
        for (name, text) in [("Alias", alias), ("CommunityNickname", nickname)] {
            let cell = self.store.text_cell(&text);
            self.store.set(obj, row, name, cell);
        }
    }

    fn opportunity(&mut self, old: Option<&Row>, row: &mut Row, given: &Cells) {
        let obj = self.known.opportunity;
        let slot = |name: &str| self.store.slot(obj, name).unwrap_or_default();
        let (stage, probability, forecast) =
            (slot("StageName"), slot("Probability"), slot("ForecastCategoryName"));
        let (amount, close) = (slot("Amount"), slot("CloseDate"));
        let was_given = |wanted: u8| {
            given.iter().any(|(f, _)| self.store.schema.get(obj).fields[*f].slot() == Some(wanted))
        };
        if old.is_none_or(|old| !self.same(old.slot(stage), row.slot(stage))) {
            let (keep_probability, keep_forecast) = (was_given(probability), was_given(forecast));
            let found = self.named(self.known.stage, row.slot(stage));
            let of = |name: &str| found.map_or(Cell::Null, |rec| self.store.value(rec, name));
            let (closed, won) = (of("IsClosed").is_true(), of("IsWon").is_true());
            if !keep_probability {
                let default = of("DefaultProbability");
                row.set(probability, if default.is_null() { Cell::Num(0, 0) } else { default });
            }
            if !keep_forecast {
                row.set(forecast, of("ForecastCategoryName"));
            }
            self.store.set(obj, row, "IsClosed", Cell::Bool(closed));
            self.store.set(obj, row, "IsWon", Cell::Bool(won));
            if old.is_some() {
                self.store.set(obj, row, "LastStageChangeDate", Cell::Time(self.now));
            }
        }
        if row.slot(forecast).is_null() {
            let pipeline = self.store.text_cell("Pipeline");
            row.set(forecast, pipeline);
        }
        let category = self.forecast_category(row.slot(forecast));
        self.store.set(obj, row, "ForecastCategory", category);
        let expected = match (row.slot(amount), row.slot(probability)) {
            (Cell::Num(m, p), Cell::Num(pm, pp)) => m
                .checked_mul(pm)
                .and_then(|product| value::number(&value::number_text(product, p + pp + 2), 2))
                .unwrap_or(Cell::Null),
            _ => Cell::Null,
        };
        self.store.set(obj, row, "ExpectedRevenue", expected);
        if let Cell::Date(days) = row.slot(close) {
            let (year, month, _) = value::civil(days);
            let quarter = (month as i64 - 1) / 3 + 1;
            let fiscal = self.store.text_cell(&format!("{year} {quarter}"));
            self.store.set(obj, row, "Fiscal", fiscal);
            self.store.set(obj, row, "FiscalYear", Cell::Num(i64::from(year), 0));
            self.store.set(obj, row, "FiscalQuarter", Cell::Num(quarter, 0));
        }
    }

    fn forecast_category(&mut self, name: Cell) -> Cell {
        let category = match self.store.text(name).unwrap_or("Pipeline") {
            "Best Case" => "BestCase".to_owned(),
            "Most Likely" => "MostLikely".to_owned(),
            "Commit" => "Forecast".to_owned(),
            other => other.to_owned(),
        };
        self.store.text_cell(&category)
    }

    /// What a save sets in motion. None of it counts as a row that the API wrote.
    pub(super) fn after_save(&mut self, opts: &Opts, rec: Rec, created: bool, contact: Option<Rec>) {
        let known = self.known;
        if opts.assign
            && let Some(rule) = self.assignments.get(&rec.object()).copied()
        {
            let fits = rule.when.is_none_or(|(field, cell)| {
                let f = &self.store.schema.get(rec.object()).fields[field];
                self.store.row(rec).is_some_and(|row| self.same(row.get(rec, f), cell))
            });
            if fits && self.store.value(rec, "OwnerId") != Cell::Ref(rule.owner) {
                self.touch(rec, |store, row| store.set(rec.object(), row, "OwnerId", Cell::Ref(rule.owner)));
            }
        }
        if rec.object() == known.role && self.store.value(rec, "IsPrimary").is_true() {
            self.only_primary(rec);
        }
        if let (true, Some(contact)) = (created && rec.object() == known.opportunity, contact) {
            self.add_role(rec, contact);
        }
    }

    /// A primary contact role of an opportunity.
    pub(crate) fn add_role(&mut self, opportunity: Rec, contact: Rec) -> Rec {
        let cells = [
            ("OpportunityId", Cell::Ref(opportunity)),
            ("ContactId", Cell::Ref(contact)),
            ("IsPrimary", Cell::Bool(true)),
        ];
        let role = self.insert(self.known.role, &[], &cells);
        self.only_primary(role);
        role
    }

    fn only_primary(&mut self, role: Rec) {
        let obj = self.known.role;
        let Some(opportunity) = self.store.value(role, "OpportunityId").rec() else { return };
        let field = self.store.schema.get(obj).find("OpportunityId").unwrap_or_default();
        for other in self.store.referring(obj, field, opportunity) {
            if other != role && self.store.value(other, "IsPrimary").is_true() {
                self.touch(other, |store, row| store.set(obj, row, "IsPrimary", Cell::Bool(false)));
            }
        }
    }

    /// A picklist's values; stages and lead statuses have theirs from their own objects.
    pub(crate) fn choices(&self, obj: Obj, field: &Field) -> Vec<Choice> {
        let source = match &*field.name {
            "StageName" if obj == self.known.opportunity => self.known.stage,
            "Status" if obj == self.known.lead => self.known.lead_status,
            _ => return field.choices.clone(),
        };
        let mut rows: Vec<(Cell, Choice)> = self
            .store
            .all(source)
            .map(|(rec, _)| {
                let value = self.store.text(self.store.value(rec, "ApiName")).unwrap_or_default().to_owned();
                let active = self.store.value(rec, "IsActive") != Cell::Bool(false);
                let default = self.store.value(rec, "IsDefault").is_true();
                (self.store.value(rec, "SortOrder"), Choice { value, active, default })
            })
            .collect();
        rows.sort_by(|(a, _), (b, _)| match (a, b) {
            (Cell::Num(am, ap), Cell::Num(bm, bp)) => value::compare_numbers((*am, *ap), (*bm, *bp)),
            _ => std::cmp::Ordering::Equal,
        });
        rows.into_iter().map(|(_, choice)| choice).collect()
    }
}
