//! What a lead becomes stands for the person it was.

use super::*;

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
    let settled_again = super::settled(&case, &[]);
    assert!(settled_again.links.is_empty(), "settled once and for all: {:?}", links(&settled_again));
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
fn what_took_the_place_while_a_field_was_hidden_clears_nothing_when_it_is_shown_blank() {
    let missing = |case: Case| {
        let hidden = case.bindings("title", SF, |binding| binding.field_state = FieldState::Missing);
        hidden.edge("company", |edge| {
            let there = edge.bindings.iter_mut().filter(|it| it.connection.as_str() == SF);
            there.for_each(|binding| binding.field_state = FieldState::Missing);
        })
    };
    let merged = RecordState::MergedInto("00R".into());
    for (state, successor) in [(converted(), CONTACT), (merged, "salesforce/Lead/00R")] {
        let fields = [("LastName", text("Lovelace")), ("Email", text("ada@acme.com"))];
        let follow = || {
            let hidden = missing(becomes(pair(), LEAD, state.clone()));
            let followed = settled(&hidden, &[]);
            follow(hidden, followed).seen(successor, 10, &fields)
        };
        let unseen = |mut case: Case| {
            let all = &mut case.hood.snapshots.last_mut().unwrap().as_mut().unwrap().fields;
            all.iter_mut().find(|(field, _)| field.as_str() == "Title").unwrap().1 = Observed::NotPermitted;
            case
        };
        // It was hidden from the first, or blank at first.
        for hidden in [unseen(follow()), follow().seen(successor, 10, &[("Title", Observed::NotPermitted)])] {
            assert!(operations(&hidden.plan()).is_empty());
            let case = Case { mapping: pair().mapping, ..hidden };
            let plan = case.seen(successor, 20, &[("Title", Observed::Empty)]).plan();
            assert_eq!(operations(&plan), [format!("update {successor} Title=Dr")]);
        }
        // What was agreed counts still: of what comes with another value, and of who clears it once it was seen.
        let shown = Case { mapping: pair().mapping, ..unseen(follow()) };
        let shown =
            shown.seen(successor, 20, &[("Title", text("Dr"))]).seen(H, 20, &[("jobtitle", text("Prof"))]);
        assert_eq!(operations(&shown.plan()), [format!("update {successor} Title=Prof")]);
        let shown = Case { mapping: pair().mapping, ..unseen(follow()) };
        let shown = shown.seen(successor, 20, &[("Title", text("Dr"))]);
        let cleared = shown.seen(successor, 30, &[("Title", Observed::Empty)]);
        assert_eq!(operations(&cleared.plan()), [format!("update {H} jobtitle=")]);
        // An edit after a first blank is one of who is seen for the first time, and not a first contact.
        for hidden in [unseen(follow()), follow().seen(successor, 10, &[("Title", Observed::NotPermitted)])] {
            let shown =
                Case { mapping: pair().mapping, ..hidden }.seen(successor, 20, &[("Title", Observed::Empty)]);
            let edited = shown.seen(successor, 30, &[("Title", text("Dame"))]);
            assert_eq!(operations(&edited.plan()), [format!("update {H} jobtitle=Dame")]);
        }
        // Also where that was hidden.
        let shown = Case { mapping: pair().mapping, ..unseen(follow()) };
        let shown = shown.seen(successor, 20, &[("Title", text("Prof"))]);
        let hidden = shown.seen(successor, 30, &[("Title", Observed::NotPermitted)]);
        let cleared = hidden.seen(successor, 40, &[("Title", Observed::Empty)]);
        assert_eq!(operations(&cleared.plan()), [format!("update {H} jobtitle=")]);
    }
}

