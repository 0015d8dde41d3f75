//! What an administrator sets up: fields, picklists, rules, limits, the org itself.

use super::{Args, Refused, done};
use crate::sandbox::Salesforce;
use crate::sandbox::ids::Obj;
use crate::sandbox::org::{Assignment, DuplicateAction, DuplicateRule, Rule};
use crate::sandbox::schema::Type;
use crate::sandbox::schema::build::{Custom, choice};
use crate::sandbox::value::Cell;
use serde_json::{Value, json};

type Maybe = Result<Option<Value>, Refused>;

impl Salesforce {
    pub(super) fn setup(&mut self, name: &str, args: &Args<'_>) -> Maybe {
        match name {
            "hide_field" | "show_field" | "readonly_field" | "writable_field" | "remove_field"
            | "restrict_picklist" => {
                let obj = self.admin_object(args)?;
                let index = self.admin_field(obj, args.text("field")?)?;
                let now = self.org.now;
                let object = self.org.store.schema.get_mut(obj);
                object.changed_at = now;
                let field = &mut object.fields[index];
                match name {
                    "hide_field" => field.hidden = true,
                    "show_field" => field.hidden = false,
                    "readonly_field" => field.locked = true,
                    "writable_field" => field.locked = false,
                    "restrict_picklist" => field.restricted = args.flag("restricted", true),
                    _ if !field.custom => return Err(format!("{} is a standard field", field.name)),
                    _ => field.removed = true,
                }
                Ok(Some(done()))
            }
            "add_field" => self.add_field(args).map(Some),
            "add_object" => {
                let obj = self.org.store.schema.add_object(args.text("name")?)?;
                self.org.store.sync_schema();
                let name = self.org.store.schema.get(obj).name.clone();
                self.org.store.pool.intern(&name);
                Ok(Some(done()))
            }
            "several_currencies" => self.several_currencies(&args.list("codes")).map(Some),
            "add_option" | "remove_option" => self.option(name == "add_option", args).map(Some),
            "validation_rule" => {
                let obj = self.admin_object(args)?;
                let field = self.admin_field(obj, args.text("field")?)?;
                let operator = args.text("operator")?.to_owned();
                let known =
                    ["=", "!=", "<", "<=", ">", ">=", "blank", "not_blank", "contains", "starts_with"];
                if !known.contains(&operator.as_str()) {
                    return Err(format!("operator is one of {}", known.join(" ")));
                }
                let message = args.text("message")?.to_owned();
                let at = args.maybe("at").map(str::to_owned);
                self.org.rules.push(Rule { obj, field, operator, value: args.value("value"), message, at });
                Ok(Some(done()))
            }
            "validation_rules_off" => {
                let obj = self.admin_object(args)?;
                self.org.rules.retain(|rule| rule.obj != obj);
                Ok(Some(done()))
            }
            "duplicate_rule" => self.duplicate_rule(args).map(Some),
            "assignment_rule" => self.assignment_rule(args).map(Some),
            "set_limit" => self.set_limit(args).map(Some),
            "set_knob" => self.set_knob(args).map(Some),
            "api" => {
                self.org.knobs.api_enabled = args.flag("enabled", true);
                Ok(Some(done()))
            }
            "refresh_org" => {
                let old = self.org.organization;
                self.org.organization = self.org.new_organization();
                self.org.store.put(old, None);
                let id = self.org.store.id(self.org.organization);
                Ok(Some(json!({"organization_id": id})))
            }
            "jwt_key" => {
                self.auth.jwt_key = args.maybe("public_key").map(str::to_owned);
                Ok(Some(done()))
            }
            "expire_sessions" => {
                self.auth.expire_all();
                Ok(Some(done()))
            }
            _ => Ok(None),
        }
    }

    fn changed(&mut self, obj: Obj) {
        let now = self.org.now;
        self.org.store.schema.get_mut(obj).changed_at = now;
    }

    /// Every record counts in the corporate currency from then on, without having been changed by anybody.
    fn several_currencies(&mut self, codes: &[String]) -> Result<Value, Refused> {
        let types = self.org.store.schema.add_currencies(codes)?;
        self.org.store.sync_schema();
        let name = self.org.store.schema.get(types).name.clone();
        self.org.store.pool.intern(&name);
        for (position, code) in codes.iter().enumerate() {
            let cells = [
                ("IsCorporate", Cell::Bool(position == 0)),
                ("IsActive", Cell::Bool(true)),
                ("ConversionRate", Cell::Num(1_000_000, 6)),
            ];
            self.org.insert(types, &[("IsoCode", code)], &cells);
        }
        let corporate = codes.first().map_or(Cell::Null, |code| self.org.store.text_cell(code));
        let known = self.org.known;
        for obj in [known.account, known.contact, known.lead, known.opportunity] {
            self.changed(obj);
            let rows: Vec<_> = self.org.store.all(obj).map(|(rec, row)| (rec, row.clone())).collect();
            for (rec, mut row) in rows {
                self.org.store.set(obj, &mut row, "CurrencyIsoCode", corporate);
                self.org.store.put(rec, Some(row));
            }
        }
        Ok(done())
    }

