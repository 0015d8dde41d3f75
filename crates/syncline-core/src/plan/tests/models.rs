//! The mapping that the planner's tests use: organisations, people and deals between `salesforce` and `hubspot`.

use super::world::{HS, SF};
use crate::mapping::{
    Attribute, AttributeType, Breaker, Cardinality, Carrier, Codec, Companion, ConnectionModel,
    CreateAllowed, CreateRule, Direction, Edge, EdgeBinding, FieldState, Guard, KindModel, Mapping,
    ModelChoice, OnDelete, OnLeave, Oscillation, Pick, Predicate, Rule,
    test_support::{attribute, binding, connection_in},
};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use syncline_model::{FieldType, Kind, Value};

fn create(allowed: CreateAllowed) -> CreateRule {
    CreateRule { allowed }
}

pub(super) fn field(
    name: &str,
    value_type: AttributeType,
    sides: &[(&str, &str, &str, FieldType)],
) -> Attribute {
    let mut attribute = attribute(name, value_type);
    for (connection, object, field, field_type) in sides {
        attribute.bindings.push(binding(connection, object, field, *field_type));
    }
    attribute
}

fn edge(name: &str, to: Kind, cardinality: Cardinality, sides: &[(&str, &str, &str, Carrier, Pick)]) -> Edge {
    Edge {
        name: name.into(),
        to,
        cardinality,
        rule: if cardinality == Cardinality::Many { Rule::Union } else { Rule::TwoWay },
        tie: Some(SF.into()),
        required: false,
        wait: None,
        on_delete: OnDelete::Review,
        bindings: sides
            .iter()
            .map(|(connection, object, field, carrier, pick)| EdgeBinding {
                connection: (*connection).into(),
                object: (*object).into(),
                field: (*field).into(),
                carrier: *carrier,
                pick: *pick,
                targets: Vec::new(),
                field_state: present(FieldType::Reference),
                direction: Direction::Both,
                digest: 1,
            })
            .collect(),
    }
}

fn present(field_type: FieldType) -> FieldState {
    binding("", "", "", field_type).field_state
}

fn owner(objects: &[(&str, &str)]) -> Edge {
    let sides: Vec<_> = objects
        .iter()
        .map(|(connection, object)| {
            let field = if *connection == SF { "OwnerId" } else { "hubspot_owner_id" };
            (*connection, *object, field, Carrier::Field, Pick::All)
        })
        .collect();
    edge("owner", Kind::User, Cardinality::One, &sides)
}

fn kind(
    kind: Kind,
    sf: &[&str],
    hs: &str,
    scope: Predicate,
    attributes: Vec<Attribute>,
    edges: Vec<Edge>,
) -> KindModel {
    KindModel {
        kind,
        objects: BTreeMap::from([
            (SF.into(), sf.iter().map(|object| (*object).into()).collect()),
            (HS.into(), vec![hs.into()]),
        ]),
        match_keys: Vec::new(),
        create: BTreeMap::from([
            (SF.into(), create(CreateAllowed::As(sf[sf.len() - 1].into()))),
            (HS.into(), create(CreateAllowed::As(hs.into()))),
        ]),
        scope: BTreeMap::from([((SF.into(), HS.into()), scope.clone()), ((HS.into(), SF.into()), scope)]),
        on_leave: OnLeave::Freeze,
        on_delete: OnDelete::Review,
        attributes,
        edges,
    }
}

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn organisation() -> KindModel {
    let mut name = field(
        "name",
        AttributeType::Text,
        &[(SF, "Account", "Name", FieldType::Text), (HS, "companies", "name", FieldType::Text)],
    );
    require(&mut name, 0);
    let mut parent = edge(
        "parent",
        Kind::Organisation,
        Cardinality::One,
        &[
            (SF, "Account", "ParentId", Carrier::Field, Pick::All),
            (HS, "companies", "@parent", Carrier::Association, Pick::All),
        ],
    );
    parent.wait = Some(DAY);
    kind(
        Kind::Organisation,
        &["Account"],
        "companies",
        Predicate::Has("name".into()),
        vec![
            name,
            field(
                "website",
                AttributeType::Url,
                &[(SF, "Account", "Website", FieldType::Url), (HS, "companies", "website", FieldType::Text)],
            ),
            field(
                "revenue",
                AttributeType::Money,
                &[
                    (SF, "Account", "Revenue", FieldType::Money),
                    (HS, "companies", "revenue", FieldType::Decimal),
                ],
            ),
        ],
        vec![parent, owner(&[(SF, "Account"), (HS, "companies")])],
    )
}

fn require(attribute: &mut Attribute, position: usize) {
    if let FieldState::Present { required, .. } = &mut attribute.bindings[position].field_state {
        *required = true;
    }
}

