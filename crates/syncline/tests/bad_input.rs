//! What a user or the world gets wrong: every message names what and where, nothing is written meanwhile, and once it is
//! mended the next run brings over what was waiting (HUB-7, HUB-19).

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

mod town;

use serde_json::{Value, json};
use std::{fs, process::Output};
use town::Town;

const CONTACTS: &str = "email,firstname,lastname,phone,jobtitle,company.name\nada@x.example,Ada,Berg,+44 555 1000,Buyer,X Works\n";
const COMPANIES: &str = "name,domain,website\nX Works,x.example,https://x.example\n";
const ACCOUNTS: &str = "Name,Website\nX Works,https://x.example\n";
const SALESFORCE_CONTACTS: &str = "FirstName,LastName,Email,Phone,Title,Account.Name\n\
     Ada,Berg,ada@x.example,+44 555 1000,Buyer,X Works\n";

/// Both sides in step, with a change of Ada's title and phone in Salesforce that waits for the next run.
fn waiting() -> Town {
    let town = Town::new(
        &[("contacts.csv", CONTACTS), ("companies.csv", COMPANIES)],
        &[("Account.csv", ACCOUNTS), ("Contact.csv", SALESFORCE_CONTACTS)],
    );
    town.run(&["apply", "--yes"], None);
    town.pass_an_hour();
    assert_eq!(town.sync()["writes"], 0);
    let id = town.salesforce.dump()["objects"]["Contact"][0]["Id"].clone();
    town.salesforce
        .admin(&json!({"do": "edit", "id": id, "fields": {"Title": "Director", "Phone": "+44 555 2000"}}));
    town
}

