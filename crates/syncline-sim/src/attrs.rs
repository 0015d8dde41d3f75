//! The attributes that a simulation edits and compares, with each side's spelling. The oracle's own table: it shares no
//! line with the mapping that the engine compiles.

use crate::side::Side;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use syncline_model::Kind;

/// How values of an attribute are made and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Text,
    /// Carries the thing's token, by which the oracle knows it again.
    Name,
    Email,
    Phone,
    Number,
    Money,
    Date,
    Industry,
    Stage,
    Url,
    /// Opted out, or nothing: what is no opt-out is not told apart from a blank.
    Consent,
}

/// An attribute.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Attr {
    pub(crate) kind: Kind,
    /// Its name in the configuration.
    pub(crate) name: &'static str,
    pub(crate) hubspot: &'static str,
    /// By object.
    pub(crate) salesforce: &'static [(&'static str, &'static str)],
    pub(crate) of: Type,
}

const ACCOUNT: &str = "Account";
const LEAD: &str = "Lead";
const CONTACT: &str = "Contact";
const OPPORTUNITY: &str = "Opportunity";

macro_rules! attr {
    ($kind:ident, $name:literal, $hubspot:literal, [$(($object:ident, $field:literal)),+], $of:ident) => {
        Attr { kind: Kind::$kind, name: $name, hubspot: $hubspot, salesforce: &[$(($object, $field)),+], of: Type::$of }
    };
}

/// From here on a number means an attribute of [`LATER`]: scripts and seeds from before there were any keep their stories.
pub(crate) const MORE: u32 = 100_000;
/// The attribute that a company's site is: its key in Salesforce. In HubSpot that is the domain.
pub(crate) const SITE: &str = "website";
/// Whether a person wants no mail.
pub(crate) const CONSENT: &str = "opted_out";
/// HubSpot's property of it: its own may not be written by anybody [docs].
pub(crate) const CONSENT_PROPERTY: &str = "no_mail";
/// The attributes that came later. Nobody gives them to new records, and only numbers from [`MORE`] on mean them.
const LATER: [(Kind, &str); 2] = [(Kind::Organisation, SITE), (Kind::Person, CONSENT)];

/// All attributes, those with the token first of their kind.
pub(crate) static ATTRS: [Attr; 22] = [
    attr!(Organisation, "name", "name", [(ACCOUNT, "Name")], Name),
    attr!(Organisation, "phone", "phone", [(ACCOUNT, "Phone")], Phone),
    attr!(Organisation, "city", "city", [(ACCOUNT, "BillingCity")], Text),
    attr!(Organisation, "employees", "numberofemployees", [(ACCOUNT, "NumberOfEmployees")], Number),
    attr!(Organisation, "annual_revenue", "annualrevenue", [(ACCOUNT, "AnnualRevenue")], Money),
    attr!(Organisation, "industry", "industry", [(ACCOUNT, "Industry")], Industry),
    attr!(Organisation, "description", "description", [(ACCOUNT, "Description")], Text),
    attr!(Person, "last_name", "lastname", [(LEAD, "LastName"), (CONTACT, "LastName")], Name),
    attr!(Person, "first_name", "firstname", [(LEAD, "FirstName"), (CONTACT, "FirstName")], Text),
    attr!(Person, "email", "email", [(LEAD, "Email"), (CONTACT, "Email")], Email),
    attr!(Person, "phone", "phone", [(LEAD, "Phone"), (CONTACT, "Phone")], Phone),
    attr!(Person, "mobile", "mobilephone", [(LEAD, "MobilePhone"), (CONTACT, "MobilePhone")], Phone),
    attr!(Person, "title", "jobtitle", [(LEAD, "Title"), (CONTACT, "Title")], Text),
    attr!(Person, "city", "city", [(LEAD, "City"), (CONTACT, "MailingCity")], Text),
    attr!(Deal, "name", "dealname", [(OPPORTUNITY, "Name")], Name),
    attr!(Deal, "stage", "dealstage", [(OPPORTUNITY, "StageName")], Stage),
    attr!(Deal, "amount", "amount", [(OPPORTUNITY, "Amount")], Money),
    attr!(Deal, "close_date", "closedate", [(OPPORTUNITY, "CloseDate")], Date),
    attr!(Deal, "next_step", "hs_next_step", [(OPPORTUNITY, "NextStep")], Text),
    attr!(Deal, "description", "description", [(OPPORTUNITY, "Description")], Text),
    // A field that two attributes of the configuration read: the domain of a company is taken from it where it has none.
    attr!(Organisation, "website", "website", [(ACCOUNT, "Website")], Url),
    attr!(
        Person,
        "opted_out",
        "no_mail",
        [(LEAD, "HasOptedOutOfEmail"), (CONTACT, "HasOptedOutOfEmail")],
        Consent
    ),
];