    fn add_field(&mut self, args: &Args<'_>) -> Result<Value, Refused> {
        let obj = self.admin_object(args)?;
        let types = [
            ("text", Type::Text, 255, 0),
            ("textarea", Type::Area, 255, 0),
            ("longtextarea", Type::Area, 32_768, 0),
            ("email", Type::Email, 80, 0),
            ("phone", Type::Phone, 40, 0),
            ("url", Type::Url, 255, 0),
            ("picklist", Type::Pick, 255, 0),
            ("multipicklist", Type::Multi, 4099, 0),
            ("boolean", Type::Bool, 0, 0),
            ("int", Type::Int, 0, 0),
            ("double", Type::Double, 0, 2),
            ("currency", Type::Money, 0, 2),
            ("percent", Type::Percent, 0, 0),
            ("date", Type::Date, 0, 0),
            ("datetime", Type::Time, 0, 0),
            ("reference", Type::Reference, 18, 0),
        ];
        let wanted = args.maybe("type").unwrap_or("text").to_ascii_lowercase();
        let wanted = if wanted == "string" { "text".to_owned() } else { wanted };
        let (_, ty, length, scale) = types
            .into_iter()
            .find(|(name, ..)| *name == wanted)
            .ok_or_else(|| format!("no field type {wanted}"))?;
        let target = match args.maybe("target") {
            Some(name) => Some(self.org.store.schema.find(name).ok_or_else(|| format!("no object {name}"))?),
            None => None,
        };
        if (ty == Type::Reference) != target.is_some() {
            return Err("a reference, and only that, has a target".to_owned());
        }
        let custom = Custom {
            name: args.text("name")?.to_owned(),
            ty,
            len: args.number("length").and_then(|n| u32::try_from(n).ok()).unwrap_or(length),
            scale: args.number("scale").and_then(|n| u8::try_from(n).ok()).unwrap_or(scale),
            external_id: args.flag("external_id", false),
            unique: args.flag("unique", false),
            required: args.flag("required", false),
            target,
            choices: args.list("options"),
            restricted: args.flag("restricted", false),
        };
        self.org.store.schema.add_custom(obj, custom)?;
        self.org.store.sync_schema();
        self.changed(obj);
        Ok(done())
    }

    /// A picklist's value; stages and lead statuses are rows of their own objects.
    fn option(&mut self, add: bool, args: &Args<'_>) -> Result<Value, Refused> {
        let obj = self.admin_object(args)?;
        let index = self.admin_field(obj, args.text("field")?)?;
        let value = args.text("value")?.to_owned();
        let known = self.org.known;
        let name = self.org.store.schema.get(obj).fields[index].name.clone();
        let rows = match &*name {
            "StageName" if obj == known.opportunity => Some(known.stage),
            "Status" if obj == known.lead => Some(known.lead_status),
            _ => None,
        };
        self.changed(obj);
        let Some(rows) = rows else {
            let field = &mut self.org.store.schema.get_mut(obj).fields[index];
            if !matches!(field.ty, Type::Pick | Type::Multi) {
                return Err(format!("{name} is not a picklist"));
            }
            match field.choices.iter_mut().find(|c| c.value == value) {
                Some(choice) => choice.active = add,
                None if add => field.choices.push(choice(value)),
                None => return Err(format!("{name} has no value {value}")),
            }
            if add && args.flag("default", false) {
                let given = args.text("value")?;
                field.choices.iter_mut().for_each(|c| c.default = c.value == given);
            }
            return Ok(done());
        };
        let cell = self.org.store.text_cell(&value);
        let found = self.org.named(rows, cell);
        match (add, found) {
            (false, None) => Err(format!("{name} has no value {value}")),
            (false, Some(rec)) if rows == known.lead_status => {
                self.org.store.put(rec, None);
                Ok(done())
            }
            (active, Some(rec)) => {
                self.org.touch(rec, |store, row| store.set(rows, row, "IsActive", Cell::Bool(active)));
                Ok(done())
            }
            (true, None) => {
                let last = self.org.store.all(rows).count() as i64 + 1;
                let (closed, won) = (args.flag("closed", false), args.flag("won", false));
                let forecast =
                    args.maybe("forecast").unwrap_or(if closed { "Closed" } else { "Pipeline" }).to_owned();
                let texts = [
                    ("MasterLabel", value.as_str()),
                    ("ApiName", &value),
                    ("ForecastCategoryName", &forecast),
                    ("ForecastCategory", &forecast.replace(' ', "")),
                ];
                let cells = [
                    ("SortOrder", Cell::Num(args.number("sort_order").unwrap_or(last), 0)),
                    ("IsActive", Cell::Bool(true)),
                    ("IsClosed", Cell::Bool(closed)),
                    ("IsWon", Cell::Bool(won)),
                    ("IsDefault", Cell::Bool(false)),
                    ("IsConverted", Cell::Bool(args.flag("converted", false))),
                    ("DefaultProbability", Cell::Num(args.number("probability").unwrap_or(0), 0)),
                ];
                self.org.insert(rows, &texts, &cells);
                Ok(done())
            }
        }
    }