fn ada(town: &Town) -> Value {
    town.hubspot.dump()["objects"]["contacts"][0]["properties"].clone()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn dumps(town: &Town) -> [Value; 2] {
    [town.hubspot.dump(), town.salesforce.dump()]
}

/// The command fails with this exit code and these words, and neither side changes by a byte.
fn refused(town: &Town, arguments: &[&str], exit: i32, words: &[&str]) {
    let before = dumps(town);
    let output = town.attempt(arguments, None);
    let told = err(&output);
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {told}");
    for word in words {
        assert!(told.contains(word), "{arguments:?} does not say {word}: {told}");
    }
    assert!(told.contains("\n  fix: "), "{arguments:?} says no fix: {told}");
    assert_eq!(dumps(town), before, "{arguments:?} changed something");
}

/// What waited arrives, in one run, and there is nothing more.
fn nothing_was_lost(town: &Town) {
    arrives(town, &["sync", "--json"]);
}

fn arrives(town: &Town, arguments: &[&str]) {
    let run: Value = serde_json::from_str(&town.run(arguments, None)).unwrap();
    assert_eq!(run["updated"], 1, "{run}");
    assert_eq!((&ada(town)["jobtitle"], &ada(town)["phone"]), (&json!("Director"), &json!("+44 555 2000")));
    assert_eq!(town.sync()["writes"], 0);
    assert_eq!(dumps(town)[0]["objects"]["contacts"].as_array().unwrap().len(), 1);
}

/// Rewrites a part of the configuration; the text before.
fn edit(town: &Town, from: &str, to: &str) -> String {
    let path = town.path("syncline.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches(from).count(), 1, "{from}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
    text
}

/// Where a piece of a changed part stands in the configuration, as messages say it.
fn place(town: &Town, part: &str, piece: &str) -> String {
    let whole = fs::read_to_string(town.path("syncline.toml")).unwrap();
    let before = &whole[..whole.find(part).unwrap() + part.find(piece).unwrap()];
    let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
    format!("syncline.toml:{}:{column}: ", before.matches('\n').count() + 1)
}

#[test]
fn a_broken_configuration_is_refused_with_its_place() {
    let town = waiting();
    let title = "[kind.person.field.title]\ntype = \"text\"";
    let cases = [
        // What is changed, into what, the place that is named, the code and a word.
        ("model = \"leads_and_contacts\"", "model = leads", "leads", "SYN-1001", "TOML"),
        ("daily_share = 0.5", "dayly_share = 0.5", "dayly_share", "SYN-1003", "dayly_share"),
        ("daily_share = 0.5", "daily_share = \"half\"", "\"half\"", "SYN-1005", "daily_share"),
        (title, "[kind.person.field.title]\ntype = \"txt\"", "\"txt\"", "SYN-1005", "txt"),
        (
            title,
            "[kind.person.field.title]\nrule = \"prefer siebel\"\ntype = \"text\"",
            "\"prefer siebel\"",
            "SYN-1008",
            "siebel",
        ),
        (
            "\"hubspot -> salesforce\" = \"has(email)\"",
            "\"hubspot -> salesforce\" = \"hass(email)\"",
            "hass(email)",
            "SYN-1010",
            "hass",
        ),
    ];
    for (from, to, at, code, word) in cases {
        let text = edit(&town, from, to);
        for arguments in [&["sync"][..], &["plan"], &["apply", "--yes"], &["history"]] {
            refused(&town, arguments, 2, &["error[SYN-1103]", &place(&town, to, at), code, word]);
        }
        fs::write(town.path("syncline.toml"), text).unwrap();
    }
    nothing_was_lost(&town);
}

#[test]
fn a_field_that_the_vendor_does_not_have_is_held_and_the_rest_goes_on() {
    let town = waiting();
    let text = edit(&town, "hubspot = \"jobtitle\"", "hubspot = \"jobtitel\"");
    let at = place(&town, "hubspot = \"jobtitel\"", "hubspot");
    let before = dumps(&town);
    let planned = town.run(&["plan"], None);
    for word in ["SYN-1021", "jobtitel", &at, "held, no_such_field: 1"] {
        assert!(planned.contains(word), "{word}: {planned}");
    }
    let lines = town.run(&["plan", "--json"], None);
    assert!(lines.contains("no_such_field"), "{lines}");
    let examined = town.attempt(&["doctor", "--json"], None);
    assert_eq!(examined.status.code(), Some(2), "{}", err(&examined));
    let report: Value = serde_json::from_slice(&examined.stdout).unwrap();
    let named = |check: &Value| {
        check["level"] == "error"
            && check["code"] == "SYN-1021"
            && check["what"].as_str().unwrap().starts_with(&at)
            && check["what"].as_str().unwrap().contains("jobtitel")
    };
    assert!(report["checks"].as_array().unwrap().iter().any(named), "{report}");
    assert_eq!(dumps(&town), before);

    // Another field is another mapping: a person confirms what it means for the records there are.
    refused(&town, &["sync"], 3, &["error[SYN-1161]", "backfill of person.title"]);
    town.run(&["sync", "--yes-backfill"], None);
    assert_eq!((&ada(&town)["jobtitle"], &ada(&town)["phone"]), (&json!("Buyer"), &json!("+44 555 2000")));
    fs::write(town.path("syncline.toml"), text).unwrap();
    arrives(&town, &["sync", "--json", "--yes-backfill"]);
}

#[test]
fn a_field_of_another_type_is_refused_with_its_place() {
    let town = waiting();
    let text = edit(&town, "hubspot = \"jobtitle\"", "hubspot = \"hs_email_optout\"");
    let at = place(&town, "hubspot = \"hs_email_optout\"", "hubspot");
    for arguments in [&["sync"][..], &["plan"], &["apply", "--yes"]] {
        refused(&town, arguments, 2, &["error[SYN-1103]", "SYN-1020", "hs_email_optout", &at]);
    }
    let examined = town.attempt(&["doctor"], None);
    assert_eq!(examined.status.code(), Some(2));
    fs::write(town.path("syncline.toml"), text).unwrap();
    nothing_was_lost(&town);
}

/// The connection line of HubSpot with these members of its credentials.
fn line_with(town: &Town, members: &[&str]) -> Value {
    let mut line = town.hubspot.line.clone();
    let given = line["credentials"].as_object_mut().unwrap();
    given.retain(|name, _| name == "base_url" || members.contains(&name.as_str()));
    line
}

const REFRESHED: [&str; 3] = ["refresh_token", "client_id", "client_secret"];

#[test]
fn a_revoked_token_is_told_and_a_new_one_goes_on() {
    let town = waiting();
    town.run(&["connect", "hubspot"], Some(&line_with(&town, &["access_token"])));
    town.hubspot.admin(&json!({"do": "revoke_token", "token": "private_app"}));
    for arguments in [&["sync"][..], &["plan"], &["apply", "--yes"], &["sync", "--yes-backfill"]] {
        refused(&town, arguments, 4, &["error[SYN-1130]", "hubspot"]);
    }
    let examined = town.attempt(&["doctor"], None);
    assert_eq!(examined.status.code(), Some(4), "{}", err(&examined));
    town.run(&["connect", "hubspot"], Some(&line_with(&town, &REFRESHED)));
    nothing_was_lost(&town);
}

#[test]
fn an_account_without_api_is_told() {
    for name in ["hubspot", "salesforce"] {
        let town = waiting();
        let sandbox = if name == "hubspot" { &town.hubspot } else { &town.salesforce };
        sandbox.admin(&json!({"do": "api", "enabled": false}));
        refused(&town, &["sync"], 4, &["error[SYN-113", name]);
        refused(&town, &["apply", "--yes"], 4, &["error[SYN-113", name]);
        sandbox.admin(&json!({"do": "api", "enabled": true}));
        nothing_was_lost(&town);
    }
}

#[test]
fn another_organisation_behind_the_same_address_is_refused() {
    let town = waiting();
    let old = fs::read_to_string(town.path("syncline.toml")).unwrap();
    let old =
        old.lines().find(|line| line.starts_with("account = \"00D")).unwrap().split('"').nth(1).unwrap();
    let new = town.salesforce.admin(&json!({"do": "refresh_org"}))["organization_id"].clone();
    let new = new.as_str().unwrap();
    for arguments in [&["sync"][..], &["plan"], &["apply", "--yes"], &["doctor"]] {
        let before = dumps(&town);
        let output = town.attempt(arguments, None);
        assert_eq!(output.status.code(), Some(5), "{arguments:?}: {}", err(&output));
        let told = err(&output) + &String::from_utf8_lossy(&output.stdout);
        for word in ["SYN-1125", "salesforce", old, new] {
            assert!(told.contains(word), "{arguments:?} does not say {word}: {told}");
        }
        assert_eq!(dumps(&town), before);
    }
    // It is meant: the same records under the new id.
    town.run(&["connect", "salesforce", "--replace-account"], Some(&town.salesforce.line));
    nothing_was_lost(&town);
}

#[test]
fn another_portal_behind_the_same_token_is_refused() {
    let town = waiting();
    town.run(&["connect", "hubspot"], Some(&line_with(&town, &REFRESHED)));
    town.hubspot.admin(&json!({"do": "refresh_portal"}));
    town.hubspot.admin(&json!({"do": "revoke_token", "token": "access"}));
    // A portal is asked for anew when its token was renewed, in the very run that renewed it.
    refused(&town, &["plan"], 5, &["error[SYN-1125]", "hubspot", "40000001"]);
    refused(&town, &["sync"], 5, &["error[SYN-1125]", "hubspot", "40000001"]);
    let examined = town.attempt(&["doctor", "--json"], None);
    assert_eq!(examined.status.code(), Some(5), "{}", err(&examined));
    town.run(&["connect", "hubspot", "--replace-account"], Some(&town.hubspot.line));
    nothing_was_lost(&town);
}

#[test]
fn a_damaged_state_file_is_told_and_a_copy_of_it_goes_on() {
    let town = waiting();
    let path = town.path("state.db");
    let whole = fs::read(&path).unwrap();
    let shown = path.display().to_string();
    let zeroed = [vec![0; 512], whole[512..].to_vec()].concat();
    let scrambled: Vec<u8> =
        whole.iter().enumerate().map(|(at, byte)| if at < 100 { byte ^ 0x5a } else { *byte }).collect();
    let cut = whole[..whole.len() / 3].to_vec();
    // The head says that all is well; every page after it is gone.
    let inside: Vec<u8> =
        whole.iter().enumerate().map(|(at, byte)| if at < 4096 { *byte } else { (at % 251) as u8 }).collect();
    for (what, damaged) in
        [("zeroed", zeroed), ("scrambled", scrambled), ("cut off", cut), ("inside", inside)]
    {
        fs::write(&path, damaged).unwrap();
        for arguments in [&["sync"][..], &["plan"], &["apply", "--yes"], &["history"]] {
            eprintln!("{what}");
            refused(&town, arguments, 1, &["error[SYN-1110]", &shown]);
        }
        // Nothing was made anew in its place.
        fs::write(&path, &whole).unwrap();
    }
    nothing_was_lost(&town);
}

#[test]
fn a_plan_that_is_not_as_it_was_made_is_refused() {
    let town = waiting();
    let path = town.path("plan");
    let plan = path.to_str().unwrap();
    town.run(&["plan", "--out", plan], None);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("Director"), "{text}");
    let (first, body) = text.split_once('\n').unwrap();
    let edited = |text: String, why: &str| {
        fs::write(&path, text).unwrap();
        refused(&town, &["apply", plan], 2, &["error[SYN-1151]", plan, why]);
    };
    edited(format!("{first}\n{}", body.replacen("Director", "Dorector", 1)), "edited");
    edited(format!("{first}\n{body}{body}"), "edited");
    edited(format!("{first}\n"), "not whole");
    edited(body.to_owned(), "header");
    edited(String::new(), "header");
    edited(
        text.replacen("\"confirms\":[]", "\"confirms\":[{\"first_contact\":{\"kind\":\"deal\"}}]", 1),
        "edited",
    );

    // After a change of the configuration, and elsewhere.
    fs::write(&path, &text).unwrap();
    let config = edit(&town, "create = { count = 500", "create = { count = 501");
    refused(&town, &["apply", plan], 2, &["error[SYN-1151]", plan, "configuration has changed"]);
    fs::write(town.path("syncline.toml"), config).unwrap();
    let elsewhere = waiting();
    refused(&elsewhere, &["apply", plan], 2, &["error[SYN-1151]", plan, "another workspace"]);
    refused(&town, &["apply", "no-such-plan"], 1, &["error[SYN-1104]", "no-such-plan"]);

    // As it was made, it goes: nothing that decides about records is another.
    edit(&town, "poll = \"60s\"", "poll = \"5s\"");
    edit(&town, "daily_share = 0.5", "daily_share = 0.75 # generous");
    let whole = fs::read_to_string(town.path("syncline.toml")).unwrap();
    let (before, guard) = whole.split_once("[guard]\n").unwrap();
    let (guard, after) = guard.split_once("\n\n").unwrap();
    fs::write(town.path("syncline.toml"), format!("{before}{after}")).unwrap();
    fs::create_dir(town.path("conf.d")).unwrap();
    fs::write(town.path("conf.d/guard.toml"), format!("[guard]\n{guard}\n")).unwrap();
    town.run(&["connect", "salesforce"], Some(&town.salesforce.line));
    let applied: Value = serde_json::from_str(&town.run(&["apply", plan, "--json"], None)).unwrap();
    assert_eq!(applied["updated"], 1, "{applied}");
    assert_eq!(ada(&town)["jobtitle"], "Director");
    assert_eq!(town.sync()["writes"], 0);
}

#[test]
fn a_guard_stops_the_run_before_its_first_write_and_a_person_passes_it() {
    let town = waiting();
    edit(&town, "create = { count = 500, share = 0.2 }", "create = { count = 0, share = 0.0 }");
    let account =
        json!({"do": "create", "object": "Account", "fields": {"Name": "Y Works", "Website": "y.example"}});
    town.salesforce.admin(&account);
    town.pass_an_hour();
    for arguments in [&["sync"][..], &["sync", "--json"]] {
        refused(
            &town,
            arguments,
            3,
            &["error[SYN-1162]", "guard `create`", "1 hubspot companies", "0 are allowed"],
        );
    }
    town.run(&["apply", "--yes"], None);
    assert_eq!(town.hubspot.dump()["objects"]["companies"].as_array().unwrap().len(), 2);
    assert_eq!(ada(&town)["jobtitle"], "Director");
    town.pass_an_hour();
    assert_eq!(town.sync()["writes"], 0);
}

#[test]
fn a_run_is_taken_back_once_a_person_says_so() {
    let town = waiting();
    let before = ada(&town);
    let run = town.sync();
    assert_eq!((&run["updated"], &ada(&town)["jobtitle"]), (&json!(1), &json!("Director")));
    town.pass_an_hour();
    // Nobody is there to ask; and a run that never was.
    refused(&town, &["undo", "last"], 3, &["error[SYN-1160]", "--yes"]);
    refused(&town, &["undo", "no-such-run"], 2, &["error[SYN-1141]", "no such run"]);
    let shown = dumps(&town);
    let planned = town.run(&["undo", "last", "--plan"], None);
    for word in ["jobtitle: Director → Buyer", "taken back by a person", "stamps of change"] {
        assert!(planned.contains(word), "no {word}: {planned}");
    }
    let file = town.path("undo.plan");
    town.run(&["undo", run["run"].as_str().unwrap(), "--out", file.to_str().unwrap()], None);
    assert_eq!(dumps(&town), shown, "nothing was written yet");
    let undone: Value = serde_json::from_str(&town.run(&["undo", "last", "--yes", "--json"], None)).unwrap();
    assert_eq!((&undone["updated"], &undone["writes"]), (&json!(1), &json!(1)));
    for field in ["jobtitle", "phone"] {
        assert_eq!(ada(&town)[field], before[field]);
    }
    town.pass_an_hour();
    assert_eq!(town.sync()["writes"], 0);
    // The saved plan has nothing to take back any more.
    let late: Value =
        serde_json::from_str(&town.run(&["apply", file.to_str().unwrap(), "--json"], None)).unwrap();
    assert_eq!((&late["writes"], &late["moved"]), (&json!(0), &json!(1)));
    // Undoing the undo.
    town.run(&["undo", undone["run"].as_str().unwrap(), "--yes"], None);
    assert_eq!((&ada(&town)["jobtitle"], &ada(&town)["phone"]), (&json!("Director"), &json!("+44 555 2000")));
}
