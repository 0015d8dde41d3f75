//! The default configuration, and what is said of broken ones.

use super::*;
use crate::mapping::ModelChoice;
use expect_test::expect_file;

#[allow(unreachable_pub, reason = "public in the vendor's own crate")]
#[path = "../../../../vendors/hubspot/src/mapping.rs"]
mod hubspot_mapping;
#[allow(unreachable_pub, reason = "public in the vendor's own crate")]
#[path = "../../../../vendors/salesforce/src/mapping.rs"]
mod salesforce_mapping;

const SALESFORCE: VendorDefaults<'static> = VendorDefaults {
    vendor: "salesforce",
    records: salesforce_mapping::RECORDS,
    one_of: salesforce_mapping::ONE_OF,
    fields: salesforce_mapping::FIELDS,
    edges: salesforce_mapping::EDGES,
    placeholders: salesforce_mapping::PLACEHOLDERS,
};
const HUBSPOT: VendorDefaults<'static> = VendorDefaults {
    vendor: "hubspot",
    records: hubspot_mapping::RECORDS,
    one_of: hubspot_mapping::ONE_OF,
    fields: hubspot_mapping::FIELDS,
    edges: hubspot_mapping::EDGES,
    placeholders: hubspot_mapping::PLACEHOLDERS,
};

/// The text that `init` writes for one org and one portal.
pub(crate) fn standard(model: ModelChoice) -> String {
    default_text(&[("salesforce", SALESFORCE), ("hubspot", HUBSPOT)], model)
}