    fn duplicate_rule(&mut self, args: &Args<'_>) -> Result<Value, Refused> {
        let obj = self.admin_object(args)?;
        let object_name = self.org.store.schema.get(obj).name.to_string();
        let name = args.maybe("name").map_or_else(|| format!("{object_name}_Duplicate_Rule"), str::to_owned);
        self.org.duplicate_rules.retain(|rule| rule.name != name);
        let action = match args.text("action")? {
            "alert" => DuplicateAction::Alert,
            "block" => DuplicateAction::Block,
            "off" => return Ok(done()),
            other => return Err(format!("action is alert, block or off, not {other}")),
        };
        let mut names = args.list("fields");
        names.extend(args.maybe("field").map(str::to_owned));
        if names.is_empty() {
            return Err("fields is missing".to_owned());
        }
        let fields = names.iter().map(|n| self.admin_field(obj, n)).collect::<Result<Vec<_>, _>>()?;
        let other = match args.maybe("match_object") {
            Some(name) => self.org.store.schema.find(name).ok_or_else(|| format!("no object {name}"))?,
            None => obj,
        };
        let listed = args.list("match_fields");
        let other_names = if listed.is_empty() { names } else { listed };
        let theirs = other_names.iter().map(|n| self.admin_field(other, n)).collect::<Result<Vec<_>, _>>()?;
        if theirs.len() != fields.len() {
            return Err("match_fields pairs with fields".to_owned());
        }
        if let Some(first) = theirs.first() {
            self.org.store.schema.get_mut(other).fields[*first].indexed = true;
            self.org.store.sync_schema();
        }
        let message = args.maybe("message").unwrap_or("Use one of these records?").to_owned();
        self.org.duplicate_rules.push(DuplicateRule {
            name,
            obj,
            fields,
            against: (other, theirs),
            action,
            message,
        });
        Ok(done())
    }

    fn assignment_rule(&mut self, args: &Args<'_>) -> Result<Value, Refused> {
        let obj = self.admin_object(args)?;
        if !args.flag("active", true) {
            self.org.assignments.remove(&obj);
            return Ok(done());
        }
        let owner = self.admin_rec(args.text("owner")?)?;
        let when = match args.maybe("field") {
            Some(name) => {
                let field = self.admin_field(obj, name)?;
                Some((field, self.org.cell_from_json(obj, field, &args.value("equals"))?))
            }
            None => None,
        };
        self.org.assignments.insert(obj, Assignment { owner, when });
        Ok(done())
    }

    fn set_limit(&mut self, args: &Args<'_>) -> Result<Value, Refused> {
        match args.text("limit")? {
            "DailyApiRequests" => {
                let value = args.number("value").and_then(|n| u64::try_from(n).ok());
                self.org.knobs.daily_limit = value.ok_or("value is missing")?;
            }
            "ConcurrentRequests" => {
                self.org.knobs.busy_until =
                    self.org.now + args.number("seconds").ok_or("seconds is missing")?;
            }
            other => return Err(format!("no limit {other}")),
        }
        Ok(done())
    }

    fn set_knob(&mut self, args: &Args<'_>) -> Result<Value, Refused> {
        let knobs = &mut self.org.knobs;
        let number = || args.number("value").filter(|n| *n >= 0).ok_or("value is missing or negative");
        let flag = args.flag("value", true);
        match args.text("knob")? {
            "noop_moves_stamp" => knobs.noop_moves_stamp = flag,
            "page_size" => knobs.page_size = usize::try_from(number()?.max(1)).unwrap_or(2000),
            "late_commit_ms" => knobs.late_ms = number()?,
            "recycle_bin_days" => knobs.bin_days = number()?,
            "session_s" => knobs.session_s = number()?,
            "rotate_refresh_token" => knobs.rotate_refresh = flag,
            "currency" => knobs.currency = args.text("value")?.to_owned(),
            "connect_api" => knobs.connect_api = flag,
            "edit_converted_leads" => knobs.edit_converted_leads = flag,
            "deletion_log_age_s" => self.log_starts = self.org.now - number()?,
            other => return Err(format!("no knob {other}")),
        }
        Ok(done())
    }
}
