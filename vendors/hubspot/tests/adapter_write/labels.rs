//! Roles of a relation, which are labels of the account.

use crate::adapter_support::{World, confirmed, edge, record, refs, row, run};
use serde_json::json;
use syncline_kit::{
    sandbox::Limits,
    vendor::{RejectionClass, RowOutcome, Vendor as _, Write},
};
use syncline_model::{Observed, Ref};

#[test]
fn an_unknown_label_is_refused_before_anything_is_sent() {
    let world = World::new(Limits::Off);
    let company = world.make("companies", json!({"name": "A"}));
    let contact = world.make("contacts", json!({"email": "ada@example.com"}));
    let write =
        edge("@contact_to_company", ("contacts", &contact), ("companies", &company), Some("Tenant"), false);
    let outcomes = world.write(vec![row(1, Write::Associate(write))]);
    let RowOutcome::Rejected(refused) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(refused.class, RejectionClass::Fields(vec!["@contact_to_company".into()]));
    assert_eq!(world.calls_to("contacts/companies/batch/create"), 0);
}

#[test]
fn roles_are_labels_of_the_account_and_taking_one_away_leaves_the_others() {
    let world = World::new(Limits::Off);
    for label in ["Decision maker", "Buyer"] {
        let body = json!({"name": label.to_lowercase().replace(' ', "_"), "label": label});
        world.api("POST", "/crm/v4/associations/deals/contacts/labels", &body);
    }
    let deal = world.make("deals", json!({"dealname": "One", "dealstage": "qualifiedtobuy"}));
    let contact = world.make("contacts", json!({"email": "ada@example.com"}));
    let role = |role: &'static str| {
        edge("@deal_to_contact", ("deals", &deal), ("contacts", &contact), Some(role), false)
    };
    let outcomes = world.write(vec![
        row(1, Write::Associate(role("Buyer"))),
        row(2, Write::Associate(role("Decision maker"))),
    ]);
    assert!(outcomes.iter().all(|one| matches!(one, RowOutcome::Confirmed { .. })), "{outcomes:?}");
    let seen = || {
        let seen = run(world.hub.read(&world.want, &[record("deals", &deal)])).unwrap();
        seen[0].fields.iter().find(|(name, _)| name.as_str() == "@deal_to_contact").unwrap().1.clone()
    };
    let with = |role: &str| Ref { role: Some(role.into()), ..Ref::to("contacts", &*contact) };
    assert_eq!(seen(), refs(&[with("Buyer"), with("Decision maker")]));
    confirmed(&world.write(vec![row(3, Write::Dissociate(role("Buyer")))])[0]);
    assert_eq!(seen(), refs(&[with("Decision maker")]));
    confirmed(&world.write(vec![row(4, Write::Dissociate(role("Decision maker")))])[0]);
    assert_eq!(seen(), Observed::Empty);
}

/// A deal and a contact that are joined by these labels of the account.
fn labelled(world: &World, labels: &[&'static str]) -> (String, String) {
    for label in labels {
        let body = json!({"name": label.to_lowercase(), "label": label});
        world.api("POST", "/crm/v4/associations/deals/contacts/labels", &body);
    }
    let deal = world.make("deals", json!({"dealname": "One", "dealstage": "qualifiedtobuy"}));
    let contact = world.make("contacts", json!({"email": "ada@example.com"}));
    let rows = labels.iter().zip(1..).map(|(label, number)| {
        let ends = (("deals", &*deal), ("contacts", &*contact));
        row(number, Write::Associate(edge("@deal_to_contact", ends.0, ends.1, Some(label), false)))
    });
    let outcomes = world.write(rows.collect());
    assert!(outcomes.iter().all(|one| matches!(one, RowOutcome::Confirmed { .. })), "{outcomes:?}");
    (deal, contact)
}

fn contacts_of(world: &World, deal: &str) -> Observed {
    let seen = run(world.hub.read(&world.want, &[record("deals", deal)])).unwrap();
    seen[0].fields.iter().find(|(name, _)| name.as_str() == "@deal_to_contact").unwrap().1.clone()
}

#[test]
fn labels_of_one_pair_taken_away_in_one_call_take_the_pair_along_unless_one_stays() {
    for stays in [None, Some("Sponsor")] {
        let world = World::new(Limits::Off);
        let labels: Vec<&'static str> = ["Buyer", "Judge"].into_iter().chain(stays).collect();
        let (deal, contact) = labelled(&world, &labels);
        let rows = ["Buyer", "judge"].into_iter().zip(11..).map(|(label, number)| {
            let ends = (("deals", &*deal), ("contacts", &*contact));
            row(number, Write::Dissociate(edge("@deal_to_contact", ends.0, ends.1, Some(label), false)))
        });
        let outcomes = run(world.hub.write(&world.pack_one(rows.collect()))).unwrap();
        assert!(outcomes.iter().all(|one| matches!(one, RowOutcome::Confirmed { .. })), "{outcomes:?}");
        let left = match stays {
            Some(role) => refs(&[Ref { role: Some(role.into()), ..Ref::to("contacts", &*contact) }]),
            None => Observed::Empty,
        };
        assert_eq!(contacts_of(&world, &deal), left);
    }
}

#[test]
fn a_label_that_was_made_since_is_written_and_one_that_is_gone_is_refused_not_confirmed() {
    let world = World::new(Limits::Off);
    let (deal, contact) = labelled(&world, &["Buyer", "Judge"]);
    let role = |role| edge("@deal_to_contact", ("deals", &deal), ("contacts", &contact), Some(role), false);
    let body = json!({"name": "sponsor", "label": "Sponsor"});
    world.api("POST", "/crm/v4/associations/deals/contacts/labels", &body);
    confirmed(&world.write(vec![row(11, Write::Associate(role("Sponsor")))])[0]);
    let reads = world.calls_to("deals/contacts/labels");
    let gone = |number| row(number, Write::Dissociate(role("Tenant")));
    for outcome in world.write(vec![gone(12), gone(13)]) {
        let RowOutcome::Rejected(refused) = &outcome else { panic!("{outcome:?}") };
        assert_eq!(refused.class, RejectionClass::Fields(vec!["@deal_to_contact".into()]));
    }
    assert_eq!(world.calls_to("deals/contacts/labels") - reads, 1, "they are read anew once a call");
    let with = |role: &str| Ref { role: Some(role.into()), ..Ref::to("contacts", &*contact) };
    assert_eq!(contacts_of(&world, &deal), refs(&[with("Buyer"), with("Judge"), with("Sponsor")]));
}
