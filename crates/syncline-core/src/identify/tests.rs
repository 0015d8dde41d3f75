use super::*;
use crate::mapping::{KeySource, OnDelete, OnLeave};
use proptest::prelude::*;
use syncline_model::{JournalSeq, Kind};
use uuid::Uuid;

fn model() -> KindModel {
    KindModel {
        kind: Kind::Person,
        objects: BTreeMap::from([
            ("hubspot".into(), vec!["contacts".into()]),
            ("salesforce".into(), vec!["Contact".into(), "Lead".into()]),
        ]),
        match_keys: Vec::new(),
        create: BTreeMap::new(),
        scope: BTreeMap::new(),
        on_leave: OnLeave::Freeze,
        on_delete: OnDelete::Review,
        attributes: Vec::new(),
        edges: Vec::new(),
    }
}

fn candidate(address: &str, keys: &[(&str, &str)]) -> Candidate {
    Candidate {
        record: address.parse().unwrap(),
        keys: keys
            .iter()
            .map(|(name, value)| RecordKey { name: (*name).into(), value: (*value).into() })
            .collect(),
        hidden: Vec::new(),
        link: None,
        partners: Vec::new(),
        former: Vec::new(),
    }
}

fn linked(mut candidate: Candidate, entity: u128) -> Candidate {
    candidate.link = Some(Link {
        record: candidate.record.clone(),
        facet: Kind::Person,
        entity: EntityId(Uuid::from_u128(entity)),
        state: LinkState::Active,
        evidence: Evidence::First,
        since: JournalSeq(1),
        base: None,
    });
    candidate
}

fn what(record: &Candidate, carriers: &[Candidate]) -> Identity {
    identify(&model(), record, carriers, |_, _| false)
}

#[test]
fn one_to_one_pairs_and_alone_is_new() {
    let lead = candidate("salesforce/Lead/1", &[("email", "a@x")]);
    assert_eq!(what(&lead, &[]), Identity::New);
    let contact = candidate("hubspot/contacts/1", &[("email", "a@x")]);
    assert!(
        matches!(what(&lead, std::slice::from_ref(&contact)), Identity::Pairs { with, .. } if with == [contact.record.clone()])
    );
    assert!(
        matches!(what(&lead, &[linked(contact, 7)]), Identity::Joins { entity, .. } if entity.0.as_u128() == 7)
    );
}

#[test]
fn two_matches_for_one_person_go_to_review() {
    let contact = candidate("hubspot/contacts/1", &[("email", "a@x")]);
    let leads = [
        candidate("salesforce/Lead/1", &[("email", "a@x")]),
        candidate("salesforce/Lead/2", &[("email", "a@x")]),
    ];
    let Identity::Ambiguous { records, .. } = what(&contact, &leads) else { panic!("ambiguous") };
    assert_eq!(records.len(), 3);
    // The same question, whoever asks.
    let Identity::Ambiguous { records: again, .. } = what(&leads[0], &[contact, leads[1].clone()]) else {
        panic!("ambiguous")
    };
    assert_eq!(records, again);
}

#[test]
fn a_contact_beats_a_lead() {
    let hubspot = candidate("hubspot/contacts/1", &[("email", "a@x")]);
    let contact = candidate("salesforce/Contact/1", &[("email", "a@x")]);
    let lead = candidate("salesforce/Lead/1", &[("email", "a@x")]);
    assert!(
        matches!(what(&hubspot, &[contact.clone(), lead.clone()]), Identity::Pairs { with, .. } if with == [contact.record.clone()])
    );
    assert_eq!(
        what(&lead, &[hubspot.clone(), contact.clone()]),
        Identity::Beaten { by: contact.record.clone() }
    );
    assert!(
        matches!(what(&contact, &[hubspot.clone(), lead]), Identity::Pairs { with, .. } if with == [hubspot.record])
    );
}

