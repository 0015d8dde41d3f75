//! Two systems that already hold overlapping people, brought together by the real binary (HUB-1, HUB-8, CRM-2, CRM-3):
//! nobody is doubled, every pair that is certain is linked, and what is not certain is asked.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test may end where it fails"
)]

mod support;

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
};
use support::Pair;

/// People in each system; the first `COMMON` are in both.
const PEOPLE: usize = 600;
const COMMON: usize = 240;
const COMPANIES: usize = 60;

/// What becomes of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Truth {
    /// In both systems, once in each.
    Pair,
    /// In both, and in Salesforce a contact and a lead: the contact is meant.
    ContactAndLead,
    /// In both, and in Salesforce two leads or three: nobody can say which is meant.
    Asked,
    OnlySalesforce,
    OnlyHubSpot,
}

/// By number: every second person is a contact, the others are leads; one in eight of the common ones is doubled.
fn truth(number: usize) -> Truth {
    match number {
        number if number >= PEOPLE => Truth::OnlyHubSpot,
        number if number >= COMMON => Truth::OnlySalesforce,
        number if number % 16 == 6 => Truth::ContactAndLead,
        number if number % 16 == 11 => Truth::Asked,
        _ => Truth::Pair,
    }
}

/// An address at a mail provider's, so that nobody's company is guessed from it.
fn email(number: usize) -> String {
    format!("person.{number}@mail{}.example.net", number % 7)
}

/// How often a person is in Salesforce, as seeded.
fn seeded(number: usize) -> usize {
    match truth(number) {
        Truth::OnlyHubSpot => 0,
        Truth::Pair | Truth::OnlySalesforce => 1,
        Truth::ContactAndLead => 2,
        Truth::Asked => 2 + usize::from(number.is_multiple_of(3)),
    }
}

/// Both systems' seed files. Each spells the same people its own way.
fn generate(hubspot: &Path, salesforce: &Path) {
    let mut accounts = "Name,Website,BillingCountry\n".to_owned();
    for company in 0..COMPANIES {
        writeln!(accounts, "Company {company} Ltd,https://www.company{company}-example.com,Sweden").unwrap();
    }
    let mut contacts = "LastName,FirstName,Email,Account.Name,Title,Phone\n".to_owned();
    let mut leads = "LastName,FirstName,Email,Company,Title,Phone\n".to_owned();
    let mut others = "email,firstname,lastname,jobtitle,phone\n".to_owned();
    for number in 0..2 * PEOPLE - COMMON {
        let (email, truth) = (email(number), truth(number));
        if truth != Truth::OnlyHubSpot {
            let kind = if number.is_multiple_of(2) { &mut contacts } else { &mut leads };
            let company = number % COMPANIES;
            writeln!(kind, "Berg{number},Ada,{email},Company {company} Ltd,Buyer,+46 8 {number:07}").unwrap();
            for copy in 1..seeded(number) {
                writeln!(leads, "Berg{number},Ada,{email},Elsewhere {copy},,").unwrap();
            }
        }
        if truth != Truth::OnlySalesforce {
            let title = if number.is_multiple_of(10) { "Consultant" } else { "Buyer" };
            let phone = if number.is_multiple_of(3) { format!("+468{number:07}") } else { String::new() };
            writeln!(others, "{},Ada,Berg{number},{title},{phone}", email.to_uppercase()).unwrap();
        }
    }
    fs::create_dir_all(hubspot).unwrap();
    fs::create_dir_all(salesforce).unwrap();
    fs::write(hubspot.join("contacts.csv"), others).unwrap();
    fs::write(salesforce.join("Account.csv"), accounts).unwrap();
    fs::write(salesforce.join("Contact.csv"), contacts).unwrap();
    fs::write(salesforce.join("Lead.csv"), leads).unwrap();
}

/// Records by address, as `OBJECT/ID`.
type Addresses = BTreeMap<String, Vec<String>>;

fn addresses(pair: &Pair) -> [Addresses; 2] {
    let mut all = [Addresses::new(), Addresses::new()];
    let mut put = |side: usize, object: &str, id: &str, email: &Value| {
        let email = email.as_str().unwrap().to_lowercase();
        all[side].entry(email).or_default().push(format!("{object}/{id}"));
    };
    for (id, row) in pair.hubspot.records("contacts") {
        put(0, "contacts", &id, &row["properties"]["email"]);
    }
    for object in ["Contact", "Lead"] {
        for (id, row) in pair.salesforce.records(object) {
            put(1, object, &id, &row["Email"]);
        }
    }
    all
}

/// A record's links by state, as `CONNECTION/OBJECT/ID`.
fn links(pair: &Pair, hubspot: &str) -> BTreeMap<String, String> {
    let told = pair.run(&["explain", &format!("hubspot/{hubspot}"), "--json"]).json();
    let entities = told["entities"].as_array().unwrap();
    assert_eq!(entities.len(), 1, "{told}");
    let links = entities[0]["links"].as_array().unwrap().iter();
    links.map(|link| (name(&link["record"]), link["state"].to_string())).collect()
}

/// What `explain` prints is all that it was decided by: the binary decides the same, without the workspace.
fn decides_again(pair: &Pair, records: [&str; 3]) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("why.json");
    let again = |told: &Value| {
        fs::write(&file, told.to_string()).unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_syncline"));
        command.current_dir(dir.path()).args(["explain", "--json", "--again"]).arg(&file).output().unwrap()
    };
    let explain = |record: &str| pair.run(&["explain", &format!("hubspot/{record}"), "--json"]).json();
    for told in records.map(explain) {
        let same = again(&told);
        assert!(same.status.success(), "{}", String::from_utf8_lossy(&same.stderr));
        let decided: Value = serde_json::from_slice(&same.stdout).unwrap();
        assert_eq!(decided["entities"], told["entities"]);
    }
    // Of another mail address, another thing is said; and without its inputs, nothing.
    let mut other = explain(records[0]);
    let inputs = other["entities"][0]["inputs"].to_string().replace("example.net", "example.org");
    other["entities"][0]["inputs"] = serde_json::from_str(&inputs).unwrap();
    let refused = again(&other);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("SYN-1167"), "{refused:?}");
    other["entities"][0].as_object_mut().unwrap().remove("inputs");
    let refused = again(&other);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("SYN-1166"), "{refused:?}");
}