/// Reads one text that has to be right.
pub(crate) fn read(text: &str) -> Config {
    parse(&[("syncline.toml", text)]).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

#[test]
fn the_default_text() {
    let text = standard(ModelChoice::LeadsAndContacts);
    expect_file!["golden/default.toml"].assert_eq(&text);
    let config = read(&text);
    assert_eq!(config.kinds.len(), 4);
    assert_eq!(config.kinds[&syncline_model::Kind::Person].scope.len(), 2);
    read(&standard(ModelChoice::ContactsOnly));
}

#[test]
fn odd_connection_names_and_two_portals_work() {
    let text = default_text(
        &[("sf.prod", SALESFORCE), ("hubspot", HUBSPOT), ("hubspot.emea", HUBSPOT)],
        ModelChoice::LeadsAndContacts,
    );
    assert_eq!(read(&text).connections.len(), 3);
}

/// What is said of a text, one problem a line, without the fixes.
fn said(files: &[(&str, &str)]) -> String {
    let problems = parse(files).expect_err("it has mistakes");
    let lines =
        problems.iter().map(|problem| problem.to_string().split("\n  fix:").next().unwrap_or("").to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn all_problems_are_told_at_once_with_their_places() {
    let text = r#"
formt = 1
model = "leads"
[connection.salesforce]
vendor = "salesforce"
access_token = "x"
[connection.hubspot]
[budget]
daily_share = 2
[kind.people]
[kind.person]
records = { hubspot = ["contacts"], salesforc = ["Lead"] }
match = ["emial", "email"]
scope = { "hubspot -> hubspot" = "has(last_name) && last_name > 3", "hubspot" = "true" }
on_leave = "unlink"
[kind.person.field.last_name]
type = "text"
hubspot = "lastname"
rule = "two_way"
drection = "in"
map = "label"
[kind.person.field.size]
type = "decimal"
hubspot = { field = "size", directon = "in" }
rule = "always salesforce"
default = "ten"
salesforce = "Size__c"
[kind.person.edge.company]
rule = "off"
hubspot = { association = "a", junction = "b" }
[kind.person.edge.friend]
rule = "off"
"#;
    expect_test::expect![[r#"
        syncline.toml:1:1: error[SYN-1002]: the configuration does not say which format it has
        syncline.toml:2:1: error[SYN-1003]: the configuration has no key `formt`
        syncline.toml:3:9: error[SYN-1005]: `model` cannot be `leads`
        syncline.toml:6:1: error[SYN-1007]: `access_token` looks like a secret, and secrets never stand in the configuration
        syncline.toml:7:13: error[SYN-1006]: `[connection.hubspot]` has no `vendor`
        syncline.toml:9:15: error[SYN-1005]: `daily_share` is a number here
        syncline.toml:10:7: error[SYN-1008]: there is no kind `people`
        syncline.toml:12:37: error[SYN-1008]: there is no connection `salesforc`
        syncline.toml:13:10: error[SYN-1008]: `emial` is no matching key and no field of this kind
        syncline.toml:13:19: error[SYN-1008]: the matching key `email` needs the field `email`, which this kind has not
        syncline.toml:14:11: error[SYN-1005]: `hubspot -> hubspot` leads back to where it comes from
        syncline.toml:14:63: error[SYN-1010]: `==`, `!=` or `in` is missing here
            has(last_name) && last_name > 3
                                        ^
        syncline.toml:14:69: error[SYN-1005]: `hubspot` names no direction
        syncline.toml:15:12: error[SYN-1005]: `on_leave` cannot be `unlink`
        syncline.toml:16:20: error[SYN-1009]: `[kind.person.field.last_name]` has the rule `two_way` and no `tie`
        syncline.toml:20:1: error[SYN-1003]: `[kind.person.field.last_name]` has no key `drection`
        syncline.toml:21:7: error[SYN-1005]: `map` is for fields of the types option and options
        syncline.toml:22:20: error[SYN-1009]: `[kind.person.field.size]` names salesforce as the winner and binds no field of salesforce
        syncline.toml:24:29: error[SYN-1003]: `hubspot` has no key `directon`
        syncline.toml:26:11: error[SYN-1011]: `default` does not have the type of the field
        syncline.toml:27:1: error[SYN-1008]: this kind has no records on salesforce
        syncline.toml:30:1: error[SYN-1032]: a relation has one carrier on hubspot
        syncline.toml:31:19: error[SYN-1006]: `[kind.person.edge.friend]` has no `to`"#]]
    .assert_eq(&said(&[("syncline.toml", text)]));
}

#[test]
fn syntax_errors_name_their_line() {
    let said = said(&[("syncline.toml", "format = 1\nmodel = \n")]);
    assert!(said.starts_with("syncline.toml:2:9: error[SYN-1001]: this is not TOML: "), "{said}");
    assert!(!said.contains("SYN-1002"), "{said}");
    let twice = self::said(&[("a.toml", "format = 1\nformat = 1\nmodel = \"contacts_only\"")]);
    assert!(twice.starts_with("a.toml:2:1: error[SYN-1001]"), "{twice}");
}

#[test]
fn another_format_is_refused() {
    let said = said(&[("syncline.toml", "format = 2\nmodel = \"contacts_only\"\n")]);
    assert_eq!(
        said,
        "syncline.toml:1:10: error[SYN-1002]: this version reads only configurations of `format = 1`"
    );
}

#[test]
fn files_are_merged_by_table() {
    let main = standard(ModelChoice::LeadsAndContacts);
    let more = "[kind.person.field.fax]\ntype = \"phone\"\nhubspot = \"fax\"\nsalesforce = \"Fax\"\n";
    let config = parse(&[("syncline.toml", &main), ("conf.d/fax.toml", more)]).unwrap();
    assert_eq!(config.kinds[&syncline_model::Kind::Person].fields.last().unwrap().name.as_str(), "fax");
    let said =
        said(&[("syncline.toml", &main), ("conf.d/a.toml", "[kind.person.field.phone]\ntype = \"text\"\n")]);
    assert!(said.starts_with(
        "conf.d/a.toml:2:1: error[SYN-1004]: `type` is set twice; the first time at syncline.toml:"
    ));
}

#[test]
fn a_rule_that_means_nothing_for_the_type_is_refused() {
    let with = |value_type: &str, rule: &str| {
        let field = "[kind.person.field.extra]\nhubspot = \"extra\"\nsalesforce = \"Extra__c\"";
        let text = standard(ModelChoice::LeadsAndContacts);
        format!("{text}\n{field}\ntype = \"{value_type}\"\nrule = \"{rule}\"\n")
    };
    for (value_type, rule) in [("bool", "most_restrictive"), ("options", "union"), ("option", "manual")] {
        assert!(parse(&[("syncline.toml", &with(value_type, rule))]).is_ok(), "{value_type} {rule}");
    }
    for (value_type, rule) in [
        ("option", "most_restrictive"),
        ("options", "most_restrictive"),
        ("bool", "union"),
        ("text", "union"),
    ] {
        let said = said(&[("syncline.toml", &with(value_type, rule))]);
        let expected = format!("error[SYN-1005]: the rule `{rule}` means nothing for a field of this type");
        assert!(said.ends_with(&expected), "{value_type}: {said}");
    }
}

#[test]
fn the_digest_moves_with_the_content_only() {
    let text = standard(ModelChoice::LeadsAndContacts);
    let digest = |text: &str| read(text).digest().to_owned();
    let base = digest(&text);
    let uncommented: String =
        text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line} \n")).collect();
    assert_eq!(digest(&uncommented), base);
    assert_eq!(digest(&text.replace("poll = \"60s\"", "poll = \"5s\"")), base);
    let shared = text.replace("daily_share = 0.5", "daily_share = 0.9");
    assert_ne!(shared, text);
    assert_eq!(digest(&shared), base, "a plan that met a limit goes on under a larger share");
    let swapped = text.replace("count = 500, share = 0.2", "share = 0.2, count = 500");
    assert_ne!(swapped, text);
    assert_eq!(digest(&swapped), base);
    assert_ne!(digest(&text.replace("share = 0.02", "share = 0.03")), base);
    assert_ne!(digest(&text.replace("wait = \"24h\"", "wait = \"25h\"")), base);
    assert_ne!(digest(&text.replace("has(email)", "has(email) ")), base, "texts count as they are");
}

#[test]
fn a_claim_holds_for_five_minutes_or_as_told_and_for_a_second_at_least() {
    let text = standard(ModelChoice::LeadsAndContacts);
    let with = |lease: &str| format!("{text}\n[server]\nlease = \"{lease}\"\n");
    assert_eq!(read(&text).lease, jiff::SignedDuration::from_mins(5));
    assert_eq!(read(&with("4s")).lease, jiff::SignedDuration::from_secs(4));
    assert_eq!(read(&with("4s")).digest(), read(&text).digest(), "it decides nothing about records");
    let said = said(&[("syncline.toml", &with("0s"))]);
    assert!(said.contains("a claim on the workspace has to hold for a second at least"), "{said}");
}

#[test]
fn the_journal_is_kept_as_long_as_told_and_entries_as_long_as_what_they_observed() {
    let text = standard(ModelChoice::LeadsAndContacts);
    let with = |lines: &str| format!("{text}\n[journal]\n{lines}\n");
    let days = |days: i64| jiff::SignedDuration::from_hours(24 * days);
    let keep = |lines| {
        let keep = read(&with(lines)).journal;
        (keep.observed, keep.entries)
    };
    assert_eq!(read(&text).journal, JournalKeep::default());
    assert_eq!(keep(""), (days(90), days(400)));
    assert_eq!(keep("observed = \"7d\""), (days(7), days(400)));
    assert_eq!(keep("observed = \"500d\""), (days(500), days(500)), "entries are kept along");
    assert_eq!(keep("observed = \"7d\"\nentries = \"30d\""), (days(7), days(30)));
    assert_eq!(read(&with("entries = \"100d\"")).digest(), read(&text).digest(), "no plan is refused for it");
    for bad in ["observed = \"1m\"", "entries = \"89d\"", "observed = 90", "years = 3"] {
        let problems = parse(&[("syncline.toml", &with(bad))]).unwrap_err();
        assert_eq!(problems.len(), 1, "{bad}: {problems:?}");
        assert!(problems[0].to_string().contains("syncline.toml:"), "{problems:?}");
    }
}

#[test]
fn the_limits_of_oscillation_are_read_and_nonsense_is_refused() {
    let of = |value: &str| {
        let line = "oscillation = { flips = 3, window = \"24h\" }";
        let text = standard(ModelChoice::LeadsAndContacts);
        assert!(text.contains(line));
        text.replace(line, &format!("oscillation = {value}"))
    };
    let limit = read(&of("{ flips = 5, window = \"2h\" }")).guard.oscillation;
    assert_eq!((limit.flips, limit.window), (5, jiff::SignedDuration::from_hours(2)));
    assert_eq!(read(&of("{ flips = 5 }")).guard.oscillation.window, jiff::SignedDuration::from_hours(24));
    for bad in
        ["{ flips = 0 }", "{ window = \"0h\" }", "{ flips = -1 }", "{ window = 24 }", "{ often = 3 }", "3"]
    {
        let problems = parse(&[("syncline.toml", &of(bad))]).unwrap_err();
        assert_eq!(problems.len(), 1, "{bad}: {problems:?}");
    }
}
