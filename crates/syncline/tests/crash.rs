//! The real binary killed from outside by signal 9 in the middle of a first contact, and answers that are lost: whatever
//! was under way, the next runs finish it, and no record exists twice (HUB-8, HUB-9, CRM-8).

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

mod town;

use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt::Write,
    os::unix::process::ExitStatusExt,
    process::Stdio,
    thread::sleep,
    time::{Duration, Instant},
};
use town::{Sandbox, Town};

const COMPANIES: usize = 110;
const DEALS: usize = 190;
const PEOPLE: usize = 30;
const STAGES: [&str; 3] = ["Talking", "Agreed", "Gone"];
/// Far more than a run takes.
const PATIENCE: Duration = Duration::from_secs(25);

fn company(number: usize) -> String {
    format!("Ferry Works {number}")
}

fn seeded() -> Town {
    let mut accounts = "Name,Website,NumberOfEmployees,BillingCity,BillingCountry\n".to_owned();
    for number in 0..COMPANIES {
        let (name, city) = (company(number), ["Graz", "Łódź", "São Paulo"][number % 3]);
        writeln!(accounts, "{name},https://f{number}.example,{},{city},Land {}", number * 7 + 1, number % 5)
            .unwrap();
    }
    let mut opportunities = "Name,Account.Name,StageName,CloseDate,Amount\n".to_owned();
    for number in 0..DEALS {
        let (parent, stage) = (company(number * 3 % COMPANIES), STAGES[number % 3]);
        let (day, amount) = (number % 28 + 1, number * 25 + 100);
        writeln!(opportunities, "Crossing {number},{parent},{stage},2026-03-{day:02},{amount}.5").unwrap();
    }
    let mut contacts = "email,firstname,lastname,jobtitle\n".to_owned();
    for number in 0..PEOPLE {
        writeln!(contacts, "p{number}@people.example,Ada,Person {number},Pilot").unwrap();
    }
    let stages = "MasterLabel,ApiName,SortOrder,IsActive,IsClosed,IsWon,DefaultProbability,ForecastCategoryName\n\
         Talking,Talking,1,true,false,false,10,Pipeline\nAgreed,Agreed,2,true,true,true,100,Closed\n\
         Gone,Gone,3,true,true,false,0,Omitted\n";
    let pipelines = "objectType,pipelineId,pipelineLabel,stageId,stageLabel,displayOrder,probability,isClosed\n\
         deals,default,Sales,s1,Talking,1,0.1,false\ndeals,default,Sales,s2,Agreed,2,1.0,true\n\
         deals,default,Sales,s3,Gone,3,0.0,true\n";
    Town::new(
        &[("contacts.csv", &contacts), ("pipelines.csv", pipelines)],
        &[("Account.csv", &accounts), ("Opportunity.csv", &opportunities), ("OpportunityStage.csv", stages)],
    )
}

fn faults(sandbox: &Sandbox, rules: &Value) {
    sandbox.exchange("POST", "faults", &json!({ "rules": rules }).to_string());
}

fn calls(sandbox: &Sandbox) -> Value {
    sandbox.exchange("GET", "calls", "")
}

/// Rows that calls changed so far.
fn written(sandbox: &Sandbox) -> u64 {
    calls(sandbox)["rows_written"].as_u64().unwrap()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn number(value: &Value) -> f64 {
    text(value).parse().unwrap()
}

fn rows<'a>(dump: &'a Value, object: &str) -> Vec<&'a Value> {
    let gone = |row: &&Value| row["archived"] == true || row["IsDeleted"] == true;
    dump["objects"][object].as_array().unwrap().iter().filter(|row| !gone(row)).collect()
}

/// By a name that has to be there once.
fn by(rows: Vec<&Value>, name: impl Fn(&Value) -> String) -> BTreeMap<String, &Value> {
    let mut found = BTreeMap::new();
    for row in rows {
        let twice = found.insert(name(row), row);
        assert_eq!(twice, None, "{} is there twice", name(row));
    }
    found
}

