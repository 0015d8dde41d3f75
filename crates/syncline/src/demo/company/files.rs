//! The company as both vendors' seed files.

use super::{
    ACCOUNTS, ALONE, CITIES, Cast, DEALS, OPPORTUNITIES, Person, SELLERS, STAGES, account_name, domain,
    is_account, is_company, opportunity_name, phone, seller, turn,
};
use syncline_kit::sandbox::seed::SeedFiles;

/// What HubSpot is loaded with.
pub(super) fn hubspot(everyone: &[Person], cast: &Cast) -> SeedFiles {
    let mut hubspot = SeedFiles::default();
    hubspot.insert("pipelines", pipelines().bytes());
    hubspot.insert("owners", owners().bytes());
    hubspot.insert("companies", companies().bytes());
    hubspot.insert("contacts", hubspot_contacts(everyone, cast).bytes());
    hubspot.insert("deals", deals(everyone).bytes());
    hubspot
}

/// What Salesforce is loaded with.
pub(super) fn salesforce(everyone: &[Person], cast: &Cast) -> SeedFiles {
    let mut salesforce = SeedFiles::default();
    salesforce.insert("User", users().bytes());
    salesforce.insert("OpportunityStage", stages().bytes());
    salesforce.insert("Account", accounts().bytes());
    salesforce.insert("Contact", contacts(everyone, cast).bytes());
    salesforce.insert("Lead", leads(everyone).bytes());
    salesforce.insert("Opportunity", opportunities().bytes());
    salesforce
}

/// A CSV file.
struct Sheet(String);

impl Sheet {
    fn new(header: &[&str]) -> Self {
        let mut sheet = Self(String::new());
        sheet.row(header);
        sheet
    }

    fn row<T: AsRef<str>>(&mut self, cells: &[T]) {
        let cells: Vec<String> =
            cells.iter().map(|cell| format!("\"{}\"", cell.as_ref().replace('"', "\"\""))).collect();
        self.0.push_str(&cells.join(","));
        self.0.push('\n');
    }

    fn bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }
}

fn pipelines() -> Sheet {
    let mut sheet = Sheet::new(&[
        "objectType",
        "pipelineId",
        "pipelineLabel",
        "stageId",
        "stageLabel",
        "displayOrder",
        "probability",
        "isClosed",
    ]);
    for (position, (id, label)) in STAGES.iter().enumerate() {
        let (order, closed) = ((position + 1).to_string(), position >= 3);
        let probability = ["0.2", "0.5", "0.8", "1.0", "0.0"];
        let closed = if closed { "true" } else { "false" };
        sheet.row(&["deals", "default", "Sales", id, label, &order, turn(&probability, position), closed]);
    }
    sheet
}

fn stages() -> Sheet {
    let mut sheet = Sheet::new(&[
        "MasterLabel",
        "ApiName",
        "SortOrder",
        "IsActive",
        "IsClosed",
        "IsWon",
        "DefaultProbability",
        "ForecastCategoryName",
    ]);
    let more = [
        ("false", "false", "20", "Pipeline"),
        ("false", "false", "50", "Best Case"),
        ("false", "false", "80", "Commit"),
        ("true", "true", "100", "Closed"),
        ("true", "false", "0", "Omitted"),
    ];
    for (position, ((_, label), (closed, won, probability, category))) in STAGES.iter().zip(more).enumerate()
    {
        let order = (position + 1).to_string();
        sheet.row(&[label, label, order.as_str(), "true", closed, won, probability, category]);
    }
    sheet
}

fn owners() -> Sheet {
    let mut sheet = Sheet::new(&["email", "firstName", "lastName"]);
    for position in 0..SELLERS.len() {
        let (first, last, email) = seller(position);
        sheet.row(&[email.as_str(), first, last]);
    }
    sheet
}

fn users() -> Sheet {
    let mut sheet = Sheet::new(&["Name", "Email", "IsActive"]);
    for position in 0..SELLERS.len() {
        let (first, last, email) = seller(position);
        sheet.row(&[format!("{first} {last}"), email, "true".to_owned()]);
    }
    sheet
}

fn companies() -> Sheet {
    let mut sheet = Sheet::new(&[
        "name",
        "domain",
        "website",
        "phone",
        "city",
        "country",
        "numberofemployees",
        "owner.email",
    ]);
    for account in (0..ACCOUNTS).filter(|account| is_company(*account)) {
        let (city, country) = turn(&CITIES, account);
        // Some are half filled in, as in life.
        let phone = if account % 4 == 0 { String::new() } else { phone(account, account) };
        let city = if account % 6 == 1 { "" } else { city };
        sheet.row(&[
            account_name(account),
            domain(account),
            format!("https://www.{}", domain(account)),
            phone,
            city.to_owned(),
            country.to_owned(),
            (20 + account * 13).to_string(),
            seller(account).2,
        ]);
    }
    sheet
}

