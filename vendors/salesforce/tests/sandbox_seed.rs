//! Loading seed files.
#![cfg(feature = "sandbox")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm, clippy::print_stdout)]

mod sandbox_support;
use sandbox_support::org;
use serde_json::{Value, json};
use syncline_kit::sandbox::Sandbox as _;
use syncline_kit::sandbox::seed::SeedFiles;

fn files(list: &[(&str, &str)]) -> SeedFiles {
    let mut files = SeedFiles::default();
    for (name, content) in list {
        files.insert(name, content.as_bytes().to_vec());
    }
    files
}

fn failure(list: &[(&str, &str)]) -> String {
    let mut org = org();
    org.sandbox.seed(&files(list), org.now).unwrap_err().to_string()
}

#[test]
fn the_maven_data_set_loads_whole() {
    let Ok(shared) = std::env::var("SYNCLINE_SHARED") else {
        println!("SYNCLINE_SHARED is not set: the Maven data set is absent, skipped");
        return;
    };
    let mut seeds = SeedFiles::default();
    for entry in std::fs::read_dir(format!("{shared}/data/crm/maven_salesforce")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "csv") {
            seeds.insert(path.file_stem().unwrap().to_str().unwrap(), std::fs::read(&path).unwrap());
        }
    }
    let mut org = org();
    let loaded = org.sandbox.seed(&seeds, org.now).unwrap();
    assert_eq!(loaded.rows["Opportunity"], 8800);
    assert_eq!(
        (loaded.rows["Account"], loaded.rows["Product2"], loaded.rows["OpportunityStage"]),
        (85, 7, 4)
    );
    let mut total = |soql: &str| org.query(soql).body["totalSize"].as_i64().unwrap();
    assert_eq!(total("SELECT COUNT() FROM Opportunity WHERE IsWon = true"), 4238);
    assert_eq!(
        total("SELECT COUNT() FROM Opportunity WHERE StageName = 'Closed Lost' AND IsClosed = true"),
        2473
    );
    assert_eq!(
        total("SELECT COUNT() FROM Opportunity WHERE StageName = 'engaging' AND Probability = 50"),
        1589
    );
    assert_eq!(total("SELECT COUNT() FROM Opportunity WHERE AccountId = null"), 1425);
    assert_eq!(
        total("SELECT COUNT() FROM Opportunity WHERE CreatedDate = THIS_YEAR"),
        500,
        "no created date"
    );
    assert_eq!(total("SELECT COUNT() FROM Account WHERE ParentId != null"), 15);
    assert_eq!(total("SELECT COUNT() FROM Account WHERE Industry = 'technolgy'"), 12);
    assert_eq!(total("SELECT COUNT() FROM PricebookEntry WHERE Pricebook2.IsStandard = true"), 7);
    assert_eq!(total("SELECT COUNT() FROM Opportunity WHERE Product__c = 'GTXPro'"), 1480);
    let stages = org.get("/sobjects/Opportunity/describe").body["fields"]
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["name"] == "StageName")
        .map(|f| {
            f["picklistValues"].as_array().unwrap().iter().map(|v| v["value"].clone()).collect::<Vec<_>>()
        });
    assert_eq!(json!(stages), json!(["Prospecting", "Engaging", "Closed Won", "Closed Lost"]));
    let first = org.query(
        "SELECT Name, Account.Name, Owner.Name, Owner.Manager.Name, Amount, CloseDate, CreatedDate, SystemModstamp \
         FROM Opportunity WHERE Name = '1C1I7A6R'",
    );
    let row = &first.records()[0];
    assert_eq!(row["Account"]["Name"], "Cancity");
    assert_eq!(row["Owner"]["Name"], "Moses Frase");
    assert_eq!(row["CreatedDate"], "2016-10-20T00:00:00.000+0000");
    assert_eq!(row["SystemModstamp"], "2026-05-04T12:00:00.000+0000");
    assert_eq!(row["Amount"].to_string(), "1054.0");
    let won: f64 = org
        .dumped("Opportunity")
        .iter()
        .filter(|r| r["IsWon"] == true)
        .filter_map(|r| r["Amount"].as_f64())
        .sum();
    assert_eq!(won as i64, 10_005_534);
}

trait Dumped {
    fn dumped(&mut self, object: &str) -> Vec<Value>;
}

impl Dumped for sandbox_support::Org {
    fn dumped(&mut self, object: &str) -> Vec<Value> {
        let body = self.get(&format!("/__sandbox/dump?object={object}")).body;
        body["objects"][object].as_array().unwrap().clone()
    }
}

#[test]
fn references_by_name_resolve_in_any_order_and_across_files() {
    let mut org = org();
    let seeds = files(&[
        ("Account", "Name,Parent.Name,Owner.Name\nChild,Parent,Ada Byron King\nParent,,\n"),
        (
            "User",
            "Name,Email,Manager.Name,IsActive\nAda Byron King,ada@example.com,Boss,true\nBoss,boss@example.com,,true\n",
        ),
        ("Opportunity", "Name,Account.Name,StageName,CloseDate,Amount\nDeal,Child,Prospecting,2026-01-31,\n"),
    ]);
    org.sandbox.seed(&seeds, org.now).unwrap();
    let answer = org.query("SELECT Name, Amount, Account.Parent.Name, Account.Owner.LastName, Account.Owner.Manager.Name FROM Opportunity");
    let row = &answer.records()[0];
    assert_eq!(row["Account"]["Parent"]["Name"], "Parent");
    assert_eq!(row["Account"]["Owner"]["LastName"], "King", "the last word is the last name");
    assert_eq!(row["Account"]["Owner"]["Manager"]["Name"], "Boss");
    assert_eq!(row["Amount"], Value::Null, "a blank amount stays blank");
}

