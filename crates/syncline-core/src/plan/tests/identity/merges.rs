//! What was merged is its survivor, until the merge is taken back; deletes and restores.

use super::*;

#[test]
fn a_merge_is_followed_to_the_survivor() {
    let contacts = Case::of(Kind::Person)
        .agreed("salesforce/Contact/003", &[("Email", text("a@b.de"))])
        .agreed(H, &[("email", text("a@b.de"))]);
    let case = becomes(contacts, "salesforce/Contact/003", RecordState::MergedInto("004".into()));
    let unknown = settled(&case, &[]);
    assert_eq!(
        links(&unknown),
        [
            "salesforce/Contact/003 person MergedInto(RecordId(\"004\"))",
            "salesforce/Contact/004 person Active"
        ]
    );
    // The survivor was a record of its own that never agreed with anything: it joins.
    let alone = link("salesforce/Contact/004", Kind::Person, 9, LinkState::Active);
    let joined = settled(&case, &[alone]);
    let LinkChange::Put(link) = &joined.links[1] else { panic!("{joined:?}") };
    assert_eq!((link.entity, &link.state), (entity(1), &LinkState::Active));
    assert_eq!(link.evidence, Evidence::Merge("003".into()));
    assert!(joined.questions.is_empty());
}

#[test]
fn a_survivor_that_a_record_was_just_made_of_is_a_question() {
    let contacts = Case::of(Kind::Person)
        .agreed("salesforce/Contact/003", &[("Email", text("a@b.de"))])
        .agreed(H, &[("email", text("a@b.de"))]);
    let case = becomes(contacts, H, RecordState::MergedInto("2".into()));
    // The survivor was the source of a lead, and was not looked at since: it has no base of its own.
    let survivor = link("hubspot/contacts/2", Kind::Person, 9, LinkState::Active);
    let made = link(LEAD, Kind::Person, 9, LinkState::Active);
    let joined = settled(&case, std::slice::from_ref(&survivor));
    assert_eq!((joined.links.len(), joined.questions.len()), (2, 0));
    let asked = settled(&case, &[survivor, made]);
    assert_eq!(links(&asked), ["hubspot/contacts/1 person MergedInto(RecordId(\"2\"))"]);
    let [Question::SameThing { records, .. }] = asked.questions.as_slice() else { panic!("{asked:?}") };
    assert_eq!(records, &[record("hubspot/contacts/2"), record("salesforce/Contact/003")]);
}

#[test]
fn a_merge_that_was_first_seen_as_a_delete_is_followed_all_the_same() {
    let mut contacts = Case::of(Kind::Person)
        .agreed("salesforce/Contact/003", &[("Email", text("a@b.de"))])
        .agreed(H, &[("email", text("a@b.de"))]);
    contacts.link_mut("salesforce/Contact/003").state = LinkState::Deleted;
    let case = becomes(contacts, "salesforce/Contact/003", RecordState::MergedInto("004".into()));
    assert_eq!(links(&settled(&case, &[]))[1], "salesforce/Contact/004 person Active");
}

#[test]
fn a_merge_of_two_linked_records_is_a_question() {
    let contacts = Case::of(Kind::Person)
        .agreed("salesforce/Contact/003", &[("Email", text("a@b.de"))])
        .agreed(H, &[("email", text("a@b.de"))]);
    let case = becomes(contacts, "salesforce/Contact/003", RecordState::MergedInto("004".into()));
    let mut other = link("salesforce/Contact/004", Kind::Person, 9, LinkState::Active);
    other.base = Some(syncline_model::Base::default());
    let both = settled(&case, std::slice::from_ref(&other));
    assert_eq!(links(&both), ["salesforce/Contact/003 person MergedInto(RecordId(\"004\"))"]);
    let [Question::SameThing { records, .. }] = both.questions.as_slice() else { panic!("{both:?}") };
    assert_eq!(*records, [record(H), record("salesforce/Contact/004")]);
    // Two links that are both new, each with a record elsewhere: it cannot be told which of those is meant.
    let mut fresh = case;
    fresh.link_mut("salesforce/Contact/003").base = None;
    other.base = None;
    let beside = link("hubspot/contacts/2", Kind::Person, 9, LinkState::Active);
    assert_eq!(settled(&fresh, &[other.clone(), beside]).questions.len(), 1);
    // One that nothing else is known of joins the other, whatever was agreed: it would be made a second time.
    let joined = |case: &Case| {
        let settled = settled(case, std::slice::from_ref(&other));
        (links(&settled).len(), settled.questions.len())
    };
    assert_eq!(joined(&fresh), (2, 0));
    // Also where what was elsewhere is deleted, and a person is asked about that.
    let mut gone = becomes(fresh, H, RecordState::Deleted);
    gone.link_mut(H).state = LinkState::Deleted;
    assert_eq!(joined(&gone), (2, 0));
    gone.link_mut(H).state = LinkState::Excluded;
    assert_eq!(joined(&gone), (1, 0));
}

