//! Relations to one: which of several counts, what is missing at the source, what is left apart.

use super::world::*;
use crate::{
    mapping::{Direction, EdgeBinding, FieldState, OnDelete, Rule},
    plan::{Derivation, TargetState, Wrote, note_step},
};
use syncline_model::{BaseEntry, Kind, Observed, operation::Case as Why, review::Question};

const O: &str = "salesforce/Opportunity/006";
const D: &str = "hubspot/deals/9";

fn sf(account: Observed) -> Vec<(&'static str, Observed)> {
    vec![("Name", text("Big")), ("StageName", option("New")), ("AccountId", account)]
}

fn hs(company: Observed) -> Vec<(&'static str, Observed)> {
    let deal = [("dealname", text("Big")), ("dealstage", option("s1")), ("pipeline", option("default"))];
    deal.into_iter().chain([("@deal_to_company", company)]).collect()
}

fn known() -> Case {
    Case::of(Kind::Deal)
        .other(2, &["salesforce/Account/A2", "hubspot/companies/C2"])
        .other(3, &["salesforce/Account/A3", "hubspot/companies/C3"])
}

fn pair() -> Case {
    known().agreed(O, &sf(refs(&["Account/A2"]))).agreed(D, &hs(refs(&["companies/C2!"])))
}

fn on(case: Case, connection: &str, edit: impl Fn(&mut EdgeBinding)) -> Case {
    case.edge("account", |edge| {
        edge.bindings.iter_mut().filter(|it| it.connection.as_str() == connection).for_each(edit);
    })
}

fn derived(case: &Case) -> Derivation {
    case.plan().derivations.into_iter().find(|it| it.attribute.as_str() == "account").unwrap()
}

#[test]
fn one_company_is_primary_by_itself_and_of_several_without_a_mark_none_is() {
    let shown =
        |companies: &[&str]| operations(&pair().seen(D, 10, &[("@deal_to_company", refs(companies))]).plan());
    assert_eq!(shown(&["companies/C3"]), [format!("update {O} AccountId=#3")]);
    assert_eq!(shown(&["companies/C2", "companies/C3"]), [format!("update {O} AccountId=")]);
    assert_eq!(shown(&["companies/C2", "companies/C3!"]), [format!("update {O} AccountId=#3")]);
}

#[test]
fn another_company_beside_the_primary_one_is_agreed_without_a_write() {
    let plan = pair().seen(D, 10, &[("@deal_to_company", refs(&["companies/C2!", "companies/C3"]))]).plan();
    assert_eq!(operations(&plan), Vec::<String>::new());
    assert_eq!(bases(&plan), [format!("{D} []")]);
    assert!(pair().plan().bases.is_empty());
}

#[test]
fn sides_left_apart_count_by_the_tie() {
    let apart = known().agreed(O, &sf(refs(&["Account/A2"]))).agreed(D, &hs(refs(&["companies/C3!"])));
    assert!(apart.plan().operations.is_empty());
    assert_eq!(derived(&apart).result, Some(entity(2).to_string()));
    let other = apart.edge("account", |edge| edge.tie = Some(HS.into()));
    assert_eq!(derived(&other).result, Some(entity(3).to_string()));
}

#[test]
fn a_parent_that_is_missing_at_the_source_is_listed_where_one_could_be() {
    let listed = |case: Case| findings(&case.plan()).len();
    let alone = || Case::of(Kind::Deal).fresh(O, &sf(Observed::Empty));
    let both = || alone().agreed(D, &hs(Observed::Empty));
    assert_eq!((listed(alone()), listed(both())), (1, 1));
    assert_eq!(listed(pair()), 0);
    let unwaited = |case: Case| case.edge("account", |edge| edge.wait = None);
    assert_eq!((listed(unwaited(alone())), listed(unwaited(both()))), (0, 0), "nothing hangs on it");
    let read_only = |case: Case| on(case, HS, |binding| binding.direction = Direction::In);
    assert_eq!(listed(read_only(alone())), 0, "it could not be written there");
    let hidden = Case::of(Kind::Deal).fresh(O, &sf(Observed::NotPermitted));
    assert_eq!(listed(hidden), 0, "it may have one");
}

#[test]
fn a_parent_of_its_own_kind_and_an_owner_are_not_missed() {
    let both = Case::of(Kind::Organisation)
        .agreed("salesforce/Account/A1", &[("Name", text("Acme"))])
        .agreed("hubspot/companies/C1", &[("name", text("Acme"))])
        .edge("owner", |edge| edge.wait = Some(jiff::SignedDuration::from_hours(1)));
    assert_eq!(findings(&both.plan()), Vec::<String>::new());
}