#[test]
fn a_bad_row_stops_the_load_with_its_line() {
    let text = failure(&[("Contact", "FirstName,LastName\nA,B\nC,\n")]);
    assert_eq!(text, "Contact.csv line 3: REQUIRED_FIELD_MISSING: Required fields are missing: [LastName]");
    let text = failure(&[("Contact", "LastName,Email\nA,nonsense\n")]);
    assert!(text.starts_with("Contact.csv line 2: INVALID_EMAIL_ADDRESS"), "{text}");
    let text = failure(&[("Account", "Name,NumberOfEmployees\nA,many\n")]);
    assert!(text.starts_with("Account.csv line 2: JSON_PARSER_ERROR"), "{text}");
    let text = failure(&[("Contact", "LastName,Account.Name\nA,Nowhere\n")]);
    assert_eq!(text, "Contact.csv line 2: no Account has Name 'Nowhere'");
    let text = failure(&[("Account", "Name,Parent.Name\nA,Nowhere\n")]);
    assert_eq!(text, "Account.csv line 2: no Account has Name 'Nowhere'");
    let text = failure(&[("Account", "Name\nA\nA\n"), ("Contact", "LastName,Account.Name\nC,A\n")]);
    assert_eq!(text, "Contact.csv line 2: more than one Account has Name 'A'");
    let text = failure(&[("Account", "Name\nA\nB,C\n")]);
    assert!(text.starts_with("Account.csv line 3"), "{text}");
}

#[test]
fn unknown_files_and_columns_are_refused() {
    assert_eq!(
        failure(&[("Nonsense", "Name\n")]),
        "Nonsense.csv line 1: sObject type 'Nonsense' is not supported."
    );
    let text = failure(&[("Account", "Name,Colour\nA,red\n")]);
    assert_eq!(text, "Account.csv line 1: No such column 'Colour' on sobject of type Account");
    let text = failure(&[("Lead", "LastName,Company,IsConverted\nA,B,true\n")]);
    assert!(text.contains("Unable to create/update fields: IsConverted"), "{text}");
}

#[test]
fn audit_fields_are_a_loaders_to_set_and_custom_columns_become_fields() {
    let mut org = org();
    let seeds = files(&[(
        "Account",
        "Name,Colour__c,CreatedDate,SystemModstamp\nA,red,2020-01-02,2021-03-04T05:06:07Z\nB,,2020-01-02T10:00:00Z,\n",
    )]);
    org.sandbox.seed(&seeds, org.now).unwrap();
    let rows = org.query("SELECT Colour__c, CreatedDate, SystemModstamp FROM Account ORDER BY Name");
    assert_eq!(rows.records()[0]["Colour__c"], "red");
    assert_eq!(rows.records()[0]["CreatedDate"], "2020-01-02T00:00:00.000+0000");
    assert_eq!(rows.records()[0]["SystemModstamp"], "2021-03-04T05:06:07.000+0000");
    assert_eq!(rows.records()[1]["CreatedDate"], "2020-01-02T10:00:00.000+0000");
    assert_eq!(rows.records()[1]["SystemModstamp"], "2026-05-04T12:00:00.000+0000");
}

#[test]
fn stages_of_the_seed_replace_the_orgs_and_drive_opportunities() {
    let mut org = org();
    let seeds = files(&[
        (
            "OpportunityStage",
            "MasterLabel,ApiName,SortOrder,IsActive,IsClosed,IsWon,DefaultProbability,ForecastCategoryName\n\
             Open,Open,1,true,false,false,30,Best Case\nWon,Won,2,true,true,true,100,Closed\n",
        ),
        ("Opportunity", "Name,StageName,CloseDate,Amount\nA,Open,2026-01-31,200\nB,Won,2026-01-31,\n"),
    ]);
    org.sandbox.seed(&seeds, org.now).unwrap();
    let rows = org.query(
        "SELECT Probability, ForecastCategory, ForecastCategoryName, IsClosed, IsWon, ExpectedRevenue, FiscalQuarter \
         FROM Opportunity ORDER BY Name",
    );
    let a = &rows.records()[0];
    assert_eq!(a["Probability"].to_string(), "30.0");
    assert_eq!(
        (&a["ForecastCategory"], &a["ForecastCategoryName"]),
        (&json!("BestCase"), &json!("Best Case"))
    );
    assert_eq!(a["ExpectedRevenue"].to_string(), "60.0");
    assert_eq!(a["FiscalQuarter"].to_string(), "1");
    let b = &rows.records()[1];
    assert_eq!(
        (&b["IsClosed"], &b["IsWon"], &b["ExpectedRevenue"]),
        (&json!(true), &json!(true), &Value::Null)
    );
}
