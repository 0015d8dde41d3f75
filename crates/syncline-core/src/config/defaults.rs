//! The configuration that `init` writes: the model's kinds and attributes, with the fields that each vendor's folder
//! names for them. It is an ordinary configuration, to be edited by people.

use crate::mapping::ModelChoice;
use std::fmt::Write;
use syncline_model::Kind;

/// One vendor's word on the default mapping, as its folder's tables have it (`salesforce::mapping`, `hubspot::mapping`).
#[derive(Debug, Clone, Copy)]
pub struct VendorDefaults<'a> {
    /// The vendor's name.
    pub vendor: &'a str,
    /// (kind, objects)
    pub records: &'a [(&'a str, &'a [&'a str])],
    /// (kind, objects of which a thing has exactly one)
    pub one_of: &'a [(&'a str, &'a [&'a str])],
    /// (kind, attribute, binding)
    pub fields: &'a [(&'a str, &'a str, &'a str)],
    /// (kind, edge, binding)
    pub edges: &'a [(&'a str, &'a str, &'a str)],
    /// (kind, attribute, value)
    pub placeholders: &'a [(&'a str, &'a str, &'a str)],
}

struct KindText {
    kind: Kind,
    comment: &'static str,
    match_keys: &'static str,
    /// Written for every direction between two connections.
    scope: Option<&'static str>,
    fields: &'static [FieldText],
    edges: &'static [EdgeText],
}

struct FieldText {
    name: &'static str,
    value_type: &'static str,
    /// Further lines; `{writable}` stands for the first connection whose field may be written.
    lines: &'static [&'static str],
    comment: &'static str,
}

struct EdgeText {
    name: &'static str,
    lines: &'static [&'static str],
    comment: &'static str,
}

const fn field(name: &'static str, value_type: &'static str) -> FieldText {
    FieldText { name, value_type, lines: &[], comment: "" }
}

