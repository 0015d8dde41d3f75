//! A lead and the contact that it became, read at different times, may name different accounts.

use super::world::*;
use crate::plan::at_odds;
use syncline_model::{Observed, RecordState};

const LEAD: &str = "salesforce/Lead/00Q";
const CONTACT: &str = "salesforce/Contact/003";

fn odds(lead: RecordState, account: Observed) -> Vec<String> {
    let mut case =
        Case::of(syncline_model::Kind::Person).fresh(LEAD, &[]).fresh(CONTACT, &[("AccountId", account)]);
    case.hood.snapshots[0].as_mut().unwrap().state = lead;
    let [lead, contact] = [0, 1].map(|position| case.hood.snapshots[position].as_ref().unwrap());
    at_odds(&case.mapping, lead, contact).iter().map(ToString::to_string).collect()
}

fn converted(account: Option<&str>) -> RecordState {
    RecordState::Converted {
        contact: Some("003".into()),
        account: account.map(Into::into),
        opportunity: None,
    }
}

#[test]
fn an_account_that_only_the_contact_names_is_in_doubt_with_the_contact() {
    let named = || refs(&["Account/0014"]);
    assert_eq!(odds(converted(Some("0011")), named()), ["salesforce/Account/0014", CONTACT]);
    assert_eq!(odds(converted(Some("0014")), named()), [""; 0], "they agree");
    assert_eq!(odds(converted(None), named()), [""; 0], "the lead names none");
    assert_eq!(odds(RecordState::Live, named()), [""; 0], "it is a lead still");
    for unread in [Observed::Empty, Observed::NotFetched, Observed::NotPermitted] {
        assert_eq!(odds(converted(Some("0011")), unread), [""; 0]);
    }
}
