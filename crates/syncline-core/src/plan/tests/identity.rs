//! Conversions, merges, deletes and restores: links move, fields do not.

use super::world::*;
use crate::plan::{
    Beside, Earlier, LinkChange, Settled, Successor, is_of_lead, looked_at, settle, side_digest, side_fields,
};
use syncline_model::{
    BaseEntry, Evidence, Kind, Link, LinkState, RecordRef, RecordState, Watch, review::Question,
};

const LEAD: &str = "salesforce/Lead/00Q";
const CONTACT: &str = "salesforce/Contact/003";
const H: &str = "hubspot/contacts/1";

fn pair() -> Case {
    Case::of(Kind::Person)
        .agreed(
            LEAD,
            &[("LastName", text("Lovelace")), ("Email", text("ada@acme.com")), ("Title", text("Dr"))],
        )
        .agreed(
            H,
            &[("lastname", text("Lovelace")), ("email", text("ada@acme.com")), ("jobtitle", text("Dr"))],
        )
}

fn becomes(mut case: Case, address: &str, state: RecordState) -> Case {
    let position = case.hood.links.iter().position(|link| link.record == record(address)).unwrap();
    case.hood.snapshots[position].as_mut().unwrap().state = state;
    case
}

fn settled(case: &Case, known: &[Link]) -> Settled {
    settled_after(case, &Earlier::new(), known)
}

fn settled_after(case: &Case, earlier: &Earlier, known: &[Link]) -> Settled {
    let link_of = |record: &RecordRef, facet: Kind| {
        let link = known.iter().find(|link| link.record == *record && link.facet == facet)?.clone();
        let is_beside =
            |other: &&Link| other.entity == link.entity && other.record.connection != link.record.connection;
        let beside = match known.iter().filter(is_beside).map(|other| other.state.is_active()).max() {
            None => Beside::Nobody,
            Some(false) => Beside::Former,
            Some(true) => Beside::Counterparts,
        };
        let leads =
            known.iter().filter(|other| other.entity == link.entity && is_of_lead(&case.mapping, other));
        Some(Successor { beside, leads: leads.cloned().collect(), link })
    };
    settle(&case.mapping, earlier, case.hood.kind, &case.hood.links, &case.hood.snapshots, link_of)
}

/// Puts the settled links in force, with the snapshot of a record that came in.
fn follow(mut case: Case, settled: Settled) -> Case {
    for change in settled.links {
        let LinkChange::Put(link) = change else { continue };
        match case
            .hood
            .links
            .iter()
            .position(|known| known.record == link.record && known.facet == link.facet)
        {
            Some(position) => case.hood.links[position] = link,
            None if link.facet == case.hood.kind => {
                case = case.fresh(&link.record.to_string(), &[]);
                *case.hood.links.last_mut().unwrap() = link;
            }
            None => {}
        }
    }
    case
}

fn links(settled: &Settled) -> Vec<String> {
    settled
        .links
        .iter()
        .map(|change| match change {
            LinkChange::Put(link) => format!("{} {} {:?}", link.record, link.facet, link.state),
            LinkChange::Remove(record, facet) => format!("{record} {facet} removed"),
        })
        .collect()
}

fn link(address: &str, facet: Kind, number: u128, state: LinkState) -> Link {
    let mut case = Case::of(facet).link(address, state);
    case.link_mut(address).entity = entity(number);
    case.hood.links.remove(0)
}

fn converted() -> RecordState {
    RecordState::Converted { contact: Some("003".into()), account: Some("A2".into()), opportunity: None }
}

#[test]
fn a_converted_lead_hands_its_link_over_and_nothing_on_the_other_side_is_blanked() {
    let case = becomes(pair(), LEAD, converted());
    let settled = settled(&case, &[]);
    assert_eq!(
        links(&settled),
        ["salesforce/Lead/00Q person ConvertedTo(RecordId(\"003\"))", "salesforce/Contact/003 person Active"]
    );
    let case = follow(case, settled).seen(
        "salesforce/Contact/003",
        10,
        &[("LastName", text("Lovelace")), ("Email", text("ada@acme.com"))],
    );
    let plan = case.plan();
    assert_eq!(
        operations(&plan),
        ["update salesforce/Contact/003 Title=Dr"],
        "what the contact lacks is filled"
    );
    let settled_again = super::identity::settled(&case, &[]);
    assert!(settled_again.links.is_empty(), "settled once and for all: {:?}", links(&settled_again));
}

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
    let settled = super::identity::settled(&case, &[pending, account]);
    assert_eq!(
        links(&settled)[2..],
        ["salesforce/Lead/00Q organisation removed"],
        "a known account stays whose it is"
    );
}

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

fn put(settled: &Settled, number: usize) -> &Link {
    let LinkChange::Put(link) = &settled.links[number] else { panic!("{settled:?}") };
    link
}