/// Stages: HubSpot's id, Salesforce's label.
pub(crate) const STAGES: [(&str, &str); 5] = [
    ("prospecting", "Prospecting"),
    ("qualification", "Qualification"),
    ("negotiation", "Negotiation/Review"),
    ("closedwon", "Closed Won"),
    ("closedlost", "Closed Lost"),
];
/// Industries that both vendors call alike, and then one of each alone.
const INDUSTRIES: [(&str, &str); 6] = [
    ("BANKING", "Banking"),
    ("BIOTECHNOLOGY", "Biotechnology"),
    ("CONSTRUCTION", "Construction"),
    ("ENTERTAINMENT", "Entertainment"),
    ("INSURANCE", "Insurance"),
    ("MACHINERY", "Machinery"),
];
/// What a placeholder says where Salesforce requires a value.
pub(crate) const PLACEHOLDER: &str = "[not provided]";

impl Attr {
    /// The field of an object that carries it.
    pub(crate) fn field(&self, side: Side, object: &str) -> Option<&'static str> {
        match side {
            Side::HubSpot => Some(self.hubspot),
            Side::Salesforce => self.salesforce.iter().find(|(of, _)| *of == object).map(|(_, field)| *field),
        }
    }

    /// Whether a record may be without it at the vendor.
    pub(crate) fn may_be_cleared(&self) -> bool {
        match self.of {
            Type::Name | Type::Email | Type::Stage => false,
            Type::Date => false,
            Type::Text
            | Type::Phone
            | Type::Number
            | Type::Money
            | Type::Industry
            | Type::Url
            | Type::Consent => true,
        }
    }

    /// Whether it came later.
    pub(crate) fn is_later(&self) -> bool {
        LATER.contains(&(self.kind, self.name))
    }

    /// The value number `n` of a thing with this token, in the oracle's spelling.
    pub(crate) fn value(&self, n: u32, token: &str) -> String {
        match self.of {
            Type::Text if n.is_multiple_of(5) => format!("Zoë Ünal {n} & Søn"),
            Type::Text => format!("{} {n}", self.name),
            Type::Name => format!("{} {token}", ["Ek", "Lee", "Núñez", "O'Hara", "Wu"][n as usize % 5]),
            Type::Email => format!("{}{n}@people.example", token.to_lowercase()),
            Type::Phone => format!("1555{:07}", n % 10_000_000),
            Type::Number => (n % 100_000).to_string(),
            Type::Money if n.is_multiple_of(4) => format!("9007199254{:04}.93", n % 10_000),
            Type::Money => normal_number(&format!("{}.{:02}", n % 1_000_000, n % 100)),
            Type::Date => format!("2026-{:02}-{:02}", n % 12 + 1, n % 28 + 1),
            Type::Industry => INDUSTRIES[n as usize % INDUSTRIES.len()].1.to_owned(),
            Type::Stage => STAGES[n as usize % STAGES.len()].1.to_owned(),
            // Another page of the same site mostly, and sometimes another site.
            Type::Url if n.is_multiple_of(3) => format!("{token}site{}.com", n % 4),
            Type::Url => format!("{token}works.com/{}", n % 100),
            Type::Consent => n.is_multiple_of(3).to_string(),
        }
    }

    /// A value as one side's people write it.
    pub(crate) fn spelt(&self, side: Side, value: &str) -> Json {
        let text = |text: &str| Json::String(text.to_owned());
        match (self.of, side) {
            (Type::Number | Type::Money, Side::Salesforce) => {
                serde_json::from_str(value).unwrap_or(Json::Null)
            }
            (Type::Phone, Side::Salesforce) => Json::String(format!("+{value}")),
            (Type::Phone, Side::HubSpot) => {
                let (head, tail) = value.split_at(value.len().min(4));
                Json::String(format!("+{head} {tail}"))
            }
            (Type::Industry, Side::HubSpot) => {
                text(INDUSTRIES.iter().find(|(_, label)| *label == value).map_or(value, |(id, _)| id))
            }
            (Type::Stage, Side::HubSpot) => {
                text(STAGES.iter().find(|(_, label)| *label == value).map_or(value, |(id, _)| id))
            }
            // Who writes addresses by hand writes them like names; HubSpot makes them small.
            (Type::Email, Side::Salesforce) => {
                Json::String(value.replacen('q', "Q", 1).replace("@people", "@People"))
            }
            (Type::Date, Side::HubSpot) => Json::String(format!("{value}T00:00:00Z")),
            (Type::Url, Side::Salesforce) => Json::String(format!("https://www.{value}")),
            (Type::Url, Side::HubSpot) => Json::String(format!("http://{value}/")),
            (Type::Consent, Side::Salesforce) => Json::Bool(value == "true"),
            (
                Type::Text
                | Type::Name
                | Type::Email
                | Type::Date
                | Type::Number
                | Type::Money
                | Type::Industry
                | Type::Stage
                | Type::Consent,
                _,
            ) => text(value),
        }
    }

    /// What a dump shows, in the oracle's spelling; `None`: nothing.
    pub(crate) fn read(&self, shown: &Json) -> Option<String> {
        let text = match shown {
            Json::String(text) => text.trim().to_owned(),
            Json::Number(number) => number.to_string(),
            Json::Bool(yes) => yes.to_string(),
            Json::Null | Json::Array(_) | Json::Object(_) => return None,
        };
        if text.is_empty() {
            return None;
        }
        Some(match self.of {
            Type::Consent if text == "true" => text,
            Type::Consent => return None,
            Type::Text | Type::Name => text,
            Type::Email => text.to_lowercase(),
            Type::Phone => text.chars().filter(char::is_ascii_digit).collect(),
            Type::Number | Type::Money => normal_number(&text),
            Type::Date => text.chars().take(10).collect(),
            Type::Url => {
                let text = text.strip_prefix("https://").or(text.strip_prefix("http://")).unwrap_or(&text);
                text.strip_prefix("www.").unwrap_or(text).trim_end_matches('/').to_owned()
            }
            Type::Industry => {
                INDUSTRIES.iter().find(|(id, _)| *id == text).map_or(text, |(_, label)| (*label).to_owned())
            }
            Type::Stage => {
                STAGES.iter().find(|(id, _)| *id == text).map_or(text, |(_, label)| (*label).to_owned())
            }
        })
    }
}

