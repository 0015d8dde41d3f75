//! The companies of leads.

use super::*;

#[test]
fn the_company_of_a_converted_lead_is_the_account_it_was_put_under() {
    let case = becomes(pair(), LEAD, converted());
    let pending = link(LEAD, Kind::Organisation, 2, LinkState::Pending);
    let settled = settled(&case, std::slice::from_ref(&pending));
    assert_eq!(
        links(&settled)[2..],
        ["salesforce/Lead/00Q organisation removed", "salesforce/Account/A2 organisation Active"]
    );
    assert!(settled.replan.contains(&(Kind::Organisation, entity(2))));
    let account = link("salesforce/Account/A2", Kind::Organisation, 9, LinkState::Active);
    let settled = super::settled(&case, &[pending, account]);
    assert_eq!(
        links(&settled)[2..],
        ["salesforce/Lead/00Q organisation removed"],
        "a known account stays whose it is"
    );
}

#[test]
fn the_company_of_a_lead_outlives_its_delete_so_that_a_restored_one_is_converted_into_it() {
    for state in [RecordState::Live, RecordState::Deleted] {
        let company = becomes(Case::of(Kind::Organisation).link(LEAD, LinkState::Pending), LEAD, state);
        assert_eq!(settled(&company, &[]), Settled::default());
    }
}

#[test]
fn the_leads_of_a_company_that_became_part_of_another_one_are_the_other_ones() {
    let company = |links: Case| becomes(links, "hubspot/companies/1", RecordState::MergedInto("2".into()));
    let survivor = link("hubspot/companies/2", Kind::Organisation, 9, LinkState::Active);
    let lead_of = |settled: &Settled| -> Vec<_> {
        let put = settled.links.iter().filter_map(|change| match change {
            LinkChange::Put(link) if link.record == record(LEAD) => Some(link.entity),
            LinkChange::Put(_) | LinkChange::Remove(..) => None,
        });
        put.collect()
    };
    let alone = || {
        let case = Case::of(Kind::Organisation).link("hubspot/companies/1", LinkState::Active);
        case.link(LEAD, LinkState::Pending)
    };
    let dissolved = settled(&company(alone()), std::slice::from_ref(&survivor));
    assert_eq!(lead_of(&dissolved), [entity(9)]);
    let more = alone().link("hubspot/companies/3", LinkState::Active);
    let stays = settled(&company(more), std::slice::from_ref(&survivor));
    assert_eq!(lead_of(&stays), [], "another company of the entity is in force");
    // The other way round: the survivor comes to the one that had agreed with an account, and its leads with it.
    let agreed = Case::of(Kind::Organisation)
        .agreed("hubspot/companies/1", &[("name", text("Acme"))])
        .agreed("salesforce/Account/A1", &[("Name", text("Acme"))]);
    let lead = link(LEAD, Kind::Organisation, 9, LinkState::Pending);
    assert_eq!(lead_of(&settled(&company(agreed), &[survivor, lead])), [entity(1)]);
}

#[test]
fn a_lead_names_a_company_while_its_link_of_the_organisation_waits() {
    let said = |address: &str, facet, state| {
        let mut case = Case::of(Kind::Organisation).link(address, state);
        case.link_mut(address).facet = facet;
        is_of_lead(&case.mapping, &case.hood.links[0])
    };
    assert!(said(LEAD, Kind::Organisation, LinkState::Pending));
    assert!(!said(LEAD, Kind::Organisation, LinkState::ConvertedTo("003".into())), "it was converted");
    assert!(!said("salesforce/Account/001", Kind::Organisation, LinkState::Pending), "the account itself");
    assert!(!said("salesforce/Account/001", Kind::Person, LinkState::Pending), "no person's matter");
}