fn name(record: &Value) -> String {
    ["connection", "object", "id"].map(|part| record[part].as_str().unwrap()).join("/")
}

#[test]
fn overlapping_people_are_brought_together_without_doubles_and_doubts_are_asked() {
    let seeds = tempfile::tempdir().unwrap();
    let (hubspot, salesforce) = (seeds.path().join("hubspot"), seeds.path().join("salesforce"));
    generate(&hubspot, &salesforce);
    let pair = Pair::new(&hubspot, &salesforce, &["Account", "Contact", "Lead", "Opportunity"]);
    let before = addresses(&pair);

    let plan = pair.file("plan.jsonl");
    pair.run(&["plan", "--out", &plan]);
    let applied = pair.run(&["apply", &plan, "--json"]).json();
    assert_eq!(
        (&applied["rejected"], &applied["unknown"], &applied["moved"]),
        (&0.into(), &0.into(), &0.into())
    );
    assert_eq!(applied["created"], 2 * (PEOPLE - COMMON) + COMPANIES, "{applied}");

    let after = addresses(&pair);
    everybody_is_there_once(&before, &after);
    let asked = reviews(&pair);
    for number in 0..COMMON {
        linked_or_asked(&pair, number, &after, &asked);
    }
    assert_eq!(asked.len(), COMMON / 16, "nobody else is asked about");
    decides_again(&pair, [0, 11, PEOPLE].map(|number| after[0][&email(number)][0].as_str()));

    // Late enough for what HubSpot's search shows late.
    pair.pass(7_200);
    let again = pair.run(&["sync", "--json"]);
    assert_eq!(again.json()["writes"], 0, "{}", again.out);
    assert_eq!((again.hubspot.rows_written, again.salesforce.rows_written), (0, 0));
    assert_eq!(addresses(&pair), after);
}

fn everybody_is_there_once(before: &[Addresses; 2], after: &[Addresses; 2]) {
    let everybody: BTreeSet<String> = (0..2 * PEOPLE - COMMON).map(email).collect();
    for side in after {
        assert_eq!(side.keys().cloned().collect::<BTreeSet<_>>(), everybody);
    }
    for number in 0..2 * PEOPLE - COMMON {
        let email = email(number);
        assert_eq!(after[0][&email].len(), 1, "{email} in HubSpot");
        assert_eq!(after[1][&email].len(), seeded(number).max(1), "{email} in Salesforce");
        if truth(number) == Truth::OnlyHubSpot {
            assert!(after[1][&email][0].starts_with("Lead/"), "nothing is known of the company of {email}");
        }
        for (before, after) in before.iter().zip(after) {
            assert!(
                before.get(&email).is_none_or(|it| *it == after[&email]),
                "{email} is another record now"
            );
        }
    }
}

/// The open questions, by the address they are about: the records that could be meant.
fn reviews(pair: &Pair) -> BTreeMap<String, BTreeSet<String>> {
    let told = pair.run(&["review", "list", "--json"]).out;
    let reviews = told.lines().map(|line| {
        let review: Value = serde_json::from_str(line).unwrap();
        let question = &review["question"];
        assert_eq!(
            (&review["state"], &question["question"]),
            (&"open".into(), &"same_thing".into()),
            "{review}"
        );
        let key = question["key"].as_str().unwrap().strip_prefix("email=").unwrap().to_owned();
        (key, question["records"].as_array().unwrap().iter().map(name).collect())
    });
    reviews.collect()
}

fn linked_or_asked(
    pair: &Pair,
    number: usize,
    [hubspot, salesforce]: &[Addresses; 2],
    asked: &BTreeMap<String, BTreeSet<String>>,
) {
    let email = email(number);
    let own = &hubspot[&email][0];
    let theirs = &salesforce[&email];
    let links = links(pair, own);
    let state = |record: &str| links.get(record).map(String::as_str);
    let active = Some("\"active\"");
    match truth(number) {
        Truth::Pair => {
            assert_eq!(state(&format!("hubspot/{own}")), active, "{email}");
            assert_eq!(state(&format!("salesforce/{}", theirs[0])), active, "{email}");
            assert_eq!(links.len(), 2, "{links:?}");
        }
        Truth::ContactAndLead => {
            let [contact, lead] = &theirs[..] else { panic!("{theirs:?}") };
            let id = contact.strip_prefix("Contact/").unwrap();
            assert_eq!(state(&format!("hubspot/{own}")), active, "{email}");
            assert_eq!(state(&format!("salesforce/{contact}")), active, "the contact is meant: {email}");
            let duplicate = format!("{{\"duplicate_of\":\"{id}\"}}");
            assert_eq!(state(&format!("salesforce/{lead}")), Some(&*duplicate), "{email}");
        }
        Truth::Asked => {
            assert_eq!(links.values().collect::<Vec<_>>(), ["\"pending\""], "nothing is linked: {email}");
            let meant = theirs.iter().map(|it| format!("salesforce/{it}"));
            assert_eq!(asked.get(&email), Some(&meant.chain([format!("hubspot/{own}")]).collect()));
        }
        Truth::OnlySalesforce | Truth::OnlyHubSpot => panic!("{email} is common"),
    }
}
