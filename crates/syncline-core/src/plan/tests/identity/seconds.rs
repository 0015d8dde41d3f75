//! Second records of one entity on a side: which is in force, and what it agreed on.

use super::*;

#[test]
fn a_second_record_comes_into_force_when_the_first_is_gone() {
    let second = || LinkState::DuplicateOf("003".into());
    for state in [RecordState::Deleted, RecordState::MergedInto("009".into())] {
        let case = becomes(twice(LinkState::Active, second()), FIRST, state.clone());
        let stands = settled(&case, &there());
        let last = links(&stands).pop().unwrap();
        assert_eq!(last, "salesforce/Contact/004 person Active", "{state:?}");
        assert_eq!(put(&stands, stands.links.len() - 1).base, None, "it never agreed on anything");
    }
    let already = settled(&becomes(twice(LinkState::Deleted, second()), FIRST, RecordState::Deleted), &[]);
    assert_eq!(links(&already), ["salesforce/Contact/004 person Active"], "also a run later");
    for state in
        [LinkState::Active, LinkState::Pending, LinkState::Undone(syncline_model::RunId(uuid::Uuid::nil()))]
    {
        let mut case = twice(state.clone(), second());
        if matches!(state, LinkState::Undone(_)) {
            case = becomes(case, FIRST, RecordState::Deleted);
        }
        assert_eq!(links(&settled(&case, &[])), Vec::<String>::new(), "{state:?}");
    }
    // A lead that became somebody else's contact leaves its duplicate behind, one that became its own does not.
    let mut lead = twice(LinkState::Active, second());
    lead.link_mut(FIRST).record = record(LEAD);
    lead.hood.snapshots[0].as_mut().unwrap().record = record(LEAD);
    let lead = becomes(
        lead,
        LEAD,
        RecordState::Converted { contact: Some("009".into()), account: None, opportunity: None },
    );
    let last = |settled: &Settled| links(settled).pop().unwrap();
    assert_eq!(last(&settled(&lead, &there())), "salesforce/Contact/004 person Active");
    assert_eq!(last(&settled(&lead, &[])), "salesforce/Contact/009 person Active");
    let mut later = lead;
    later.link_mut(LEAD).state = LinkState::ConvertedTo("009".into());
    assert_eq!(
        links(&settled(&later, &there())),
        ["salesforce/Contact/004 person Active"],
        "also a run later"
    );
    // What took the first one's place stands for both.
    let case = becomes(twice(LinkState::Active, second()), FIRST, RecordState::MergedInto("005".into()));
    let last = links(&settled(&case, &[])).pop().unwrap();
    assert_eq!(last, "salesforce/Contact/005 person Active");
}

#[test]
fn what_a_second_record_became_is_a_second_record() {
    let case = twice(LinkState::Active, LinkState::DuplicateOf("003".into()));
    let case = becomes(case, SECOND, RecordState::MergedInto("005".into()));
    let last = links(&settled(&case, &[])).pop().unwrap();
    assert_eq!(last, "salesforce/Contact/005 person DuplicateOf(RecordId(\"003\"))");
}

#[test]
fn what_two_records_of_a_person_became_agrees_on_what_the_one_in_force_did() {
    for (first, second) in [
        (LinkState::Active, LinkState::DuplicateOf("003".into())),
        (LinkState::DuplicateOf("004".into()), LinkState::Active),
    ] {
        let mut case = twice(first.clone(), second);
        for address in [FIRST, SECOND] {
            let link = case.link_mut(address);
            if !link.state.is_active() {
                link.base = None;
            }
            case = becomes(case, address, RecordState::MergedInto("005".into()));
        }
        let survivor = survivor(&settled(&case, &[]));
        assert!(survivor.state.is_active() && survivor.base.is_some(), "{first:?}");
    }
    // What one that was deleted before had agreed on is older.
    let mut case = twice(LinkState::Active, LinkState::Deleted);
    for address in [FIRST, SECOND] {
        case = becomes(case, address, RecordState::MergedInto("005".into()));
    }
    assert_eq!(survivor(&settled(&case, &[])).evidence, Evidence::Merge("003".into()));
}

#[test]
fn what_was_merged_into_its_own_duplicate_hands_on_what_it_agreed_on() {
    let case = becomes(
        twice(LinkState::Active, LinkState::DuplicateOf("003".into())),
        FIRST,
        RecordState::MergedInto("004".into()),
    );
    let second = case.hood.links[1].clone();
    let handed = settled(&case, &[second]);
    assert_eq!(links(&handed).len(), 2, "{:?}", links(&handed));
    let survivor = put(&handed, 1);
    assert_eq!((&survivor.state, &survivor.evidence), (&LinkState::Active, &Evidence::Merge("003".into())));
    assert!(survivor.base.is_some());
}

#[test]
fn what_was_agreed_goes_along_over_several_events_in_one_step() {
    // Merged into its duplicate, which was merged on, or into one that was restored for that.
    for other in [LinkState::DuplicateOf("003".into()), LinkState::Deleted] {
        let mut case = twice(LinkState::Active, other.clone());
        case.link_mut(SECOND).base = None;
        case = becomes(case, FIRST, RecordState::MergedInto("004".into()));
        case = becomes(case, SECOND, RecordState::MergedInto("005".into()));
        let known = case.hood.links.clone();
        let survivor = survivor(&settled(&case, &known));
        assert!(survivor.state.is_active() && survivor.base.is_some(), "{other:?}");
        // Or that was deleted.
        let gone = becomes(case, SECOND, RecordState::Deleted);
        let gone = links(&settled(&gone, &known)).pop();
        assert_eq!(gone.as_deref(), Some("salesforce/Contact/004 person Deleted"), "{other:?}");
    }
}

#[test]
fn who_is_restored_and_takes_in_who_stood_for_it_agrees_on_what_that_one_did() {
    // In whatever order the two come.
    for (restored, stood) in [(FIRST, SECOND), (SECOND, FIRST)] {
        let mut case = twice(LinkState::Deleted, LinkState::Active);
        if restored == SECOND {
            case = twice(LinkState::Active, LinkState::Deleted);
        }
        case.link_mut(stood).base.as_mut().unwrap().entries =
            [("Title".into(), BaseEntry { agreed: Some(text("Prof")), ..BaseEntry::NEVER })].into();
        let survivor = record(restored).id;
        let case = becomes(case, stood, RecordState::MergedInto(survivor));
        let known = case.hood.links.clone();
        let both = settled(&case, &known);
        let back: Vec<&Link> = both
            .links
            .iter()
            .filter_map(|change| match change {
                LinkChange::Put(link) => Some(link).filter(|link| link.record == record(restored)),
                LinkChange::Remove(..) => None,
            })
            .collect();
        let [back] = back[..] else { panic!("{both:?}") };
        assert_eq!(back.state, LinkState::Active);
        assert_eq!(back.base.as_ref().unwrap().entries["Title"].agreed, Some(text("Prof")), "{restored}");
    }
}