#[test]
fn the_contact_agrees_on_what_its_lead_agreed_on_and_the_lead_on_nothing_more() {
    let case = becomes(pair(), LEAD, converted());
    let both = settled(&case, &[]);
    assert_eq!(put(&both, 0).base, None);
    let base = put(&both, 1).base.clone().unwrap();
    assert_eq!(base.mapping, side_digest(&case.mapping, Kind::Person, &record("salesforce/Contact/003")));
    assert_eq!(base.entries["Title"].agreed, Some(text("Dr")));
    assert_eq!(base.entries["AccountId"].agreed, None, "leads have none");
    // Nor does a conversion end what a person took back, or what flips.
    let mut rests = becomes(pair(), LEAD, converted());
    let watch = Watch { wrote: 7, ..Watch::default() };
    rests.link_mut(LEAD).base.as_mut().unwrap().watches = [("Title".into(), watch.clone())].into();
    assert_eq!(put(&settled(&rests, &[]), 1).base.clone().unwrap().watches["Title"], watch);
    // What was agreed under another binding, or never, is not handed over; what was agreed under the same one is.
    let mut other = becomes(pair(), LEAD, converted());
    let mut then = side_fields(&other.mapping, Kind::Person, &record(LEAD));
    *then.get_mut("LastName").unwrap() += 1;
    other.link_mut(LEAD).base.as_mut().unwrap().mapping = 7;
    let base = put(&settled_after(&other, &[(7, then)].into(), &[]), 1).base.clone().unwrap();
    assert_eq!(base.entries["Title"].agreed, Some(text("Dr")));
    assert_eq!(base.entries["LastName"].agreed, None);
    assert_eq!(put(&settled(&other, &[]), 1).base, None, "nobody knows under what");
    other.link_mut(LEAD).base = None;
    assert_eq!(put(&settled(&other, &[]), 1).base, None);
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

const FIRST: &str = "salesforce/Contact/003";
const SECOND: &str = "salesforce/Contact/004";

/// A person with two contacts in Salesforce, which stand so, and one in HubSpot.
fn twice(first: LinkState, second: LinkState) -> Case {
    let email = [("Email", text("a@b.de"))];
    let mut case = Case::of(Kind::Person).agreed(FIRST, &email).agreed(SECOND, &email);
    case = case.agreed(H, &[("email", text("a@b.de"))]);
    case.link_mut(FIRST).state = first;
    case.link_mut(SECOND).state = second;
    case
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

/// Another person, whose contact takes others in.
fn there() -> [Link; 2] {
    ["salesforce/Contact/009", "hubspot/contacts/9"].map(|it| link(it, Kind::Person, 9, LinkState::Active))
}

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

/// The one link to what both were merged into.
fn survivor(both: &Settled) -> Link {
    let put = both.links.iter().filter_map(|change| match change {
        LinkChange::Put(link) => Some(link).filter(|link| link.record == record("salesforce/Contact/005")),
        LinkChange::Remove(..) => None,
    });
    let [survivor] = put.collect::<Vec<_>>()[..] else { panic!("{both:?}") };
    survivor.clone()
}

/// What becomes of `contact`, which the pair's lead became, beside what else is known.
fn became(lead: Case, contact: &Link, others: &[Link]) -> Settled {
    let case = becomes(lead, LEAD, converted());
    let mut known = others.to_vec();
    known.push(contact.clone());
    settled(&case, &known)
}

#[test]
fn a_lead_that_was_merged_away_and_went_on_puts_its_contact_in_force() {
    let mut lead = pair();
    lead.link_mut(LEAD).state = LinkState::MergedInto("00R".into());
    let contact = link(CONTACT, Kind::Person, 1, LinkState::DuplicateOf("00R".into()));
    let back = became(lead, &contact, &[]);
    assert_eq!((&put(&back, 1).record, &put(&back, 1).state), (&record(CONTACT), &LinkState::Active));
    assert_eq!(put(&back, 1).evidence, Evidence::Conversion("00Q".into()));
}

#[test]
fn a_lead_that_was_deleted_and_went_on_is_the_person_it_was() {
    for away in [LinkState::Deleted, LinkState::Undone(syncline_model::RunId(uuid::Uuid::from_u128(7)))] {
        let mut lead = pair();
        lead.link_mut(LEAD).state = away.clone();
        let settled = settled(&becomes(lead, LEAD, converted()), &[]);
        let contact = put(&settled, 1);
        assert_eq!((&contact.record, &contact.state), (&record(CONTACT), &LinkState::Active), "{away:?}");
        assert_eq!(contact.entity, entity(1));
    }
}

#[test]
fn who_was_away_and_went_on_takes_no_place_that_another_one_has() {
    let undone = || LinkState::Undone(syncline_model::RunId(uuid::Uuid::from_u128(7)));
    // The duplicate stood in meanwhile, or the survivor does: what the first one became is a second record.
    for away in [LinkState::Deleted, undone()] {
        let merged =
            becomes(twice(away.clone(), LinkState::Active), FIRST, RecordState::MergedInto("005".into()));
        let second = settled(&merged, &[]);
        assert_eq!(put(&second, 1).state, LinkState::DuplicateOf("004".into()), "{away:?}");
        let alone = twice(away.clone(), LinkState::Excluded);
        let alone = settled(&becomes(alone, FIRST, RecordState::MergedInto("005".into())), &[]);
        assert_eq!(put(&alone, 1).state, LinkState::Active, "{away:?}");
    }
    let mut lead = twice(LinkState::Deleted, LinkState::Active);
    lead.link_mut(FIRST).record = record(LEAD);
    lead.hood.snapshots[0].as_mut().unwrap().record = record(LEAD);
    let lead = becomes(lead, LEAD, converted());
    assert_eq!(put(&settled(&lead, &[]), 1).state, LinkState::DuplicateOf("004".into()));
    // Whoever took the merge back says that the two are not one.
    let mut apart = lead;
    apart.link_mut(LEAD).state = LinkState::MergedInto("004".into());
    let own = settled(&apart, &[]);
    assert_eq!(links(&own), ["salesforce/Lead/00Q person ConvertedTo(RecordId(\"003\"))"]);
    assert_eq!(own.again, [(Kind::Person, record(CONTACT))]);
    // Its contact is somebody already.
    let known = settled(&apart, &[link(CONTACT, Kind::Person, 9, LinkState::Active)]);
    assert_eq!((known.links.len(), known.again.len()), (1, 0));
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
            [("Title".into(), BaseEntry { agreed: Some(text("Prof")), changed: None })].into();
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

#[test]
fn a_conversion_says_what_a_contact_is_that_waits_for_a_word() {
    let contact = link(CONTACT, Kind::Person, 9, LinkState::Pending);
    let said = became(pair(), &contact, &[]);
    let moved = put(&said, 1);
    assert_eq!((moved.entity, &moved.state), (entity(1), &LinkState::Active));
    assert_eq!(moved.evidence, Evidence::Conversion("00Q".into()));
    assert_eq!(moved.base.as_ref().unwrap().entries["Title"].agreed, Some(text("Dr")));
    assert!(said.questions.is_empty());
    // A lead that waits for a word itself says nothing.
    let mut lead = pair();
    lead.link_mut(LEAD).state = LinkState::Pending;
    let unsaid = became(lead, &contact, &[]);
    assert_eq!((unsaid.links.len(), unsaid.questions.len()), (1, 1));
}

#[test]
fn a_contact_that_nothing_else_is_known_of_joins_a_lead_that_agreed_on_nothing() {
    let mut lead = pair();
    lead.link_mut(LEAD).base = None;
    let alone = lead.hood.links[..1].to_vec();
    let stranger = link(CONTACT, Kind::Person, 9, LinkState::Active);
    let again = || Case { hood: lead.hood.clone(), mapping: lead.mapping.clone(), now: lead.now };
    let joined = became(again(), &stranger, &[]);
    let people = [1, 9].map(|number| (Kind::Person, entity(number)));
    assert_eq!((put(&joined, 1).entity, &put(&joined, 1).base), (entity(1), &None));
    assert_eq!((joined.questions.len(), &joined.replan[..]), (0, &people[..]));
    // It had a counterpart that is gone: which of the two it is, a person has to say.
    let gone = link("hubspot/contacts/2", Kind::Person, 9, LinkState::Deleted);
    let asked = became(again(), &stranger, &[gone]);
    assert_eq!((asked.links.len(), asked.questions.len()), (1, 1));
    // A record was made of it: the same.
    let made = link("hubspot/contacts/2", Kind::Person, 9, LinkState::Active);
    let asked = became(again(), &stranger, &[made]);
    assert_eq!((asked.links.len(), asked.questions.len()), (1, 1));
    // Nobody is on the other side of the lead: nothing has to move.
    let mut single = again();
    single.hood.links = alone;
    let stays = became(single, &stranger, &[]);
    assert_eq!((stays.links.len(), stays.questions.len()), (1, 0));
    assert_eq!(stays.replan, people);
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
fn the_records_that_a_state_names_are_looked_at() {
    let named = |state: RecordState| -> Vec<String> {
        let case = becomes(pair(), LEAD, state);
        let snapshot = case.hood.snapshots[0].as_ref().unwrap();
        looked_at(&case.mapping, snapshot).iter().map(ToString::to_string).collect()
    };
    assert_eq!(named(RecordState::Live), Vec::<String>::new());
    assert_eq!(named(RecordState::MergedInto("00R".into())), ["salesforce/Lead/00R"]);
    assert_eq!(named(converted()), ["salesforce/Contact/003", "salesforce/Account/A2", LEAD]);
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