/// Both systems hold the same, each thing once, by what the sandboxes hold and nothing else.
fn in_step(town: &Town, when: &str) {
    let (hubspot, salesforce) = (town.hubspot.dump(), town.salesforce.dump());
    let accounts = by(rows(&salesforce, "Account"), |row| text(&row["Name"]));
    let companies = by(rows(&hubspot, "companies"), |row| text(&row["properties"]["name"]));
    let opportunities = by(rows(&salesforce, "Opportunity"), |row| text(&row["Name"]));
    let deals = by(rows(&hubspot, "deals"), |row| text(&row["properties"]["dealname"]));
    let leads = by(rows(&salesforce, "Lead"), |row| text(&row["Email"]));
    let contacts = by(rows(&hubspot, "contacts"), |row| text(&row["properties"]["email"]));
    assert_eq!((accounts.len(), opportunities.len(), contacts.len()), (COMPANIES, DEALS, PEOPLE), "{when}");
    assert!(accounts.keys().eq(companies.keys()), "{when}: {} companies", companies.len());
    assert!(opportunities.keys().eq(deals.keys()), "{when}: {} deals", deals.len());
    assert!(contacts.keys().eq(leads.keys()), "{when}: {} leads", leads.len());
    for (name, account) in &accounts {
        let company = &companies[name]["properties"];
        assert_eq!(text(&company["website"]), text(&account["Website"]), "{when}: {name}");
        assert_eq!(text(&company["city"]), text(&account["BillingCity"]), "{when}: {name}");
        assert_eq!(text(&company["country"]), text(&account["BillingCountry"]), "{when}: {name}");
        let employees = number(&account["NumberOfEmployees"]);
        assert_eq!(number(&company["numberofemployees"]), employees, "{when}: {name}");
    }
    let ids = |rows: &BTreeMap<String, &Value>, id: &str, object: &str| -> BTreeMap<String, String> {
        rows.iter().map(|(name, row)| (format!("{object}{}", text(&row[id])), name.clone())).collect()
    };
    let company_names = ids(&companies, "id", "companies/");
    let account_names = ids(&accounts, "Id", "");
    let mut parents: BTreeMap<String, Vec<&String>> = BTreeMap::new();
    for edge in hubspot["associations"].as_array().unwrap() {
        parents.entry(text(&edge["from"])).or_default().push(&company_names[&text(&edge["to"])]);
    }
    for (name, opportunity) in &opportunities {
        let deal = &deals[name]["properties"];
        assert_eq!(number(&deal["amount"]), number(&opportunity["Amount"]), "{when}: {name}");
        let stage = text(&deal["dealstage"])[1..].parse::<usize>().unwrap() - 1;
        assert_eq!(STAGES[stage], text(&opportunity["StageName"]), "{when}: {name}");
        let close_date = text(&opportunity["CloseDate"]);
        assert_eq!(text(&deal["closedate"]).get(..10), Some(close_date.as_str()), "{when}: {name}");
        let parent = &account_names[&text(&opportunity["AccountId"])];
        let deal = format!("deals/{}", text(&deals[name]["id"]));
        assert_eq!(parents.remove(&deal), Some(vec![parent]), "{when}: {name}");
    }
    for (email, lead) in &leads {
        let contact = &contacts[email]["properties"];
        assert_eq!(text(&contact["lastname"]), text(&lead["LastName"]), "{when}: {email}");
        assert_eq!(text(&contact["jobtitle"]), text(&lead["Title"]), "{when}: {email}");
    }
}

/// Runs until there is nothing left to write, as a user or a timer would.
fn resume(town: &Town, when: &str) {
    let mut last = Value::Null;
    let ended = (0..4).any(|_| {
        let output = town.attempt(&["sync", "--json"], None);
        let needs_person = output.status.code() == Some(3);
        // Killed before a person's consent was written down: the person gives it again.
        let output = match needs_person {
            true => town.attempt(&["sync", "--json", "--yes-backfill"], None),
            false => output,
        };
        assert!(output.status.success(), "{when}: {}", String::from_utf8_lossy(&output.stderr));
        last = serde_json::from_slice(&output.stdout).unwrap();
        last["writes"] == 0 && last["unknown"] == 0 && !needs_person
    });
    assert!(ended, "{when}: still writing: {last}");
}

fn finished(town: &Town, when: &str) {
    resume(town, when);
    in_step(town, when);
    let before = [written(&town.hubspot), written(&town.salesforce)];
    town.pass_an_hour();
    assert_eq!(town.sync()["writes"], 0, "{when}");
    assert_eq!([written(&town.hubspot), written(&town.salesforce)], before, "{when}");
    // Each row and relation was sent once: what had arrived was looked up, not repeated.
    let sent = |sandbox| {
        let calls = calls(sandbox);
        (calls["rows_written"].as_u64().unwrap(), calls["rows_noop"].as_u64().unwrap())
    };
    // Deals count twice, for their relation; `setup` added three key properties.
    let rows = COMPANIES + 2 * DEALS + 3;
    assert_eq!(sent(&town.hubspot), (rows as u64, 0), "{when}: rows written, rows repeated");
    assert_eq!(sent(&town.salesforce), (PEOPLE as u64, 0), "{when}: rows written, rows repeated");
    // What a killed process sent is not handed on: the next one may meet the search limit, and waits as told.
    for sandbox in [&town.hubspot, &town.salesforce] {
        let calls = calls(sandbox);
        let met = calls["violations"].as_array().unwrap();
        assert!(met.iter().all(|it| it["limit"] == "search_secondly"), "{when}: {met:?}");
    }
}