#[test]
fn a_survivor_of_the_same_entity_comes_into_force_unless_it_is() {
    let contacts = |state: LinkState| {
        let mut case = Case::of(Kind::Person)
            .agreed("salesforce/Contact/003", &[("Email", text("a@b.de"))])
            .agreed(H, &[("email", text("a@b.de"))]);
        case.link_mut("salesforce/Contact/003").state = state;
        becomes(case, "salesforce/Contact/003", RecordState::MergedInto("004".into()))
    };
    let known = |state: LinkState| link("salesforce/Contact/004", Kind::Person, 1, state);
    let duplicate = LinkState::DuplicateOf("003".into());
    let revived = settled(&contacts(LinkState::Active), &[known(duplicate.clone())]);
    assert!(put(&revived, 0).base.is_some(), "a merge can be taken back");
    let survivor = put(&revived, 1);
    assert_eq!((&survivor.state, &survivor.evidence), (&LinkState::Active, &Evidence::Merge("003".into())));
    assert!(survivor.base.is_some());
    for (loser, survivor) in [(LinkState::Active, LinkState::Active), (LinkState::Pending, duplicate)] {
        assert_eq!(settled(&contacts(loser), &[known(survivor)]).links.len(), 1);
    }
    // A loser that waits for a word leaves its survivor waiting.
    assert_eq!(put(&settled(&contacts(LinkState::Pending), &[]), 1).state, LinkState::Pending);
    // One that never agreed joins with what the loser agreed on.
    let joined = settled(
        &contacts(LinkState::Active),
        &[link("salesforce/Contact/004", Kind::Person, 9, LinkState::Active)],
    );
    assert!(put(&joined, 1).base.is_some());
}

#[test]
fn a_merge_that_is_taken_back_gives_what_was_agreed_back() {
    let mut case = pair();
    case.link_mut(LEAD).state = LinkState::MergedInto("00R".into());
    let back = settled(&case, &[]);
    assert_eq!(links(&back), ["salesforce/Lead/00Q person Active"]);
    assert!(put(&back, 0).base.is_some());
}

#[test]
fn a_merge_that_is_taken_back_while_the_survivor_stands_for_the_person_makes_another_one() {
    let back = settled(&twice(LinkState::MergedInto("004".into()), LinkState::Active), &[]);
    assert_eq!(links(&back), ["salesforce/Contact/003 person removed"]);
    assert_eq!(back.again, [(Kind::Person, record(FIRST))]);
    // Who was deleted, not merged, is the same one still.
    let back = settled(&twice(LinkState::Deleted, LinkState::Active), &[]);
    assert_eq!(links(&back), ["salesforce/Contact/003 person DuplicateOf(RecordId(\"004\"))"]);
    assert_eq!(put(&back, 0).base, None, "nobody compares it any more");
    // The survivor went in the same step.
    let case = twice(LinkState::MergedInto("004".into()), LinkState::Active);
    let back = settled(&becomes(case, SECOND, RecordState::Deleted), &[]);
    assert_eq!(
        links(&back),
        ["salesforce/Contact/004 person Deleted", "salesforce/Contact/003 person Active"]
    );
}

#[test]
fn who_has_nobody_left_since_a_merge_is_listed() {
    let mut merged = Case::of(Kind::Person)
        .agreed(FIRST, &[("Email", text("a@b.de"))])
        .agreed(H, &[("email", text("a@b.de"))]);
    merged.link_mut(FIRST).state = LinkState::MergedInto("004".into());
    assert_eq!(operations(&merged.plan()), Vec::<String>::new());
    assert_eq!(held(&merged.plan()), ["salesforce - merged_elsewhere [record:salesforce/Contact/004]"]);
    merged.link_mut(FIRST).record = record(LEAD);
    merged.link_mut(LEAD).state = LinkState::ConvertedTo("004".into());
    assert_eq!(held(&merged.plan()), ["salesforce - merged_elsewhere [record:salesforce/Contact/004]"]);
    // Also over several, and not where that one is its own.
    let chain = twice(LinkState::MergedInto("004".into()), LinkState::MergedInto("005".into()));
    assert_eq!(held(&chain.plan()), ["salesforce - merged_elsewhere [record:salesforce/Contact/005]"]);
    // A second one that is gone as well stands for nobody (1210008087).
    let second = twice(LinkState::MergedInto("009".into()), LinkState::DuplicateOf("003".into()));
    let second = becomes(second, SECOND, RecordState::Deleted);
    assert_eq!(held(&second.plan()), ["salesforce - merged_elsewhere [record:salesforce/Contact/009]"]);
    let own = twice(LinkState::MergedInto("004".into()), LinkState::Active);
    assert_eq!(held(&own.plan()), Vec::<String>::new());
}

#[test]
fn a_delete_takes_the_link_out_of_force_and_a_restore_brings_it_back() {
    let case = becomes(pair(), LEAD, RecordState::Deleted);
    let gone = settled(&case, &[]);
    assert_eq!(links(&gone), ["salesforce/Lead/00Q person Deleted"]);
    let mut case = follow(case, gone);
    case = becomes(case, LEAD, RecordState::Live);
    assert_eq!(links(&settled(&case, &[])), ["salesforce/Lead/00Q person Active"]);
    // Another record took its place meanwhile: one in force is enough.
    let case = case.fresh("salesforce/Contact/003", &[]);
    assert_eq!(links(&settled(&case, &[])), ["salesforce/Lead/00Q person DuplicateOf(RecordId(\"003\"))"]);
}
