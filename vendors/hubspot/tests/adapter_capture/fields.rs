//! Fields that are hidden, new, or very many.

use crate::{
    adapter_support::{World, run, text},
    at_rest,
};
use serde_json::json;
use syncline_kit::{sandbox::Limits, vendor::Vendor as _};
use syncline_model::Observed;

#[test]
fn a_hidden_property_is_not_permitted_and_never_empty() {
    let (mut world, _, contact, _) = at_rest();
    world.admin(json!({"do": "hide_property", "object": "contacts", "property": "firstname"}));
    run(world.hub.describe(&["contacts".into()])).unwrap();
    world.pass(10);
    world.capture();
    assert_eq!(world.field("contacts", &contact, "firstname"), Observed::NotPermitted);
    world.admin(json!({"do": "show_property", "object": "contacts", "property": "firstname"}));
    run(world.hub.describe(&["contacts".into()])).unwrap();
    world.pass(10);
    world.capture();
    assert_eq!(world.field("contacts", &contact, "firstname"), text("Ada"));
}

#[test]
fn a_property_hidden_since_the_last_describe_is_not_taken_for_empty() {
    let (mut world, _, contact, _) = at_rest();
    world.admin(json!({"do": "hide_property", "object": "contacts", "property": "firstname"}));
    world.edit("contacts", &contact, json!({"lastname": "King"}));
    world.pass(10);
    world.capture();
    assert_eq!(world.field("contacts", &contact, "firstname"), text("Ada"), "not read, so as before");
    world.pass(10);
    world.capture();
    assert_eq!(world.field("contacts", &contact, "firstname"), Observed::NotPermitted);
}

#[test]
fn what_was_edited_before_a_property_was_hidden_and_shown_again_is_read() {
    let (mut world, _, contact, _) = at_rest();
    world.edit("contacts", &contact, json!({"firstname": "Augusta"}));
    world.admin(json!({"do": "hide_property", "object": "contacts", "property": "firstname"}));
    world.pass(10);
    world.capture();
    world.admin(json!({"do": "show_property", "object": "contacts", "property": "firstname"}));
    run(world.hub.describe(&["contacts".into()])).unwrap();
    world.pass(10);
    world.capture();
    assert_eq!(world.field("contacts", &contact, "firstname"), text("Augusta"));
}

#[test]
fn a_new_field_is_read_of_all_records() {
    let (mut world, _, contact, _) = at_rest();
    world.want.objects[1].fields.push("jobtitle".into());
    world.pass(10);
    assert_eq!(world.capture().len(), 1);
    assert_eq!(world.field("contacts", &contact, "jobtitle"), Observed::Empty);
}

#[test]
fn many_properties_are_read_in_two_steps() {
    let mut world = World::new(Limits::Off);
    let property = |number: usize| {
        format!("a_property_with_a_rather_long_internal_name_of_number_{number:03}_in_many_letters")
    };
    for number in 0..40 {
        let body = json!({"name": property(number), "label": "x", "type": "string", "fieldType": "text",
            "groupName": "companyinformation"});
        world.api("POST", "/crm/v3/properties/companies", &body);
        world.want.objects[0].fields.push(property(number).into());
    }
    let id = world.make("companies", json!({"name": "Wide", property(7): "seven"}));
    world.pass(10);
    world.capture();
    assert_eq!(world.field("companies", &id, &property(7)), text("seven"));
    assert_eq!(world.field("companies", &id, &property(8)), Observed::Empty);
    assert_eq!(world.calls_to("objects/companies/batch/read"), 1);
}