#[test]
fn a_contact_beside_a_linked_lead_whose_counterpart_has_the_key_no_more_is_a_question() {
    let contact = candidate("salesforce/Contact/1", &[("email", "a@x")]);
    let alone = linked(candidate("salesforce/Lead/1", &[("email", "a@x")]), 7);
    assert_eq!(what(&contact, std::slice::from_ref(&alone)), Identity::New);
    let lead = Candidate { partners: vec!["hubspot/contacts/1".parse().unwrap()], ..alone };
    let Identity::Ambiguous { records, .. } = what(&contact, std::slice::from_ref(&lead)) else {
        panic!("ambiguous")
    };
    assert_eq!(records, [contact.record, lead.record]);
}

#[test]
fn whom_a_conversion_left_without_a_record_here_is_asked_about() {
    let contact = candidate("salesforce/Contact/1", &[("email", "a@x")]);
    let mut lead = linked(candidate("salesforce/Lead/1", &[("email", "a@x")]), 7);
    if let Some(link) = &mut lead.link {
        link.state = LinkState::ConvertedTo("2".into());
    }
    assert_eq!(what(&contact, std::slice::from_ref(&lead)), Identity::New, "nobody is left");
    let counterpart: RecordRef = "hubspot/contacts/1".parse().unwrap();
    let gone: RecordRef = "hubspot/contacts/9".parse().unwrap();
    lead.former = vec!["salesforce/Contact/9".parse().unwrap(), gone.clone()];
    let Identity::Ambiguous { records, .. } = what(&contact, std::slice::from_ref(&lead)) else {
        panic!("ambiguous")
    };
    assert_eq!(records, [gone, contact.record.clone()], "nobody but one that is deleted");
    lead.partners = vec![counterpart.clone()];
    let Identity::Ambiguous { records, .. } = what(&contact, std::slice::from_ref(&lead)) else {
        panic!("ambiguous")
    };
    assert_eq!(records, [counterpart.clone(), contact.record.clone()]);
    assert_eq!(
        identify(&model(), &contact, std::slice::from_ref(&lead), |_, _| true),
        Identity::New,
        "a no is kept"
    );
    let other = candidate("salesforce/Lead/2", &[("email", "a@x")]);
    assert_eq!(
        what(&other, std::slice::from_ref(&lead)),
        Identity::New,
        "another lead is not what it became"
    );
    lead.partners.push("salesforce/Contact/2".parse().unwrap());
    assert_eq!(what(&contact, &[lead]), Identity::New, "its contact is there");
}

#[test]
fn a_contact_beats_any_number_of_leads_and_two_contacts_are_a_question() {
    let contact = candidate("salesforce/Contact/1", &[("email", "a@x")]);
    let leads = [
        candidate("salesforce/Lead/1", &[("email", "a@x")]),
        candidate("salesforce/Lead/2", &[("email", "a@x")]),
    ];
    assert_eq!(
        what(&leads[0], &[contact.clone(), leads[1].clone()]),
        Identity::Beaten { by: contact.record.clone() }
    );
    let second = candidate("salesforce/Contact/2", &[("email", "a@x")]);
    assert!(matches!(what(&leads[0], &[contact, second]), Identity::Ambiguous { .. }));
}

#[test]
fn a_better_key_that_disagrees_is_a_question() {
    let company = candidate("hubspot/contacts/1", &[("domain", "a.com"), ("name", "acme")]);
    let account = candidate("salesforce/Contact/1", &[("domain", "b.com"), ("name", "acme")]);
    assert!(matches!(what(&company, &[account]), Identity::Ambiguous { .. }));
    let unknown = candidate("salesforce/Contact/2", &[("name", "acme")]);
    assert!(
        matches!(what(&company, &[unknown]), Identity::Pairs { .. }),
        "a missing better key contradicts nothing"
    );
    let namesake = candidate("hubspot/contacts/2", &[("domain", "c.com"), ("name", "acme")]);
    assert_eq!(what(&company, &[namesake]), Identity::New, "another company of that name on the same side");
}

