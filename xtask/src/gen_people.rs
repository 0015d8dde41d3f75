//! Makes two systems that already hold overlapping people: seed files for both sandboxes, and the truth. The same number
//! gives the same files.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// People in each system.
    pub(crate) people: u64,
    /// Of each system's people, how many in a hundred are in the other one too.
    pub(crate) overlap: u64,
    /// Of those, how many in a thousand have a second record with the same address in Salesforce.
    pub(crate) doubled: u64,
    /// What all choices are derived from.
    pub(crate) seed: u64,
}

/// Where the files are.
pub(crate) struct Made {
    /// Seed files of the Salesforce sandbox.
    pub(crate) salesforce: PathBuf,
    /// Seed files of the HubSpot sandbox.
    pub(crate) hubspot: PathBuf,
    /// Addresses by what they must become: `pair`, `salesforce`, `hubspot`, `review`.
    pub(crate) truth: PathBuf,
}

const FIRST: &[&str] = &[
    "Ada",
    "Björn",
    "Chloé",
    "Dario",
    "Elif",
    "Finn",
    "Gudrún",
    "Hana",
    "Ines",
    "Jonas",
    "Katarzyna",
    "Liam",
    "Mária",
    "Noor",
    "Oskar",
    "Priya",
    "Quentin",
    "Rosa",
    "Sven",
    "Tomáš",
    "Ulla",
    "Víctor",
    "Wiebke",
    "Xenia",
    "Yusuf",
    "Zoë",
];
const LAST: &[&str] = &[
    "Almeida",
    "Bergström",
    "Carter",
    "Dvořák",
    "Eriksen",
    "Fischer",
    "García",
    "Horvat",
    "Ivanov",
    "Jansen",
    "Kowalski",
    "Lindqvist",
    "Moreau",
    "Nagy",
    "O'Brien",
    "Petrov",
    "Quispe",
    "Rossi",
    "Schäfer",
    "Takahashi",
    "Ünal",
    "Varga",
    "Weber",
    "Yılmaz",
    "Zimmermann",
];
const TITLES: &[&str] =
    &["Buyer", "Chief executive", "Head of operations", "Engineer", "Office manager", "Sales director"];

/// People who own records, the same in both systems.
const USERS: u64 = 10;

fn owner(number: u64) -> String {
    format!("Owner Number{}", number % USERS)
}

/// Writes the files below `out`.
pub(crate) fn write(size: Size, out: &Path) -> io::Result<Made> {
    let made = Made {
        salesforce: out.join("salesforce"),
        hubspot: out.join("hubspot"),
        truth: out.join("truth.csv"),
    };
    fs::create_dir_all(&made.salesforce)?;
    fs::create_dir_all(&made.hubspot)?;
    let mut random = Random(size.seed);
    let common = size.people * size.overlap / 100;
    let companies = (size.people / 10).max(10);

    let mut users = "Name,Email,IsActive\n".to_owned();
    let mut owners = "email,firstName,lastName\n".to_owned();
    for user in 0..USERS {
        let _ = writeln!(users, "Owner Number{user},owner{user}@seller.example.org,true");
        let _ = writeln!(owners, "owner{user}@seller.example.org,Owner,Number{user}");
    }
    let mut accounts = "Name,Website,BillingCountry,Owner.Name\n".to_owned();
    for company in 0..companies {
        let _ = writeln!(
            accounts,
            "Company {company} Ltd,https://www.company{company}-example.com,Sweden,{}",
            owner(company)
        );
    }
    let mut leads = "LastName,FirstName,Email,Company,Title,Phone,Owner.Name\n".to_owned();
    let mut contacts = "LastName,FirstName,Email,Account.Name,Title,Phone,Owner.Name\n".to_owned();
    let mut hubspot = "email,firstname,lastname,jobtitle,phone\n".to_owned();
    let mut truth = "email,is\n".to_owned();
    // People 0..common are in both systems; then each system's own.
    for number in 0..size.people {
        let person = Person::new(number, number % companies, &mut random);
        let both = number < common;
        let doubled = both && random.below(1000) < size.doubled;
        person.salesforce(&mut leads, &mut contacts);
        if doubled {
            // A second lead of the same address: nobody can say which is meant.
            let _ = writeln!(leads, "{},{},{},Unknown,,,", person.last, person.first, person.email);
            if number % 3 == 0 {
                let _ = writeln!(leads, "{},{},{},Elsewhere,,,", person.last, person.first, person.email);
            }
        }
        if both {
            person.hubspot(&mut hubspot, &mut random);
        }
        // A contact beats a lead of the same address; two leads are a question.
        let is = match (both, doubled, person.is_contact()) {
            (false, _, _) => "salesforce",
            (true, false, _) | (true, true, true) => "pair",
            (true, true, false) => "review",
        };
        let _ = writeln!(truth, "{},{is}", person.email);
    }
    for number in size.people..2 * size.people - common {
        let person = Person::new(number, number % companies, &mut random);
        person.hubspot(&mut hubspot, &mut random);
        let _ = writeln!(truth, "{},hubspot", person.email);
    }
    fs::write(made.salesforce.join("Account.csv"), accounts)?;
    fs::write(made.salesforce.join("Lead.csv"), leads)?;
    fs::write(made.salesforce.join("Contact.csv"), contacts)?;
    fs::write(made.salesforce.join("User.csv"), users)?;
    fs::write(made.hubspot.join("contacts.csv"), hubspot)?;
    fs::write(made.hubspot.join("owners.csv"), owners)?;
    fs::write(&made.truth, truth)?;
    Ok(made)
}