#[test]
fn a_relation_alone_is_an_agreement_where_two_sides_carry_it() {
    let bare = |case: Case| {
        case.model(|model| {
            model.attributes.clear();
            model.edges.retain(|edge| edge.name.as_str() == "account");
        })
    };
    let fresh = |case: Case| {
        case.fresh(O, &[("AccountId", refs(&["Account/A2"]))])
            .fresh(D, &[("@deal_to_company", refs(&["companies/C2!"]))])
    };
    assert_eq!(bases(&fresh(bare(known())).plan()), [format!("{D} []"), format!("{O} []")]);
    let one = bare(known()).edge("account", |edge| edge.bindings.truncate(1));
    assert_eq!(bases(&fresh(one).plan()), Vec::<String>::new());
}

#[test]
fn what_cannot_be_seen_is_listed_where_a_value_should_go_there() {
    let moved = |shown: Observed, account: Observed| {
        let case = known().agreed(O, &sf(refs(&["Account/A2"]))).agreed(D, &hs(shown));
        held(&case.seen(O, 10, &[("AccountId", account)]).plan())
    };
    let other = || refs(&["Account/A3"]);
    let listed = ["hubspot account no_such_field [schema:hubspot/deals]"];
    assert_eq!(moved(Observed::NotPermitted, other()), listed);
    assert_eq!(moved(Observed::NotFetched, other()), Vec::<String>::new());
    assert_eq!(moved(Observed::NotPermitted, Observed::Empty), Vec::<String>::new());
    let missing =
        on(pair().seen(O, 10, &[("AccountId", other())]), HS, |it| it.field_state = FieldState::Missing);
    assert_eq!(held(&missing.plan()), listed);
}

#[test]
fn a_relation_that_is_only_written_is_given_once() {
    let pair = known().agreed(O, &sf(refs(&["Account/A2"]))).agreed(D, &hs(Observed::Empty));
    let mut case = on(pair, HS, |binding| binding.direction = Direction::Out);
    assert_eq!(operations(&case.plan()), Vec::<String>::new(), "agreed as it is");
    let never = BaseEntry::NEVER;
    case.link_mut(D).base.as_mut().unwrap().entries.insert("@deal_to_company".into(), never);
    let given = [format!("associate {D} @deal_to_company hubspot/companies/C2 primary")];
    assert_eq!(operations(&case.plan()), given);
}

#[test]
fn a_person_is_asked_about_a_conflict_only() {
    let manual = || pair().edge("account", |edge| edge.rule = Rule::Manual);
    let one = manual().seen(O, 10, &[("AccountId", refs(&["Account/A3"]))]);
    assert!(!derived(&manual()).asks && !derived(&one).asks);
    let both = one.seen(D, 20, &[("@deal_to_company", Observed::Empty)]);
    assert!(derived(&both).asks);
    assert_eq!(
        both.plan().questions,
        [Question::Conflict { entity: entity(1), attribute: "account".into() }]
    );
}

#[test]
fn a_relation_that_is_off_is_not_given_to_a_new_record_either() {
    let alone = |rule| {
        let case = known().agreed(O, &sf(refs(&["Account/A2"]))).edge("account", |edge| edge.rule = rule);
        operations(&case.plan()).into_iter().filter(|it| it.starts_with("associate")).count()
    };
    assert_eq!((alone(Rule::TwoWay), alone(Rule::Off)), (1, 0));
    let written = known().agreed(O, &sf(refs(&["Account/A2"]))).agreed(D, &hs(Observed::Empty));
    let mut written = on(written, HS, |binding| binding.direction = Direction::Out);
    let never = BaseEntry::NEVER;
    written.link_mut(D).base.as_mut().unwrap().entries.insert("@deal_to_company".into(), never);
    assert_eq!(operations(&written.plan()).len(), 1);
    assert_eq!(
        operations(&written.edge("account", |edge| edge.rule = Rule::Off).plan()),
        Vec::<String>::new()
    );
}

#[test]
fn a_company_with_two_labels_is_one_company() {
    let on =
        |companies: &[&str]| known().agreed(O, &sf(refs(&["Account/A2"]))).agreed(D, &hs(refs(companies)));
    let labelled = refs(&["companies/C2:Buyer", "companies/C2:Payer"]);
    let added = on(&["companies/C2"]).seen(D, 10, &[("@deal_to_company", labelled)]);
    assert_eq!(operations(&added.plan()), Vec::<String>::new(), "the only one still");
    let marked = on(&["companies/C2!:Buyer", "companies/C2!:Payer", "companies/C3"]);
    assert!(marked.plan().operations.is_empty());
    let ended =
        |role: &str| format!("dissociate {D} @deal_to_company hubspot/companies/C2 primary as {role}");
    let cleared = marked.seen(O, 10, &[("AccountId", Observed::Empty)]);
    assert_eq!(operations(&cleared.plan()), [ended("Buyer"), ended("Payer")]);
}

