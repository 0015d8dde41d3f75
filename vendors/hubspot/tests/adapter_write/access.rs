//! What an account lets be written: scopes, keys, and what the schema tells.

use crate::{
    adapter_support::{World, run, update},
    named,
};
use serde_json::json;
use syncline_kit::{
    sandbox::Limits,
    vendor::{RejectionClass, RowOutcome, Vendor as _, VendorError},
};

#[test]
fn missing_scopes_are_a_permission_and_refused_credentials_an_error() {
    let world = World::new(Limits::Off);
    let id = world.make("companies", json!({"name": "A"}));
    run(world.hub.describe(&["companies".into()])).unwrap();
    world.admin(
        json!({"do": "set_scopes", "scopes": ["crm.objects.companies.read", "crm.schemas.companies.read"]}),
    );
    let outcomes = world
        .write(vec![update(1, "companies", &id, &named("B")), update(2, "companies", "77", &named("C"))]);
    assert!(
        outcomes
            .iter()
            .all(|one| matches!(one, RowOutcome::Rejected(one) if one.class == RejectionClass::Permission))
    );

    let world = World::with(Limits::Off, |mut credentials| {
        credentials["access_token"] = json!("pat-na1-wrong");
        credentials["refresh_token"] = json!(null);
        credentials
    });
    assert!(matches!(run(world.hub.account()), Err(VendorError::Credentials(_))));
}

#[test]
fn a_key_property_that_is_not_unique_is_left_to_a_person() {
    let world = World::new(Limits::Off);
    let body = json!({"name": "syncline_id", "label": "x", "type": "string", "fieldType": "text",
        "groupName": "companyinformation"});
    world.api("POST", "/crm/v3/properties/companies", &body);
    let steps = run(world.hub.setup_plan(&["companies".into()])).unwrap();
    assert!(!steps[0].done);
    assert!(steps[0].by_hand[0].1.contains("cannot be made unique afterwards"));
    assert_eq!(run(world.hub.setup_apply(&steps)).unwrap(), steps);
}

#[test]
fn the_schema_tells_types_options_and_what_may_be_written() {
    let world = World::new(Limits::Off);
    let schemas = run(world.hub.describe(&["deals".into(), "butterflies".into(), "owners".into()])).unwrap();
    assert_eq!(schemas.iter().map(|one| one.object.as_str()).collect::<Vec<_>>(), ["deals", "owners"]);
    let field = |name: &str| &schemas[0].fields[name];
    let won = field("dealstage").options.iter().find(|option| &*option.value == "closedwon").unwrap();
    assert_eq!(won.within.as_deref(), Some("default"));
    assert!(!field("hs_is_closed").updateable && field("amount").updateable);
    assert_eq!(field("amount").field_type, syncline_model::FieldType::Money);
    assert_eq!(field("hubspot_owner_id").field_type, syncline_model::FieldType::Reference);
}