#[test]
fn not_the_same_is_for_good() {
    let lead = candidate("salesforce/Lead/1", &[("email", "a@x")]);
    let contact = candidate("hubspot/contacts/1", &[("email", "a@x")]);
    assert_eq!(identify(&model(), &lead, &[contact], |_, _| true), Identity::New);
}

/// The partition that a set of unlinked records falls into, taking them in the order given.
fn partition(records: &[Candidate], order: &[usize]) -> Vec<Vec<String>> {
    let mut links: BTreeMap<RecordRef, u128> = BTreeMap::new();
    let mut next = 0;
    for position in order {
        let mut record = records[*position].clone();
        if links.contains_key(&record.record) {
            continue;
        }
        record.link = None;
        let carriers: Vec<Candidate> = records
            .iter()
            .filter(|other| other.record != record.record)
            .map(|other| match links.get(&other.record) {
                Some(entity) => linked(other.clone(), *entity),
                None => other.clone(),
            })
            .collect();
        next += 1;
        match what(&record, &carriers) {
            Identity::New | Identity::Beaten { .. } | Identity::Ambiguous { .. } => {
                if what(&record, &carriers) == Identity::New {
                    links.insert(record.record.clone(), next);
                }
            }
            Identity::Joins { entity, .. } => {
                links.insert(record.record.clone(), entity.0.as_u128());
            }
            Identity::Pairs { with, .. } => {
                for record in with.into_iter().chain([record.record.clone()]) {
                    links.insert(record, next);
                }
            }
        }
    }
    let mut groups: BTreeMap<u128, Vec<String>> = BTreeMap::new();
    for (record, entity) in links {
        groups.entry(entity).or_default().push(record.to_string());
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort();
    groups
}

proptest! {
    /// Invariant 12, and invariant 5 as far as links go.
    #[test]
    fn any_order_of_an_unlinked_set_gives_the_same_links(
        rows in proptest::collection::vec((0u8..3, 0u8..5, 0u8..4), 1..10),
        seed in any::<u64>(),
    ) {
        let objects = ["hubspot/contacts", "salesforce/Contact", "salesforce/Lead"];
        let records: Vec<Candidate> = rows
            .iter()
            .enumerate()
            .map(|(position, (object, email, domain))| {
                let address = format!("{}/{position}", objects[*object as usize]);
                let (email, domain) = (email.to_string(), domain.to_string());
                let mut keys = Vec::new();
                if *domain != *"0" { keys.push(("domain", domain.as_str())); }
                if *email != *"0" { keys.push(("email", email.as_str())); }
                candidate(&address, &keys)
            })
            .collect();
        let forward: Vec<usize> = (0..records.len()).collect();
        let mut shuffled = forward.clone();
        let mut state = seed;
        for position in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(position, (state >> 33) as usize % (position + 1));
        }
        let one = partition(&records, &forward);
        prop_assert_eq!(&one, &partition(&records, &shuffled));
        for group in &one {
            prop_assert!(group.iter().filter(|record| record.starts_with("hubspot")).count() <= 1);
            prop_assert!(group.iter().filter(|record| record.starts_with("salesforce")).count() <= 1);
        }
    }
}

/// A lead that stands beside a contact, of entity 7, that does not carry its key any more.
fn second() -> Candidate {
    let mut lead = linked(candidate("salesforce/Lead/2", &[("email", "a@x")]), 7);
    lead.link.as_mut().unwrap().state = LinkState::DuplicateOf("1".into());
    let partners = ["salesforce/Contact/1", "hubspot/contacts/1"];
    Candidate { partners: partners.map(|it| it.parse().unwrap()).to_vec(), ..lead }
}