#[test]
fn what_the_delete_of_a_parent_took_away_waits_for_the_word_on_the_delete() {
    let company = record("hubspot/companies/C2");
    let shown = |state: TargetState, companies: &[&str]| {
        let mut case = pair();
        case.hood.targets.get_mut(&company).unwrap().state = state;
        case.hood.records_of.get_mut(&entity(2)).unwrap().remove(HS);
        case.seen(D, 10, &[("@deal_to_company", refs(companies))])
    };
    let asked = shown(TargetState::Deleted, &[]);
    let plan = asked.plan();
    assert!(plan.operations.is_empty() && plan.bases.is_empty(), "{plan:?}");
    assert_eq!(held(&plan), [format!("salesforce account deleted_elsewhere [record:{company}]")]);
    let gone = asked.seen(O, 20, &[("AccountId", Observed::Empty)]).plan();
    assert!(gone.operations.is_empty() && gone.held.is_empty(), "neither has one: {gone:?}");
    assert_eq!(bases(&gone), [format!("{D} []"), format!("{O} []")]);
    // What people say of the child counts, on either side.
    let moved = [format!("update {O} AccountId=#3")];
    assert_eq!(operations(&shown(TargetState::Deleted, &["companies/C3!"]).plan()), moved);
    let said = shown(TargetState::Deleted, &[]).seen(O, 20, &[("AccountId", refs(&["Account/A3"]))]);
    assert_eq!(
        operations(&said.plan()),
        [format!("associate {D} @deal_to_company hubspot/companies/C3 primary")]
    );
    // Where nobody is asked it goes without; and so it does where somebody took it out.
    let cleared = [format!("update {O} AccountId=")];
    assert_eq!(operations(&shown(TargetState::Known, &[]).plan()), cleared);
    let followed =
        shown(TargetState::Deleted, &[]).edge("account", |edge| edge.on_delete = OnDelete::Archive);
    assert_eq!(operations(&followed.plan()), cleared);
}

#[test]
fn a_company_that_is_left_beside_the_one_that_went_does_not_go_too() {
    let beside = refs(&["companies/C3"]);
    let mut half = known()
        .other(4, &["salesforce/Account/A4", "hubspot/companies/C4"])
        .agreed(O, &sf(Observed::Empty))
        .agreed(D, &hs(beside.clone()))
        .seen(O, 10, &[("AccountId", refs(&["Account/A4"]))]);
    let comes = format!("associate {D} @deal_to_company hubspot/companies/C4 primary");
    let goes = format!("dissociate {D} @deal_to_company hubspot/companies/C3");
    assert_eq!(operations(&half.plan()), [goes, comes.clone()], "it is the company that it has");
    // The half of a move: what we took away was another one.
    let (mapping, field) = (half.mapping.clone(), "@deal_to_company".into());
    let step = Wrote {
        field: &field,
        before: &refs(&["companies/C2!", "companies/C3"]),
        sent: &beside,
        shows: &beside,
        case: Why::OneChanged,
        at: at(0),
    };
    note_step(&mapping, Kind::Deal, &record(D), half.link_mut(D).base.as_mut().unwrap(), step);
    assert_eq!(operations(&half.plan()), [comes]);
}

#[test]
fn a_delete_moves_nobody_to_what_was_there_beside_it_and_a_successor_takes_its_place() {
    let company = record("hubspot/companies/C2");
    let both = || {
        let mut case = known()
            .other(4, &["salesforce/Account/A4", "hubspot/companies/C4"])
            .agreed(O, &sf(refs(&["Account/A2"])))
            .agreed(D, &hs(refs(&["companies/C2!", "companies/C3"])));
        case.hood.targets.get_mut(&company).unwrap().state = TargetState::Deleted;
        case.hood.records_of.get_mut(&entity(2)).unwrap().remove(HS);
        case.seen(D, 10, &[("@deal_to_company", refs(&["companies/C3"]))])
    };
    let plan = both().plan();
    assert!(plan.operations.is_empty() && plan.bases.is_empty(), "{plan:?}");
    assert_eq!(held(&plan), [format!("salesforce account deleted_elsewhere [record:{company}]")]);
    let comes = |to: &str| format!("associate {D} @deal_to_company hubspot/companies/{to} primary");
    let said = both().seen(O, 20, &[("AccountId", refs(&["Account/A4"]))]).plan();
    assert_eq!((operations(&said), held(&said)), (vec![comes("C4")], vec![]), "the further one stays");
    let cleared = both().seen(O, 20, &[("AccountId", Observed::Empty)]).plan();
    assert!(cleared.operations.is_empty() && cleared.held.is_empty(), "{cleared:?}");
    assert_eq!(bases(&cleared), [format!("{D} []"), format!("{O} []")], "neither has a company");
    let mut again = both();
    again.hood.records_of.get_mut(&entity(2)).unwrap().insert(HS.into(), record("hubspot/companies/C9"));
    let plan = again.plan();
    assert_eq!((operations(&plan), held(&plan)), (vec![comes("C9")], vec![]));
}