fn accounts() -> Sheet {
    let mut sheet = Sheet::new(&[
        "Name",
        "Website",
        "Phone",
        "BillingCity",
        "BillingCountry",
        "NumberOfEmployees",
        "Owner.Email",
    ]);
    for account in (0..ACCOUNTS).filter(|account| is_account(*account)) {
        let (city, country) = turn(&CITIES, account);
        let employees = 20 + account * 13 + if account % 9 == 7 { 100 } else { 0 };
        sheet.row(&[
            account_name(account),
            format!("https://www.{}", domain(account)),
            phone(account, account),
            city.to_owned(),
            country.to_owned(),
            employees.to_string(),
            seller(account).2,
        ]);
    }
    sheet
}

fn hubspot_contacts(everyone: &[Person], cast: &Cast) -> Sheet {
    let mut sheet =
        Sheet::new(&["email", "firstname", "lastname", "phone", "jobtitle", "company.name", "owner.email"]);
    for person in everyone.iter().filter(|person| person.in_hubspot()) {
        let phone = if person.number % 5 == 1 { String::new() } else { phone(person.account, person.number) };
        let company = if is_company(person.account) { account_name(person.account) } else { String::new() };
        sheet.row(&[
            person.email(),
            person.first().to_owned(),
            person.last().to_owned(),
            phone,
            person.title().to_owned(),
            company,
            seller(person.account).2,
        ]);
    }
    sheet.row(&[cast.ambiguous.as_str(), "Front", "Office", "", "", &account_name(ALONE + 1), &seller(0).2]);
    sheet
}

fn contacts(everyone: &[Person], cast: &Cast) -> Sheet {
    let mut sheet =
        Sheet::new(&["FirstName", "LastName", "Email", "Phone", "Title", "Account.Name", "Owner.Email"]);
    for person in everyone.iter().filter(|person| person.in_salesforce() && person.is_contact()) {
        sheet.row(&[
            person.first().to_owned(),
            person.last().to_owned(),
            person.email(),
            phone(person.account, person.number),
            salesforce_title(person),
            account_name(person.account),
            seller(person.account).2,
        ]);
    }
    for last in ["Reception", "Office"] {
        let account = account_name(ALONE + 1);
        sheet.row(&["Front", last, &cast.ambiguous, "", "", account.as_str(), &seller(0).2]);
    }
    sheet
}

/// Some titles are older than HubSpot's, some are missing.
fn salesforce_title(person: &Person) -> String {
    match person.number % 12 {
        10 => String::new(),
        11 => "Assistant".to_owned(),
        _ => person.title().to_owned(),
    }
}

fn leads(everyone: &[Person]) -> Sheet {
    let mut sheet =
        Sheet::new(&["FirstName", "LastName", "Email", "Phone", "Title", "Company", "Owner.Email"]);
    for person in everyone.iter().filter(|person| person.in_salesforce() && !person.is_contact()) {
        sheet.row(&[
            person.first().to_owned(),
            person.last().to_owned(),
            person.email(),
            phone(person.account, person.number),
            salesforce_title(person),
            account_name(person.account),
            seller(person.account).2,
        ]);
    }
    sheet
}

fn close_date(number: usize) -> String {
    format!("2026-{:02}-{:02}", 1 + number * 5 % 12, 1 + number * 7 % 28)
}

fn opportunities() -> Sheet {
    let mut sheet = Sheet::new(&["Name", "Account.Name", "StageName", "CloseDate", "Amount", "Owner.Email"]);
    for number in 0..OPPORTUNITIES {
        let account = (number * 3) % (ACCOUNTS - ALONE);
        sheet.row(&[
            opportunity_name(number),
            account_name(account),
            turn(&STAGES, number).1.to_owned(),
            close_date(number),
            (1_500 + number * 1_250).to_string(),
            seller(account).2,
        ]);
    }
    sheet
}

fn deals(everyone: &[Person]) -> Sheet {
    let mut sheet = Sheet::new(&[
        "dealname",
        "company.name",
        "contact.email",
        "pipeline",
        "dealstage",
        "closedate",
        "amount",
        "owner.email",
    ]);
    for number in 0..DEALS {
        // The last of them belong to companies that Salesforce does not have.
        let account = ALONE + (number * 2) % (ACCOUNTS - ALONE);
        let person = everyone.iter().find(|person| person.in_hubspot() && person.account == account);
        sheet.row(&[
            format!("{} – renewal {}", account_name(account), 2026 + number % 2),
            account_name(account),
            person.map(Person::email).unwrap_or_default(),
            "default".to_owned(),
            turn(&STAGES, number * 2).0.to_owned(),
            close_date(number + 3),
            (900 + number * 700).to_string(),
            seller(account).2,
        ]);
    }
    sheet
}