const KINDS: [KindText; 4] = [
    KindText {
        kind: Kind::User,
        comment: "Users are only read: they tell who owns a record on the other side.",
        match_keys: r#"["email"]"#,
        scope: None,
        fields: &[
            FieldText { name: "email", value_type: "email", lines: &[r#"rule = "off""#], comment: "" },
            FieldText { name: "first_name", value_type: "text", lines: &[r#"rule = "off""#], comment: "" },
            FieldText { name: "last_name", value_type: "text", lines: &[r#"rule = "off""#], comment: "" },
        ],
        edges: &[],
    },
    KindText {
        kind: Kind::Organisation,
        comment: "Companies and accounts.",
        match_keys: r#"["planted", "native_connector", "domain", "name_country"]"#,
        scope: Some("has(name) || has(domain)"),
        fields: &[
            field("name", "text"),
            field("website", "url"),
            FieldText {
                name: "domain",
                value_type: "url",
                lines: &[r#"rule = "prefer {writable}""#],
                comment: "Identity, not text: a blank domain is filled from the website, and never overwritten by it.",
            },
            field("phone", "phone"),
            FieldText {
                name: "industry",
                value_type: "option",
                lines: &[r#"map = "label""#],
                comment: "Industries whose labels differ are held and listed; pair them with a `map` table.",
            },
            field("annual_revenue", "money"),
            field("employees", "decimal"),
            field("street", "text"),
            field("city", "text"),
            field("state", "text"),
            field("postal_code", "text"),
            field("country", "text"),
            field("description", "text"),
        ],
        edges: &[
            EdgeText {
                name: "parent",
                lines: &["required = false"],
                comment: "Written without the parent first, and related to it once both are there.",
            },
            EdgeText { name: "owner", lines: &["required = false"], comment: "" },
        ],
    },
    KindText {
        kind: Kind::Person,
        comment: "Leads and contacts.",
        match_keys: r#"["planted", "native_connector", "email"]"#,
        scope: Some("has(email)"),
        fields: &[
            field("first_name", "text"),
            field("last_name", "text"),
            field("email", "email"),
            field("phone", "phone"),
            field("mobile", "phone"),
            field("title", "text"),
            FieldText {
                name: "company_name",
                value_type: "text",
                lines: &[],
                comment: "The company as text; of a contact the edge `company` is what counts.",
            },
            field("street", "text"),
            field("city", "text"),
            field("state", "text"),
            field("postal_code", "text"),
            field("country", "text"),
        ],
        edges: &[
            EdgeText {
                name: "company",
                lines: &["required = false", r#"wait = "24h""#],
                comment: "Written and reported without a company; a company that is not there yet is waited for.",
            },
            EdgeText { name: "owner", lines: &["required = false"], comment: "" },
        ],
    },
    KindText {
        kind: Kind::Deal,
        comment: "Deals and opportunities.",
        match_keys: r#"["planted", "native_connector"]"#,
        scope: Some("has(name) && has(stage)"),
        fields: &[
            field("name", "text"),
            FieldText {
                name: "stage",
                value_type: "option",
                lines: &[r#"map = "label""#],
                comment: "Stages with equal labels; pair others in [[kind.deal.stage_map]]. The pipeline goes with it.",
            },
            field("amount", "money"),
            FieldText {
                name: "close_date",
                value_type: "date",
                lines: &[],
                comment: "A date on one side and a time on the other: converted in the account's time zone.",
            },
            field("next_step", "text"),
            field("description", "text"),
            FieldText {
                name: "deal_type",
                value_type: "option",
                lines: &[r#"map = "label""#, r#"rule = "off""#],
                comment: "Not synced until the rule says so: both sides tend to use it for something of their own.",
            },
        ],
        edges: &[
            EdgeText {
                name: "account",
                lines: &["required = false", r#"wait = "24h""#],
                comment: "No company in the source: written and reported. A company that is not there yet: waits.",
            },
            EdgeText { name: "owner", lines: &["required = false"], comment: "" },
            EdgeText { name: "contacts", lines: &["required = false", r#"rule = "union""#], comment: "" },
        ],
    },
];

/// Composes the text of a `syncline.toml` for these connections: (name, its vendor's defaults).
pub fn default_text(with: &[(&str, VendorDefaults<'_>)], model: ModelChoice) -> String {
    let mut text = Text { out: String::new(), with };
    text.head(model);
    for kind in &KINDS {
        text.kind(kind);
    }
    text.out
}

struct Text<'a> {
    out: String,
    with: &'a [(&'a str, VendorDefaults<'a>)],
}

impl Text<'_> {
    fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn head(&mut self, model: ModelChoice) {
        let model = match model {
            ModelChoice::LeadsAndContacts => "leads_and_contacts",
            ModelChoice::ContactsOnly => "contacts_only",
        };
        self.line("# What is synced, between which accounts, and who wins. No secrets in here.");
        self.line("# Every key: docs/configuration.md. Check it against the live accounts: syncline doctor");
        self.line("format = 1\n");
        self.line("# leads_and_contacts: new people become leads unless their company is a known account; accounts are");
        self.line("# born in Salesforce. contacts_only: companies, accounts and contacts are created on both sides.");
        let _ = writeln!(self.out, "model = \"{model}\"\n");
        let leads = self.with.iter().find(|(_, vendor)| !vendor.one_of.is_empty());
        if let Some((tie, _)) = leads.or(self.with.first()) {
            self.line("# Who wins where both sides changed at about the same time, and at first contact. Each field and");
            self.line("# edge may say otherwise.");
            let _ = writeln!(self.out, "tie = {}\n", quoted(tie));
        }
        for (name, vendor) in self.with {
            let _ = writeln!(self.out, "[connection.{}]", key(name));
            let _ = writeln!(self.out, "vendor = {}", quoted(vendor.vendor));
            self.line("# `connect` writes `account` here; another account is refused from then on.");
            self.line("# \"none\": no key field in that account; creates run one by one, and some wait for a person.");
            self.line("keys = \"planted\"\n");
        }
        self.line("[serve]\npoll = \"60s\"\n");
        self.line("[budget]\n# Share of each account's remaining daily calls.\ndaily_share = 0.5\n");
        self.line("# A run stops and asks when it would do more than the larger of the two, per object.");
        self.line("[guard]");
        self.line("create = { count = 500, share = 0.2 }");
        self.line("blank = { count = 100, share = 0.02 }");
        self.line("archive = { count = 50, share = 0.01 }");
        self.line("# A field is parked when so many of our writes of it were taken back within the window.");
        self.line("oscillation = { flips = 3, window = \"24h\" }");
    }

    fn kind(&mut self, kind: &KindText) {
        let name = kind.kind.as_str();
        let records = self.by_connection(|vendor| objects(vendor.records, name));
        if records.len() < 2 && self.with.len() > 1 {
            return;
        }
        let _ = writeln!(self.out, "\n# ---- {}\n[kind.{name}]", kind.comment);
        let _ = writeln!(self.out, "records = {}", inline(&records));
        let one_of = self.by_connection(|vendor| objects(vendor.one_of, name));
        if !one_of.is_empty() {
            let _ = writeln!(self.out, "one_of = {}", inline(&one_of));
        }
        let _ = writeln!(self.out, "match = {}", kind.match_keys);
        if let Some(scope) = kind.scope {
            let names = || self.with.iter().map(|(name, _)| *name);
            let pairs =
                names().flat_map(|from| names().filter(move |to| *to != from).map(move |to| (from, to)));
            let pairs: Vec<(String, String)> =
                pairs.map(|(from, to)| (quoted(&format!("{from} -> {to}")), quoted(scope))).collect();
            if !pairs.is_empty() {
                let _ = writeln!(self.out, "scope = {}", inline(&pairs));
            }
            self.line("on_leave = \"freeze\"\non_delete = \"review\"");
        }
        for field in kind.fields {
            self.field(name, field);
        }
        for edge in kind.edges {
            self.edge(name, edge);
        }
    }

    fn field(&mut self, kind: &str, field: &FieldText) {
        let sides = self.by_connection(|vendor| find(vendor.fields, kind, field.name));
        if !self.worth_it(&sides) {
            return;
        }
        self.header(field.comment, &format!("kind.{kind}.field.{}", field.name));
        let _ = writeln!(self.out, "type = {}", quoted(field.value_type));
        self.sides(&sides);
        let writable = sides.iter().find(|(_, binding)| !binding.contains(r#"direction = "in""#));
        let writable = writable.map_or("", |(name, _)| name.trim_matches('"'));
        for line in field.lines {
            self.line(&line.replace("{writable}", writable));
        }
        let placeholders = self.by_connection(|vendor| find(vendor.placeholders, kind, field.name));
        if !placeholders.is_empty() {
            let _ = writeln!(self.out, "placeholder = {}", inline(&placeholders));
        }
    }

    fn edge(&mut self, kind: &str, edge: &EdgeText) {
        let sides = self.by_connection(|vendor| find(vendor.edges, kind, edge.name));
        if !self.worth_it(&sides) {
            return;
        }
        self.header(edge.comment, &format!("kind.{kind}.edge.{}", edge.name));
        self.sides(&sides);
        for line in edge.lines {
            self.line(line);
        }
    }

    fn header(&mut self, comment: &str, table: &str) {
        self.line("");
        if !comment.is_empty() {
            let _ = writeln!(self.out, "# {comment}");
        }
        let _ = writeln!(self.out, "[{table}]");
    }

    fn sides(&mut self, sides: &[(String, String)]) {
        for (connection, binding) in sides {
            let _ = writeln!(self.out, "{connection} = {binding}");
        }
    }

    /// What only one of several sides has cannot be synced.
    fn worth_it(&self, sides: &[(String, String)]) -> bool {
        sides.len() >= self.with.len().min(2)
    }

    fn by_connection(&self, value: impl Fn(&VendorDefaults<'_>) -> Option<String>) -> Vec<(String, String)> {
        self.with.iter().filter_map(|(name, vendor)| Some((key(name), value(vendor)?))).collect()
    }
}

fn objects(table: &[(&str, &[&str])], kind: &str) -> Option<String> {
    let (_, objects) = table.iter().find(|(of, _)| *of == kind)?;
    let objects: Vec<String> = objects.iter().map(|object| quoted(object)).collect();
    Some(format!("[{}]", objects.join(", ")))
}

fn find(table: &[(&str, &str, &str)], kind: &str, name: &str) -> Option<String> {
    let found = table.iter().find(|(of, named, _)| *of == kind && *named == name);
    found.map(|(_, _, value)| (*value).to_owned())
}

fn inline(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// A key, quoted where TOML needs it.
fn key(name: &str) -> String {
    let bare = !name.is_empty()
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter));
    if bare { name.to_owned() } else { quoted(name) }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