fn normal_number(text: &str) -> String {
    text.parse::<Decimal>().map_or_else(|_| text.to_owned(), |number| number.normalize().to_string())
}

/// The attributes of a kind.
pub(crate) fn of_kind(kind: Kind) -> impl Iterator<Item = &'static Attr> {
    ATTRS.iter().filter(move |attr| attr.kind == kind)
}

/// The attribute that a number means among some.
pub(crate) fn meant(among: impl Iterator<Item = &'static Attr>, number: u32) -> Option<&'static Attr> {
    let (later, first): (Vec<_>, Vec<_>) = among.partition(|attr| attr.is_later());
    let some = if number >= MORE && !later.is_empty() { later } else { first };
    some.get((number % MORE) as usize % some.len().max(1)).copied()
}

/// An attribute by name.
pub(crate) fn named(kind: Kind, name: &str) -> Option<&'static Attr> {
    of_kind(kind).find(|attr| attr.name == name)
}

/// The kind of an object's records.
pub(crate) fn kind_of(object: &str) -> Option<Kind> {
    match object {
        "companies" | ACCOUNT => Some(Kind::Organisation),
        "contacts" | LEAD | CONTACT => Some(Kind::Person),
        "deals" | OPPORTUNITY => Some(Kind::Deal),
        _ => None,
    }
}

/// The token in a name: its last word.
pub(crate) fn token_in(name: &str) -> Option<String> {
    let word = name.rsplit(' ').next()?;
    let digits = word.strip_prefix('q')?;
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_back_from_both_spellings() {
        for attr in &ATTRS {
            for n in 0..50 {
                let value = attr.value(n, "q7");
                for side in Side::BOTH {
                    let is_nothing = attr.of == Type::Consent && value == "false";
                    let expected = Some(&value).filter(|_| !is_nothing);
                    assert_eq!(attr.read(&attr.spelt(side, &value)).as_ref(), expected, "{}", attr.name);
                }
            }
        }
    }

    #[test]
    fn a_token_is_found_at_the_end_of_a_name_only() {
        assert_eq!(token_in("O'Hara q12").as_deref(), Some("q12"));
        assert_eq!(token_in("[not provided]"), None);
        assert_eq!(token_in("q12 Lee"), None);
        assert_eq!(token_in("Lee q"), None);
    }
}
