//! The default configuration against schemas like those of a new org and a new portal, and what changes with them.

mod fixture;

use super::*;
use crate::{
    config::{
        self, Severity,
        tests::{read, standard},
    },
    mapping::{Cardinality, Carrier, Codec, CreateAllowed, FieldState, MatchRule, ModelChoice, Pick},
};
use fixture::{accounts, key, option, schemas};
use syncline_model::{FieldType, Value};

fn compiled(text: &str, schemas: &Schemas) -> Compiled {
    compile(&read(text), schemas, &accounts()).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

fn errors(text: &str) -> Vec<String> {
    let problems = compile(&read(text), &schemas(), &accounts()).expect_err("it has mistakes");
    problems.iter().map(ToString::to_string).collect()
}

fn leads() -> String {
    standard(ModelChoice::LeadsAndContacts)
}

fn codes(compiled: &Compiled) -> Vec<u16> {
    compiled.warnings.iter().map(|warning| warning.code.0).collect()
}

type Pairs = Vec<(String, String)>;

fn maps(mapping: &Mapping, kind: Kind, attribute: &str, connection: &str) -> (Pairs, Pairs) {
    let attributes = &mapping.kinds[&kind].attributes;
    let attribute = attributes.iter().find(|known| known.name.as_str() == attribute).unwrap();
    let binding =
        attribute.bindings.iter().find(|binding| binding.connection.as_str() == connection).unwrap();
    let pairs = |map: &BTreeMap<std::sync::Arc<str>, std::sync::Arc<str>>| {
        map.iter().map(|(left, right)| (left.to_string(), right.to_string())).collect()
    };
    match &binding.codec {
        Codec::Map { read, write } => (pairs(read), pairs(write)),
        Codec::Plain => panic!("no map"),
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Pairs {
    pairs.iter().map(|(left, right)| ((*left).to_owned(), (*right).to_owned())).collect()
}

#[test]
fn the_default_mapping_compiles_without_keys_and_says_what_to_do() {
    let compiled = compiled(&leads(), &schemas());
    assert!(compiled.mapping.connections["salesforce"].key_fields.is_empty());
    // Six objects may be created; deals have no other matching key.
    assert_eq!(codes(&compiled), [1023, 1023, 1023, 1023, 1023, 1023, 1026]);
    assert!(compiled.warnings[0].to_string().contains("syncline setup hubspot --plan"));
    assert!(compiled.warnings.iter().all(|warning| warning.severity == Severity::Warning));
    for kind in compiled.mapping.kinds.values() {
        for binding in kind.attributes.iter().flat_map(|attribute| &attribute.bindings) {
            assert_ne!(binding.field_state, FieldState::Missing, "{}/{}", binding.object, binding.field);
        }
        for binding in kind.edges.iter().flat_map(|edge| &edge.bindings) {
            assert_ne!(binding.field_state, FieldState::Missing, "{}/{}", binding.object, binding.field);
        }
    }
}

#[test]
fn planted_keys_are_used_where_the_vendor_enforces_them() {
    let mut schemas = schemas();
    key(&mut schemas, "salesforce", "Lead", "Syncline_Id__c", true);
    key(&mut schemas, "salesforce", "Contact", "Syncline_Id__c", false);
    key(&mut schemas, "hubspot", "contacts", "syncline_id", true);
    let compiled = compiled(&leads(), &schemas);
    let salesforce = &compiled.mapping.connections["salesforce"].key_fields;
    assert_eq!(salesforce.len(), 1, "a field that is not unique protects nothing");
    assert_eq!(salesforce["Lead"].as_str(), "Syncline_Id__c");
    assert!(compiled.captured["hubspot"]["contacts"].fields.contains(&"syncline_id".into()));

    let none = leads().replacen("keys = \"planted\"", "keys = { Lead = \"none\" }", 1);
    let compiled = self::compiled(&none, &schemas);
    assert!(compiled.mapping.connections["salesforce"].key_fields.is_empty());
}

#[test]
fn each_model_brings_its_account_rules() {
    let with_leads = compiled(&leads(), &schemas()).mapping;
    let create = |mapping: &Mapping, kind: Kind, connection: &str| {
        mapping.kinds[&kind].create[connection].allowed.clone()
    };
    assert_eq!(create(&with_leads, Kind::Organisation, "salesforce"), CreateAllowed::Never);
    assert_eq!(create(&with_leads, Kind::Organisation, "hubspot"), CreateAllowed::As("companies".into()));
    assert_eq!(
        create(&with_leads, Kind::Person, "salesforce"),
        CreateAllowed::LeadOrContact {
            lead: "Lead".into(),
            contact: "Contact".into(),
            edge: "company".into()
        }
    );
    assert_eq!(
        create(&with_leads, Kind::Deal, "salesforce"),
        CreateAllowed::AfterParent { object: "Opportunity".into(), edge: "account".into() }
    );
    assert_eq!(create(&with_leads, Kind::Deal, "hubspot"), CreateAllowed::As("deals".into()));
    assert_eq!(create(&with_leads, Kind::User, "hubspot"), CreateAllowed::Never);

    let contacts = compiled(&standard(ModelChoice::ContactsOnly), &schemas()).mapping;
    assert_eq!(create(&contacts, Kind::Organisation, "salesforce"), CreateAllowed::As("Account".into()));
    assert_eq!(create(&contacts, Kind::Person, "salesforce"), CreateAllowed::As("Contact".into()));
    assert_eq!(create(&contacts, Kind::Deal, "salesforce"), CreateAllowed::As("Opportunity".into()));

    let declared = leads().replace(
        "[kind.person]\n",
        "[kind.person]\ncreate = { salesforce = \"Contact\", hubspot = \"never\" }\n",
    );
    let declared = compiled(&declared, &schemas()).mapping;
    assert_eq!(create(&declared, Kind::Person, "salesforce"), CreateAllowed::As("Contact".into()));
    assert_eq!(create(&declared, Kind::Person, "hubspot"), CreateAllowed::Never);
}

#[test]
fn contacts_are_preferred_to_leads_and_nothing_hangs_on_a_lead() {
    let mapping = compiled(&leads(), &schemas()).mapping;
    assert_eq!(mapping.kinds[&Kind::Person].objects["salesforce"], ["Contact".into(), "Lead".into()]);
    let contacts =
        mapping.kinds[&Kind::Deal].edges.iter().find(|edge| edge.name.as_str() == "contacts").unwrap();
    assert_eq!(contacts.cardinality, Cardinality::Many);
    let role = contacts.binding(&"salesforce".into(), &"Opportunity".into()).unwrap();
    assert_eq!(
        (role.field.as_str(), role.carrier, role.pick),
        ("@OpportunityContactRole", Carrier::Association, Pick::All)
    );
    assert_eq!(role.targets, ["Contact".into()]);
    let account =
        mapping.kinds[&Kind::Deal].edges.iter().find(|edge| edge.name.as_str() == "account").unwrap();
    assert_eq!(account.cardinality, Cardinality::One);
    let company = account.binding(&"hubspot".into(), &"deals".into()).unwrap();
    assert_eq!((company.field.as_str(), company.pick), ("@deal_to_company", Pick::Primary));
    let parent = &mapping.kinds[&Kind::Organisation].edges[0];
    assert_eq!(parent.cardinality, Cardinality::One);
    assert_eq!(parent.binding(&"hubspot".into(), &"companies".into()).unwrap().pick, Pick::All);
}

#[test]
fn options_translate_by_label_and_the_tie_side_names_them() {
    let mapping = compiled(&leads(), &schemas()).mapping;
    let (read, write) = maps(&mapping, Kind::Organisation, "industry", "hubspot");
    assert_eq!(read, pairs(&[("BANKING", "Banking"), ("RETAIL", "Retail")]), "others have no counterpart");
    assert_eq!(write, pairs(&[("Banking", "BANKING"), ("Retail", "RETAIL")]));
    let (read, _) = maps(&mapping, Kind::Organisation, "industry", "salesforce");
    assert_eq!(read, pairs(&[("Banking", "Banking"), ("Retail", "Retail")]));

    let tie = leads().replace("hubspot = \"industry\"\n", "hubspot = \"industry\"\ntie = \"hubspot\"\n");
    let (read, _) = maps(&compiled(&tie, &schemas()).mapping, Kind::Organisation, "industry", "salesforce");
    assert_eq!(read, pairs(&[("Banking", "banking"), ("Retail", "Retail")]), "the label of the tie side");
}

#[test]
fn stages_bring_their_pipeline_and_equal_labels_go_to_the_first_one() {
    let compiled = compiled(&leads(), &schemas());
    let (read, write) = maps(&compiled.mapping, Kind::Deal, "stage", "hubspot");
    assert_eq!(write, pairs(&[("Closed Won", "closedwon"), ("Prospecting", "prospecting")]));
    assert_eq!(read, write.iter().map(|(left, right)| (right.clone(), left.clone())).collect::<Vec<_>>());
    let stage = &compiled.mapping.kinds[&Kind::Deal].attributes[1];
    let companion = stage.bindings[1].companion.as_ref().unwrap();
    assert_eq!(companion.field.as_str(), "pipeline");
    assert_eq!(companion.values["closedwon"], Value::option("default"));
    assert!(compiled.captured["hubspot"]["deals"].fields.contains(&"pipeline".into()));

    let mut schemas = schemas();
    for (value, label) in [("91", "Closed Won"), ("92", "Renewed")] {
        option(&mut schemas, "hubspot", "deals", "dealstage", value, label, Some("77"));
    }
    let compiled = self::compiled(&leads(), &schemas);
    assert!(codes(&compiled).contains(&1028));
    let (read, write) = maps(&compiled.mapping, Kind::Deal, "stage", "hubspot");
    assert!(read.contains(&("91".into(), "Closed Won".into())));
    assert!(write.contains(&("Closed Won".into(), "closedwon".into())));
    assert!(!read.iter().any(|(stage, _)| stage == "92"), "a stage without counterpart is in no map");
}

#[test]
fn the_default_pipeline_wins_wherever_it_stands() {
    let mut schemas = schemas();
    let deals = schemas.get_mut("hubspot").unwrap().get_mut("deals").unwrap();
    let mut other = deals.fields["dealstage"].options[1].clone();
    (other.value, other.within) = ("91".into(), Some("77".into()));
    deals.fields.get_mut("dealstage").unwrap().options.insert(0, other);
    let (_, write) = maps(&compiled(&leads(), &schemas).mapping, Kind::Deal, "stage", "hubspot");
    assert!(write.contains(&("Closed Won".into(), "closedwon".into())), "{write:?}");
}

#[test]
fn leads_and_contacts_are_told_apart() {
    let text = leads().replace("one_of = { salesforce = [\"Lead\", \"Contact\"] }\n", "");
    assert!(errors(&text)[0].contains("`one_of` does not say"), "{:?}", errors(&text));
}

#[test]
fn declared_stage_pairs_come_before_labels_and_may_be_many_to_one() {
    let mut schemas = schemas();
    option(&mut schemas, "hubspot", "deals", "dealstage", "92", "Renewed", Some("77"));
    option(&mut schemas, "hubspot", "deals", "pipeline", "77", "Renewals", None);
    let text = leads()
        + r#"
[[kind.deal.stage_map]]
salesforce = { stage = "Closed Won" }
hubspot = { pipeline = "Renewals", stage = "Renewed" }
[[kind.deal.stage_map]]
salesforce = { stage = "Closed Won" }
hubspot = { pipeline = "default", stage = "closedwon" }
"#;
    let compiled = compiled(&text, &schemas);
    let (read, write) = maps(&compiled.mapping, Kind::Deal, "stage", "hubspot");
    assert!(write.contains(&("Closed Won".into(), "92".into())), "the first pair is written: {write:?}");
    assert_eq!(read.iter().filter(|(_, meaning)| meaning == "Closed Won").count(), 2);
    assert!(!codes(&compiled).contains(&1028));

    let wrong = text.replace("stage = \"Renewed\"", "stage = \"Renwed\"");
    assert!(codes(&self::compiled(&wrong, &schemas)).contains(&1027));
}

#[test]
fn declared_maps_translate_both_ways() {
    let text = leads().replace(
        "hubspot = \"industry\"\nmap = \"label\"",
        "hubspot = \"industry\"\nmap = { hubspot = { COMPUTER_SOFTWARE = \"Technology\", INTERNET = \"Technology\" } }\nrule = \"always salesforce\"",
    );
    let mapping = compiled(&text, &schemas()).mapping;
    let attribute =
        mapping.kinds[&Kind::Organisation].attributes.iter().find(|a| a.name.as_str() == "industry").unwrap();
    assert_eq!(attribute.bindings[0].codec, Codec::Plain);
    let (read, write) = maps(&mapping, Kind::Organisation, "industry", "hubspot");
    assert_eq!(read, pairs(&[("COMPUTER_SOFTWARE", "Technology"), ("INTERNET", "Technology")]));
    assert_eq!(write, pairs(&[("Technology", "COMPUTER_SOFTWARE")]));
}

#[test]
fn a_hidden_field_is_a_warning_and_is_not_captured() {
    let mut schemas = schemas();
    let lead = schemas.get_mut("salesforce").unwrap().get_mut("Lead").unwrap();
    lead.fields.remove("Title").unwrap();
    let compiled = compiled(&leads(), &schemas);
    let warning = compiled.warnings.iter().find(|warning| warning.code.0 == 1021).unwrap();
    assert!(warning.message.contains("no field `Title` on Lead"), "{warning}");
    assert!(!compiled.captured["salesforce"]["Lead"].fields.contains(&"Title".into()));
    assert!(compiled.captured["salesforce"]["Contact"].fields.contains(&"Title".into()));
    let title =
        compiled.mapping.kinds[&Kind::Person].attributes.iter().find(|a| a.name.as_str() == "title").unwrap();
    assert_eq!(title.binding(&"salesforce".into(), &"Lead".into()).unwrap().field_state, FieldState::Missing);
}

#[test]
fn types_that_do_not_fit_are_errors_that_name_both() {
    let text = leads()
        .replace("salesforce = \"CloseDate\"", "salesforce = { field = \"Amount\", direction = \"in\" }");
    let errors = errors(&text);
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0].contains("error[SYN-1020]: `close_date` is of type date and salesforce's Opportunity.Amount is of type money"),
        "{errors:?}"
    );
    let text = leads().replace(
        "[kind.deal.edge.account]\nsalesforce = \"AccountId\"",
        "[kind.deal.edge.account]\nsalesforce = \"Name\"",
    );
    assert!(self::errors(&text)[0].contains("is a relation"));
}

#[test]
fn two_attributes_may_not_write_one_field() {
    let errors = errors(&leads().replace("\"NextStep\"", "\"Description\""));
    assert!(
        errors[0].contains("`next_step` and `description` both write salesforce's Opportunity.Description"),
        "{errors:?}"
    );
}

#[test]
fn one_and_many_targets_are_not_mixed_unsaid() {
    let text = leads().replace("\"deal_to_company\", primary = true", "\"deal_to_company\"");
    assert!(errors(&text)[0].contains("SYN-1032"), "{:?}", errors(&text));
}

#[test]
fn ids_of_the_native_connector_are_found_by_name() {
    let mut schemas = schemas();
    for field in ["salesforceleadid", "salesforcecontactid", "salesforceaccountid"] {
        fixture::text(&mut schemas, "hubspot", "contacts", field);
    }
    let compiled = compiled(&leads(), &schemas);
    let rules = &compiled.mapping.kinds[&Kind::Person].match_keys;
    let native: Vec<(&str, &str)> = rules
        .iter()
        .filter_map(|rule| match rule {
            MatchRule::NativeConnector { field, to_object, .. } => Some((field.as_str(), to_object.as_str())),
            MatchRule::Planted | MatchRule::Attribute { .. } => None,
        })
        .collect();
    assert_eq!(native, [("salesforceleadid", "Lead"), ("salesforcecontactid", "Contact")]);
    assert!(matches!(rules[0], MatchRule::Planted), "the order of `match` is kept");
    let fields = &compiled.captured["hubspot"]["contacts"].fields;
    assert!(fields.contains(&"salesforceleadid".into()) && !fields.contains(&"salesforceaccountid".into()));
}

#[test]
fn unsaid_scope_is_the_identity_minimum() {
    let text: String =
        leads().lines().filter(|line| !line.starts_with("scope")).map(|line| format!("{line}\n")).collect();
    let (with, without) = (compiled(&leads(), &schemas()).mapping, compiled(&text, &schemas()).mapping);
    for kind in Kind::ALL {
        assert_eq!(with.kinds[&kind].scope, without.kinds[&kind].scope, "{kind}");
    }
}

#[test]
fn digests_move_with_what_is_agreed_and_with_nothing_else() {
    let digests = |text: &str, schemas: &Schemas| -> Vec<u32> {
        let mapping = compiled(text, schemas).mapping;
        let attributes = mapping.kinds.values().flat_map(|kind| &kind.attributes).flat_map(|a| &a.bindings);
        let edges = mapping.kinds.values().flat_map(|kind| &kind.edges).flat_map(|e| &e.bindings);
        attributes.map(|binding| binding.digest).chain(edges.map(|binding| binding.digest)).collect()
    };
    let base = digests(&leads(), &schemas());
    let changed = |text: &str, schemas: &Schemas| {
        digests(text, schemas).iter().zip(&base).filter(|(left, right)| left != right).count()
    };
    let mut more = schemas();
    option(&mut more, "salesforce", "Account", "Industry", "Space", "Space", None);
    assert_eq!(changed(&leads(), &more), 0, "a new option");
    assert_eq!(
        changed(&leads().replace("tie = \"salesforce\"", "tie = \"hubspot\""), &schemas()),
        0,
        "another winner"
    );
    assert_eq!(changed(&leads().replace("\"NextStep\"", "\"Step__c\""), &schemas()), 1, "another field");
    assert_eq!(
        changed(
            &leads().replace(
                "type = \"money\"\nsalesforce = \"Amount\"",
                "type = \"decimal\"\nsalesforce = \"Amount\""
            ),
            &schemas()
        ),
        2
    );
    assert_eq!(
        changed(&leads().replace("\"NextStep\"", "{ field = \"NextStep\", direction = \"in\" }"), &schemas()),
        1
    );
    let labels = leads()
        .replace("hubspot = \"dealstage\"\nmap = \"label\"", "hubspot = \"dealstage\"\nmap = \"value\"");
    assert_eq!(changed(&labels, &schemas()), 2);
}

#[test]
fn what_the_vendor_requires_has_to_come_from_somewhere() {
    let mut schemas = schemas();
    let field = fixture::text(&mut schemas, "salesforce", "Lead", "Region__c");
    field.required = true;
    let compiled = compiled(&leads(), &schemas);
    let warning = compiled.warnings.iter().find(|warning| warning.code.0 == 1025).unwrap();
    assert!(warning.message.contains("requires Region__c on a new Lead"), "{warning}");
    assert!(!warning.fix.contains("default"), "only a mapped field has one: {}", warning.fix);
}

#[test]
fn an_account_that_is_not_connected_is_an_error() {
    let mut accounts = accounts();
    accounts.remove("hubspot");
    let problems = compile(&read(&leads()), &schemas(), &accounts).expect_err("no account");
    assert!(problems[0].to_string().contains("SYN-1031"));
    let mut accounts = fixture::accounts();
    accounts.get_mut("hubspot").unwrap().time_zone = "Mars/Olympus".into();
    let problems = compile(&read(&leads()), &schemas(), &accounts).expect_err("no zone");
    let said = problems[0].to_string();
    assert!(said.contains("SYN-1030") && said.contains("`Mars/Olympus`"), "{said}");
    assert!(said.contains("another zone in the account") && !said.contains("install"), "{said}");
}

#[test]
fn the_skeleton_of_the_contract_is_understood() {
    let text = r#"
format = 1
model = "leads_and_contacts"
[connection.salesforce]
vendor = "salesforce"
account = "00D000000000001"
keys = "planted"
[connection.hubspot]
vendor = "hubspot"
[kind.organisation]
records = { hubspot = ["companies"], salesforce = ["Account"] }
[kind.person]
records   = { hubspot = ["contacts"], salesforce = ["Lead", "Contact"] }
one_of    = { salesforce = ["Lead", "Contact"] }
match     = ["planted", "native_connector", "last_name"]
scope     = { "hubspot -> salesforce" = "has(last_name)", "salesforce -> hubspot" = "has(last_name)" }
create    = { salesforce = "Lead" }
on_leave  = "freeze"
on_delete = "review"
[kind.person.field.last_name]
type = "text"
hubspot = "lastname"
salesforce = { Lead = "LastName", Contact = "LastName" }
rule = "two_way"
tie = "salesforce"
placeholder = { salesforce = "[not provided]" }
[kind.deal]
records = { hubspot = ["deals"], salesforce = ["Opportunity"] }
[kind.deal.field.stage]
type = "option"
hubspot = "dealstage"
salesforce = "StageName"
rule = "two_way"
tie = "salesforce"
map = "label"
[kind.deal.edge.account]
hubspot = { association = "deal_to_company", primary = true }
salesforce = "AccountId"
required = false
wait = "24h"
tie = "salesforce"
[guard]
create = { count = 500, share = 0.2 }
blank = { count = 100, share = 0.02 }
archive = { count = 50, share = 0.01 }
"#;
    let mapping = compiled(text, &schemas()).mapping;
    let person = &mapping.kinds[&Kind::Person];
    assert_eq!(person.attributes[0].bindings.len(), 3);
    assert_eq!(person.attributes[0].bindings[1].placeholder, Value::text("[not provided]"));
    assert_eq!(mapping.kinds[&Kind::Deal].edges[0].wait, Some(jiff::SignedDuration::from_hours(24)));
    assert_eq!(mapping.guard.create.share_permille, 200);
    assert!(config::parse(&[("x.toml", text)]).unwrap().digest().len() == 64);
    let field = person.attributes[0].bindings[0].field_state.clone();
    assert!(matches!(field, FieldState::Present { field_type: FieldType::Text, .. }));
}