struct Person {
    number: u64,
    first: &'static str,
    last: &'static str,
    email: String,
    company: u64,
    title: &'static str,
}

impl Person {
    fn new(number: u64, company: u64, random: &mut Random) -> Self {
        let pick = |random: &mut Random, list: &'static [&'static str]| {
            list[random.below(list.len() as u64) as usize]
        };
        let (first, last) = (pick(random, FIRST), pick(random, LAST));
        Self {
            number,
            first,
            last,
            // Free mail, so that a contact's company is what Salesforce says, not what the address says.
            email: format!("person.{number}@mail{}.example.net", number % 7),
            company,
            title: pick(random, TITLES),
        }
    }

    fn is_contact(&self) -> bool {
        self.number.is_multiple_of(2)
    }

    fn salesforce(&self, leads: &mut String, contacts: &mut String) {
        let Self { first, last, email, company, title, number } = self;
        let phone = format!("+46 8 {number:07}");
        let _ = if self.is_contact() {
            writeln!(
                contacts,
                "{last},{first},{email},Company {company} Ltd,{title},{phone},{}",
                owner(*number)
            )
        } else {
            writeln!(leads, "{last},{first},{email},Company {company} Ltd,{title},{phone},{}", owner(*number))
        };
    }

    /// As the other system spells it: another case, sometimes another title, often no phone.
    fn hubspot(&self, contacts: &mut String, random: &mut Random) {
        let Self { first, last, email, title, number, .. } = self;
        let title = if random.below(10) == 0 { "Consultant" } else { title };
        let phone = if random.below(2) == 0 { format!("+468{number:07}") } else { String::new() };
        let _ = writeln!(contacts, "{},{first},{last},{title},{phone}", email.to_uppercase());
    }
}

/// A small generator (xorshift*), enough for test data.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_gives_the_same_files_and_the_truth_covers_everyone() {
        let size = Size { people: 200, overlap: 40, doubled: 100, seed: 1 };
        let made = |name: &str| {
            let out = std::env::temp_dir().join(format!("syncline-gen-{}-{name}", std::process::id()));
            let made = write(size, &out).unwrap();
            let read = |path: &Path| fs::read_to_string(path).unwrap();
            let files = (
                read(&made.truth),
                read(&made.hubspot.join("contacts.csv")),
                read(&made.salesforce.join("Lead.csv")),
            );
            fs::remove_dir_all(&out).unwrap();
            files
        };
        let (truth, hubspot, leads) = made("one");
        assert_eq!((truth.clone(), hubspot.clone(), leads), made("two"));
        assert_eq!(truth.lines().count(), 1 + 200 + 120);
        assert_eq!(hubspot.lines().count(), 1 + 200);
        for word in ["pair", "review", "salesforce", "hubspot"] {
            assert!(truth.lines().any(|line| line.ends_with(word)), "{word}");
        }
    }
}
