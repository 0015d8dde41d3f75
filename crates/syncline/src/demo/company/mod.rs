//! The demo's company: a seller with forty customers, known in part to Salesforce and in part to HubSpot. Always the same.

mod files;

use syncline_kit::sandbox::seed::SeedFiles;

const ACCOUNTS: usize = 40;
const PEOPLE: usize = 120;
const OPPORTUNITIES: usize = 42;
const DEALS: usize = 20;
/// The first of these accounts are Salesforce's alone, the last HubSpot's.
const ALONE: usize = 5;

const NAMES: [&str; 20] = [
    "Harbour", "Quarry", "Lantern", "Juniper", "Copper", "Meadow", "Granite", "Willow", "Falcon", "Orchard",
    "Beacon", "Cedar", "Summit", "Tidal", "Amber", "Prairie", "Cobalt", "Maple", "Raven", "Saffron",
];
const TRADES: [&str; 6] = ["Logistics", "Instruments", "Foods", "Systems", "Textiles", "Energy"];
const CITIES: [(&str, &str); 8] = [
    ("Leeds", "United Kingdom"),
    ("Porto", "Portugal"),
    ("Austin", "United States"),
    ("Graz", "Austria"),
    ("Lyon", "France"),
    ("Halifax", "Canada"),
    ("Aarhus", "Denmark"),
    ("Utrecht", "Netherlands"),
];
const FIRST: [&str; 40] = [
    "Ada", "Bruno", "Clara", "Dmitri", "Elena", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Keiko", "Liam",
    "Mona", "Nils", "Olga", "Pedro", "Quinn", "Rosa", "Sven", "Tara", "Umar", "Vera", "Wim", "Xenia",
    "Yusuf", "Zoe", "Anton", "Bianca", "Carlos", "Dana", "Emil", "Fiona", "Gabor", "Hanna", "Igor", "Julia",
    "Karim", "Lotte", "Marco", "Nadia",
];
const LAST: [&str; 41] = [
    "Abel",
    "Berg",
    "Costa",
    "Dunn",
    "Ekman",
    "Ferrari",
    "Gruber",
    "Holt",
    "Ivanova",
    "Jansen",
    "Keller",
    "Lindqvist",
    "Moreau",
    "Novak",
    "Okafor",
    "Petrov",
    "Quist",
    "Rossi",
    "Silva",
    "Tanaka",
    "Ueda",
    "Varga",
    "Weber",
    "Xu",
    "Yilmaz",
    "Zeller",
    "Adeyemi",
    "Bauer",
    "Castro",
    "Diaz",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Haddad",
    "Ito",
    "Jensen",
    "Kovacs",
    "Larsen",
    "Mancini",
    "Nguyen",
    "Olsen",
];
const TITLES: [&str; 6] =
    ["Head of Purchasing", "Buyer", "Operations Manager", "Managing Director", "Plant Manager", "IT Lead"];
/// The sales process: HubSpot's stage id, and the label that both systems show.
pub(crate) const STAGES: [(&str, &str); 5] = [
    ("discovery", "Discovery"),
    ("proposal", "Proposal"),
    ("negotiation", "Negotiation"),
    ("closedwon", "Closed Won"),
    ("closedlost", "Closed Lost"),
];
const SELLERS: [(&str, &str); 4] =
    [("Maya", "Lund"), ("Theo", "Brandt"), ("Ruth", "Okoye"), ("Samir", "Haas")];

/// What both sandboxes are loaded with.
pub(crate) struct Company {
    /// HubSpot's files.
    pub(crate) hubspot: SeedFiles,
    /// Salesforce's files.
    pub(crate) salesforce: SeedFiles,
    /// Who is edited later.
    pub(crate) cast: Cast,
}

/// The records that the story is about, by what both systems know them by.
pub(crate) struct Cast {
    /// Gets a new phone number in HubSpot.
    pub(crate) phone: String,
    /// Gets two titles at once.
    pub(crate) conflict: String,
    /// Loses the title.
    pub(crate) cleared: String,
    /// Is new in HubSpot, at a company that Salesforce has.
    pub(crate) newcomer: String,
    /// That company's domain.
    pub(crate) newcomer_domain: String,
    /// An opportunity that moves on in Salesforce.
    pub(crate) deal: String,
    /// An address that two Salesforce contacts share.
    pub(crate) ambiguous: String,
}