/// Starts a first contact and kills it as soon as `due` says so; whether it was still at work then.
fn killed(town: &Town, arguments: &[&str], due: impl Fn() -> bool) -> bool {
    let mut process = town.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while !due() {
        if process.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(start.elapsed() < PATIENCE, "the moment to kill at did not come");
        sleep(Duration::from_millis(1));
    }
    process.kill().unwrap();
    process.wait().unwrap().signal() == Some(9)
}

fn planned(town: &Town) -> String {
    let plan = town.path("plan").to_str().unwrap().to_owned();
    town.run(&["plan", "--out", &plan], None);
    plan
}

/// Calls that write: batches, in HubSpot.
fn batches(town: &Town) -> u64 {
    let calls = calls(&town.hubspot);
    let writes = |name: &str| name.contains("/batch/") && !name.ends_with("/read");
    let endpoints = calls["by_endpoint"].as_object().unwrap();
    endpoints.iter().filter(|(name, _)| writes(name)).map(|(_, it)| it["calls"].as_u64().unwrap()).sum()
}

/// Killed while HubSpot has carried out its `nth` call and the answer does not come.
fn killed_before_the_answer_of(nth: u64) {
    let town = seeded();
    let plan = planned(&town);
    faults(&town.hubspot, &json!([{"match": "write", "nth": nth, "do": "commit_then_timeout"}]));
    assert!(killed(&town, &["apply", &plan], || batches(&town) >= nth), "write {nth}");
    assert_eq!(batches(&town), nth);
    faults(&town.hubspot, &json!([]));
    finished(&town, &format!("before the answer of write {nth}"));
}

/// Killed when so many calls have arrived, and a little later each time.
fn killed_after_calls(number: u64) {
    let town = seeded();
    let seen = || {
        [&town.hubspot, &town.salesforce]
            .map(|it| calls(it)["calls"].as_u64().unwrap())
            .into_iter()
            .sum::<u64>()
    };
    let before = seen();
    let at_work = killed(&town, &["sync", "--yes-backfill"], || {
        let due = seen() >= before + number;
        if due {
            sleep(Duration::from_millis(number * 3 % 20));
        }
        due
    });
    assert!(at_work, "it ended before {number} calls");
    finished(&town, &format!("after {number} calls"));
}

#[test]
fn killed_before_companies_are_answered() {
    (1..=2).for_each(killed_before_the_answer_of);
}

#[test]
fn killed_before_deals_and_relations_are_answered() {
    (3..=5).for_each(killed_before_the_answer_of);
}

#[test]
fn killed_before_leads_are_answered() {
    let town = seeded();
    let plan = planned(&town);
    faults(&town.salesforce, &json!([{"match": "write", "nth": 1, "do": "commit_then_timeout"}]));
    assert!(killed(&town, &["apply", &plan], || written(&town.salesforce) > 0));
    assert_eq!(rows(&town.salesforce.dump(), "Lead").len(), PEOPLE);
    faults(&town.salesforce, &json!([]));
    finished(&town, "before the answer about leads");
}

#[test]
fn killed_while_reading_and_early_in_writing() {
    [1, 5, 9, 11].into_iter().for_each(killed_after_calls);
}

#[test]
fn killed_late_in_writing() {
    [12, 13, 14, 15].into_iter().for_each(killed_after_calls);
}

#[test]
fn killed_again_and_again() {
    let town = seeded();
    let mut kills = 0;
    for nth in [1, 1, 2, 1] {
        let before = batches(&town);
        faults(&town.hubspot, &json!([{"match": "write", "nth": nth, "do": "commit_then_timeout"}]));
        kills += u32::from(killed(&town, &["sync", "--yes-backfill"], || batches(&town) >= before + nth));
    }
    assert!(kills >= 3, "{kills}");
    faults(&town.hubspot, &json!([]));
    finished(&town, "killed again and again");
}

#[test]
fn lost_answers_are_looked_up_and_never_written_twice() {
    let town = seeded();
    let plan = planned(&town);
    let lose = json!([{"match": "write", "every": 2, "do": "commit_then_reset"}]);
    faults(&town.hubspot, &lose);
    faults(&town.salesforce, &json!([{"match": "write", "nth": 1, "do": "commit_then_reset"}]));
    let applied: Value = serde_json::from_str(&town.run(&["apply", &plan, "--json"], None)).unwrap();
    assert_eq!(applied["rejected"], 0, "{applied}");
    in_step(&town, "right after the run with lost answers");
    faults(&town.hubspot, &json!([]));
    finished(&town, "lost answers");
}