#[test]
fn a_key_takes_no_second_record_out_of_its_entity() {
    // Nobody says whether the newcomer is who the second record stands for.
    for address in ["hubspot/contacts/2", "salesforce/Contact/3"] {
        let newcomer = candidate(address, &[("email", "a@x")]);
        let Identity::Ambiguous { records, .. } = what(&newcomer, &[second()]) else { panic!("{address}") };
        assert_eq!(records.len(), 2);
    }
    // The one in force carries the key as well: it is the person's.
    let contact = linked(candidate("salesforce/Contact/1", &[("email", "a@x")]), 7);
    let newcomer = candidate("hubspot/contacts/2", &[("email", "a@x")]);
    assert!(
        matches!(what(&newcomer, &[second(), contact]), Identity::Joins { entity, .. } if entity.0.as_u128() == 7)
    );
}

/// By domain, then by name.
fn by_name(domains: [Option<&str>; 2], hidden: [bool; 2]) -> Identity {
    let rule = |key: &str, from| MatchRule::Attribute { key: key.into(), from };
    let site = KeySource::Domain(vec!["website".into()]);
    let name = KeySource::NameCountry("name".into(), None);
    let model = KindModel { match_keys: vec![rule("domain", site), rule("name_country", name)], ..model() };
    let one = |address, position: usize| {
        let domain = domains[position].map(|it| ("domain", it));
        let keys: Vec<_> = domain.into_iter().chain([("name_country", "acme|")]).collect();
        let hidden = if hidden[position] { vec![Arc::from("domain")] } else { Vec::new() };
        Candidate { hidden, ..candidate(address, &keys) }
    };
    identify(&model, &one("salesforce/Lead/1", 0), &[one("hubspot/contacts/1", 1)], |_, _| false)
}

#[test]
fn a_name_makes_no_pair_where_a_hidden_domain_might_tell_the_two_apart() {
    let (some, none) = (Some("acme.com"), None);
    for (domains, hidden) in
        [([some, none], [false, true]), ([none, some], [true, false]), ([none, none], [true, true])]
    {
        assert_eq!(by_name(domains, hidden), Identity::New, "{domains:?} {hidden:?}");
    }
    // Nothing on one side is nothing to be told apart by.
    for (domains, hidden) in [
        ([none, none], [true, false]),
        ([none, none], [false, true]),
        ([none, none], [false, false]),
        ([some, none], [false, false]),
    ] {
        assert!(matches!(by_name(domains, hidden), Identity::Pairs { .. }), "{domains:?} {hidden:?}");
    }
}

#[test]
fn what_was_planted_is_proof_whatever_is_hidden() {
    let rule = MatchRule::Attribute { key: "domain".into(), from: KeySource::Domain(vec!["website".into()]) };
    let model = KindModel { match_keys: vec![rule, MatchRule::Planted], ..model() };
    let keys = [("planted", "e")];
    let contact = Candidate { hidden: vec![Arc::from("domain")], ..candidate("hubspot/contacts/1", &keys) };
    let lead = candidate("salesforce/Lead/1", &[("domain", "x.org"), ("planted", "e")]);
    assert!(matches!(identify(&model, &lead, &[contact], |_, _| false), Identity::Pairs { .. }));
}

#[test]
fn a_contact_beats_a_lead_also_where_a_hidden_key_might_tell_them_apart() {
    let rule = |key: &str| MatchRule::Attribute { key: key.into(), from: KeySource::Exact(key.into()) };
    let model = KindModel { match_keys: vec![rule("number"), rule("email")], ..model() };
    let email = ("email", "a@x");
    let lead = candidate("salesforce/Lead/1", &[("number", "7"), email]);
    let contact =
        Candidate { hidden: vec![Arc::from("number")], ..candidate("salesforce/Contact/1", &[email]) };
    let identity = identify(&model, &lead, &[contact], |_, _| false);
    assert!(matches!(identity, Identity::Beaten { .. }), "{identity:?}");
}