/// Makes the company.
pub(crate) fn company() -> Company {
    let everyone: Vec<Person> = (0..PEOPLE).map(Person::number).collect();
    let both: Vec<&Person> =
        everyone.iter().filter(|person| person.in_both() && person.is_contact()).collect();
    let email = |position: usize| both.get(position).map(|person| person.email()).unwrap_or_default();
    let cast = Cast {
        phone: email(0),
        conflict: email(1),
        cleared: email(2),
        newcomer: format!("noor.vance@{}", domain(ALONE + 3)),
        newcomer_domain: domain(ALONE + 3),
        deal: opportunity_name(0),
        ambiguous: format!("office@{}", domain(ALONE + 1)),
    };
    Company {
        hubspot: files::hubspot(&everyone, &cast),
        salesforce: files::salesforce(&everyone, &cast),
        cast,
    }
}

/// An element of a list that is used in turns.
fn turn<T: Copy>(list: &[T], position: usize) -> T {
    list[position % list.len()]
}

fn account_name(account: usize) -> String {
    format!("{} {}", turn(&NAMES, account), turn(&TRADES, account * 7 + account / NAMES.len()))
}

fn domain(account: usize) -> String {
    format!("{}.example", account_name(account).to_lowercase().replace(' ', ""))
}

fn is_account(account: usize) -> bool {
    account < ACCOUNTS - ALONE
}

fn is_company(account: usize) -> bool {
    account >= ALONE
}

fn phone(country: usize, number: usize) -> String {
    format!("+{} 555 {:04}", turn(&["44", "351", "1", "43"], country), 1000 + number * 37 % 9000)
}

fn seller(position: usize) -> (&'static str, &'static str, String) {
    let (first, last) = turn(&SELLERS, position);
    (first, last, format!("{first}.{last}@lumenworks.example").to_lowercase())
}

struct Person {
    number: usize,
    account: usize,
}

impl Person {
    fn number(number: usize) -> Self {
        // Not in step with who is known where.
        Self { number, account: (number * 11 + number / 40) % ACCOUNTS }
    }

    fn first(&self) -> &'static str {
        turn(&FIRST, self.number)
    }

    fn last(&self) -> &'static str {
        turn(&LAST, self.number * 7 + self.number / 40)
    }

    fn email(&self) -> String {
        format!("{}.{}@{}", self.first(), self.last(), domain(self.account)).to_lowercase()
    }

    fn title(&self) -> &'static str {
        turn(&TITLES, self.number * 5 + self.account)
    }

    fn in_both(&self) -> bool {
        self.number % 10 < 4
    }

    fn in_hubspot(&self) -> bool {
        self.number % 10 < 7
    }

    fn in_salesforce(&self) -> bool {
        self.in_both() || !self.in_hubspot()
    }

    /// In Salesforce: a contact of a known account, or still a lead.
    fn is_contact(&self) -> bool {
        is_account(self.account) && self.number % 4 != 2
    }
}

fn opportunity_name(number: usize) -> String {
    let account = (number * 3) % (ACCOUNTS - ALONE);
    format!("{} – {} units", account_name(account), 50 + number * 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_and_addresses_are_their_own() {
        let names: BTreeSet<String> = (0..ACCOUNTS).map(account_name).collect();
        assert_eq!(names.len(), ACCOUNTS);
        let emails: BTreeSet<String> = (0..PEOPLE).map(|number| Person::number(number).email()).collect();
        assert_eq!(emails.len(), PEOPLE);
        let deals: BTreeSet<String> = (0..OPPORTUNITIES).map(opportunity_name).collect();
        assert_eq!(deals.len(), OPPORTUNITIES);
    }

    #[test]
    fn two_in_five_people_are_in_both_systems() {
        let everyone: Vec<Person> = (0..PEOPLE).map(Person::number).collect();
        let count = |is: fn(&Person) -> bool| everyone.iter().filter(|person| is(person)).count();
        assert_eq!(count(Person::in_both), 48);
        assert_eq!((count(Person::in_hubspot), count(Person::in_salesforce)), (84, 84));
        assert!(everyone.iter().any(|person| person.in_salesforce() && !person.is_contact()));
        let cast = company().cast;
        let told: BTreeSet<&String> = [&cast.phone, &cast.conflict, &cast.cleared].into_iter().collect();
        assert_eq!(told.len(), 3);
        assert!(told.iter().all(|email| !email.is_empty()));
    }
}