#[test]
fn a_clear_that_waits_goes_along() {
    let merged = RecordState::MergedInto("00R".into());
    for (state, successor) in [(converted(), CONTACT), (merged, "salesforce/Lead/00R")] {
        let cleared = pair().seen(LEAD, 5, &[("Title", Observed::Empty)]);
        let case = becomes(cleared, LEAD, state);
        let settled = settled(&case, &[]);
        let fields = [("LastName", text("Lovelace")), ("Email", text("ada@acme.com"))];
        let follow = follow(case, settled).seen(successor, 10, &fields);
        assert_eq!(operations(&follow.plan()), [format!("update {H} jobtitle=")]);
        let other = follow.seen(successor, 10, &[("Title", text("Prof"))]);
        assert_eq!(operations(&other.plan()), [format!("update {H} jobtitle=Prof")], "it has one of its own");
    }
    // Who came with a blank has cleared nothing, and hands none on.
    let case = becomes(pair(), LEAD, RecordState::MergedInto("00R".into()));
    let settled = settled(&case, &[]);
    let fields = [("LastName", text("Lovelace")), ("Email", text("ada@acme.com"))];
    let second = "salesforce/Lead/00R";
    let case = follow(case, settled).seen(second, 10, &fields);
    let case = becomes(case, second, RecordState::MergedInto("00S".into()));
    let settled = super::settled(&case, &case.hood.links);
    let third = follow(case, settled).seen("salesforce/Lead/00S", 20, &fields);
    assert_eq!(operations(&third.plan()), ["update salesforce/Lead/00S Title=Dr"]);
}

#[test]
fn a_field_that_two_attributes_read_keeps_what_the_one_agreed_on() {
    let case = pair().model(|model| {
        let title = model.attributes.iter().find(|it| it.name.as_str() == "title").unwrap();
        let mut second = title.clone();
        second.name = "honorific".into();
        second.bindings.retain(|binding| binding.object.as_str() == "Contact");
        second.bindings.iter_mut().for_each(|binding| binding.direction = Direction::In);
        model.attributes.push(second);
    });
    let mut case = becomes(case, LEAD, converted());
    let digest = side_digest(&case.mapping, Kind::Person, &record(LEAD));
    case.link_mut(LEAD).base.as_mut().unwrap().mapping = digest;
    let base = put(&settled(&case, &[]), 1).base.clone().unwrap();
    assert_eq!(base.entries["Title"].agreed, Some(text("Dr")));
}

#[test]
fn a_blank_that_is_seen_first_is_no_clear_of_an_option_that_is_not_offered_any_more() {
    let map = |case: Case, offered: &[&str]| {
        let codec = Codec::Map {
            read: offered.iter().map(|it| ((*it).into(), (*it).into())).collect(),
            write: offered.iter().map(|it| ((*it).into(), (*it).into())).collect(),
        };
        case.attribute("title", |attribute| {
            attribute.value_type = AttributeType::Option;
            attribute.bindings.iter_mut().for_each(|binding| binding.codec = codec.clone());
        })
    };
    let dr = |name: &'static str| (name, option("Dr"));
    let case = Case::of(Kind::Person).agreed(LEAD, &[("Email", text("a@b.de")), dr("Title")]);
    let case = map(case.agreed(H, &[("email", text("a@b.de")), dr("jobtitle")]), &["Dr", "Prof"]);
    let case = becomes(case, LEAD, RecordState::MergedInto("00R".into()));
    let settled = settled(&case, &[]);
    let follow = follow(case, settled).seen("salesforce/Lead/00R", 10, &[("Email", text("a@b.de"))]);
    assert_eq!(operations(&map(follow, &["Prof"]).plan()), Vec::<String>::new());
}

#[test]
fn the_company_that_a_survivor_lacks_is_not_taken_from_the_other_side() {
    let email = || ("Email", text("a@b.de"));
    let case = Case::of(Kind::Person)
        .other(2, &["salesforce/Account/A2", "hubspot/companies/C2"])
        .agreed(FIRST, &[email(), ("AccountId", refs(&["Account/A2"]))])
        .agreed(H, &[("email", text("a@b.de")), ("@contact_to_company", refs(&["companies/C2!"]))]);
    let case = becomes(case, FIRST, RecordState::MergedInto("005".into()));
    let settled = settled(&case, &[]);
    let case = follow(case, settled).seen("salesforce/Contact/005", 10, &[email()]);
    assert_eq!(operations(&case.plan()), ["update salesforce/Contact/005 AccountId=#2"]);
    let of_its_own = case.seen("salesforce/Contact/005", 20, &[("AccountId", refs(&["Account/A2"]))]);
    let cleared = of_its_own.seen("salesforce/Contact/005", 30, &[("AccountId", Observed::Empty)]);
    assert_eq!(operations(&cleared.plan()).len(), 1, "{:?}", operations(&cleared.plan()));
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