fn person() -> KindModel {
    let three = |name: &str, value_type, sf: &str, hs: &str, field_type| {
        field(
            name,
            value_type,
            &[
                (SF, "Lead", sf, field_type),
                (SF, "Contact", sf, field_type),
                (HS, "contacts", hs, field_type),
            ],
        )
    };
    let mut last_name = three("last_name", AttributeType::Text, "LastName", "lastname", FieldType::Text);
    for position in 0..2 {
        require(&mut last_name, position);
        last_name.bindings[position].placeholder = Value::text("[not provided]");
    }
    let mut company = edge(
        "company",
        Kind::Organisation,
        Cardinality::One,
        &[
            (SF, "Contact", "AccountId", Carrier::Field, Pick::All),
            (HS, "contacts", "@contact_to_company", Carrier::Association, Pick::Primary),
        ],
    );
    company.wait = Some(DAY);
    let mut model = kind(
        Kind::Person,
        &["Lead", "Contact"],
        "contacts",
        Predicate::Has("email".into()),
        vec![
            last_name,
            three("email", AttributeType::Email, "Email", "email", FieldType::Email),
            three("phone", AttributeType::Phone, "Phone", "phone", FieldType::Phone),
            three("title", AttributeType::Text, "Title", "jobtitle", FieldType::Text),
            three("opted_out", AttributeType::Bool, "OptedOut", "opted_out", FieldType::Bool),
        ],
        vec![company, owner(&[(SF, "Lead"), (SF, "Contact"), (HS, "contacts")])],
    );
    model.attributes[4].rule = Rule::MostRestrictive;
    model.create.insert(
        SF.into(),
        create(CreateAllowed::LeadOrContact {
            lead: "Lead".into(),
            contact: "Contact".into(),
            edge: "company".into(),
        }),
    );
    model
}

fn deal() -> KindModel {
    let mut stage = field(
        "stage",
        AttributeType::Option,
        &[(SF, "Opportunity", "StageName", FieldType::Option), (HS, "deals", "dealstage", FieldType::Option)],
    );
    require(&mut stage, 0);
    let map = |read: &[(&str, &str)], write: &[(&str, &str)]| Codec::Map {
        read: read.iter().map(|(side, meaning)| ((*side).into(), (*meaning).into())).collect(),
        write: write.iter().map(|(meaning, side)| ((*meaning).into(), (*side).into())).collect(),
    };
    // Two stages of Salesforce mean the same in HubSpot.
    stage.bindings[0].codec = map(
        &[("New", "open"), ("Qualified", "open"), ("Closed Won", "won")],
        &[("open", "New"), ("won", "Closed Won")],
    );
    stage.bindings[1].codec = map(&[("s1", "open"), ("s2", "won")], &[("open", "s1"), ("won", "s2")]);
    stage.bindings[1].companion = Some(Companion {
        field: "pipeline".into(),
        values: BTreeMap::from([
            ("s1".into(), Value::option("default")),
            ("s2".into(), Value::option("default")),
        ]),
    });
    let mut tags = field(
        "tags",
        AttributeType::Options,
        &[(SF, "Opportunity", "Tags__c", FieldType::Options), (HS, "deals", "tags", FieldType::Options)],
    );
    tags.rule = Rule::Union;
    let mut account = edge(
        "account",
        Kind::Organisation,
        Cardinality::One,
        &[
            (SF, "Opportunity", "AccountId", Carrier::Field, Pick::All),
            (HS, "deals", "@deal_to_company", Carrier::Association, Pick::Primary),
        ],
    );
    account.wait = Some(DAY);
    let contacts = edge(
        "contacts",
        Kind::Person,
        Cardinality::Many,
        &[
            (SF, "Opportunity", "@OpportunityContactRole", Carrier::Association, Pick::All),
            (HS, "deals", "@deal_to_contact", Carrier::Association, Pick::All),
        ],
    );
    let mut model = kind(
        Kind::Deal,
        &["Opportunity"],
        "deals",
        Predicate::All(vec![Predicate::Has("name".into()), Predicate::Has("stage".into())]),
        vec![
            field(
                "name",
                AttributeType::Text,
                &[(SF, "Opportunity", "Name", FieldType::Text), (HS, "deals", "dealname", FieldType::Text)],
            ),
            stage,
            field(
                "amount",
                AttributeType::Money,
                &[
                    (SF, "Opportunity", "Amount", FieldType::Money),
                    (HS, "deals", "amount", FieldType::Decimal),
                ],
            ),
            tags,
        ],
        vec![account, contacts, owner(&[(SF, "Opportunity"), (HS, "deals")])],
    );
    model.create.insert(
        SF.into(),
        create(CreateAllowed::AfterParent { object: "Opportunity".into(), edge: "account".into() }),
    );
    model
}

/// The mapping: leads and contacts.
pub(super) fn mapping() -> Mapping {
    let mut organisation = organisation();
    organisation.create.insert(SF.into(), create(CreateAllowed::Never));
    let connection = |vendor: &str| ConnectionModel { vendor: vendor.into(), ..connection_in("UTC") };
    let breaker = Breaker { count: 100, share_permille: 0 };
    Mapping {
        model: ModelChoice::LeadsAndContacts,
        connections: BTreeMap::from([(SF.into(), connection(SF)), (HS.into(), connection(HS))]),
        kinds: BTreeMap::from([
            (Kind::Organisation, organisation),
            (Kind::Person, person()),
            (Kind::Deal, deal()),
        ]),
        guard: Guard {
            create: breaker,
            blank: breaker,
            archive: breaker,
            oscillation: Oscillation::default(),
        },
    }
}

/// The mapping: contacts only.
pub(super) fn contacts_only() -> Mapping {
    let mut mapping = mapping();
    mapping.model = ModelChoice::ContactsOnly;
    for (kind, object) in
        [(Kind::Organisation, "Account"), (Kind::Person, "Contact"), (Kind::Deal, "Opportunity")]
    {
        let model = mapping.kinds.get_mut(&kind).unwrap();
        model.create.insert(SF.into(), create(CreateAllowed::As(object.into())));
    }
    mapping
}
