//! Many rows: keyset pages of the initial load and of a window of changes, which lose none.

use crate::adapter_support::{World, run};
use serde_json::json;
use syncline_kit::sandbox::Limits;

#[test]
fn the_initial_load_takes_one_search_for_two_hundred_rows_and_one_edge_read_for_a_thousand() {
    let mut world = World::new(Limits::Real);
    world.make_many("companies", 2_300, "Company");
    world.pass(10);
    let seen = world.capture();
    assert_eq!(seen.len(), 2_300);
    assert_eq!(world.calls_to("companies/search"), 12);
    assert_eq!(world.calls_to("/companies/companies/batch/read"), 3);
    assert_eq!(world.violations(), json!([]));
}

#[test]
fn more_than_ten_thousand_rows_of_one_millisecond_are_all_read() {
    let mut world = World::new(Limits::Off);
    world.pass(10);
    world.capture();
    world.pass(3_600);
    world.want.objects.retain(|one| one.object.as_str() == "companies");
    world.make_many("companies", 10_500, "Bulk");
    world.pass(10);
    assert_eq!(world.capture().len(), 10_500);
    assert_eq!(world.stored.live("companies"), 10_500);
}

#[test]
fn a_page_that_is_cut_short_ends_nothing() {
    let mut world = World::new(Limits::Off);
    world.knob("search_page_most", json!(150));
    world.want.objects.retain(|one| one.object.as_str() == "companies");
    world.make_many("companies", 1_000, "Early");
    world.pass(10);
    world.capture();
    assert_eq!(world.stored.live("companies"), 1_000, "the initial load");
    world.pass(3_600);
    for moment in 0..40 {
        world.pass_ms(5);
        world.make_many("companies", 20, &format!("Moment {moment}"));
    }
    world.pass(10);
    world.capture();
    assert_eq!(world.stored.live("companies"), 1_800, "a window");
    world.pass(3_600);
    world.make_many("companies", 10_500, "Bulk");
    world.pass(10);
    world.capture();
    assert_eq!(world.stored.live("companies"), 12_300, "one millisecond");
}

#[test]
fn rows_that_leave_the_window_while_it_is_read_hide_no_others() {
    let mut world = World::new(Limits::Off);
    world.knob("search_lag_ms", json!(0));
    world.want.objects.retain(|one| one.object.as_str() == "companies");
    world.pass(10);
    world.capture();
    world.pass(600);
    let ids: Vec<String> = (0..1_700)
        .map(|number| {
            if number % 10 == 0 {
                world.pass_ms(7);
            }
            world.make("companies", json!({"name": format!("Company {number}")}))
        })
        .collect();
    let mut pages = 0;
    loop {
        let page =
            syncline_kit::vendor::Vendor::capture(&world.hub, &world.want, &world.cursor, &world.stored);
        let page = run(page).unwrap();
        world.stored.take(&page.observations);
        world.cursor = page.cursor;
        if !page.more {
            break;
        }
        pages += 1;
        // Some rows that were read already go away, so that all others move forward.
        for id in &ids[pages * 20..pages * 20 + 20] {
            world.admin(json!({"do": "archive", "object": "companies", "id": id}));
        }
    }
    assert!(pages > 0, "the window takes several pages");
    assert_eq!(world.stored.records.len(), 1_700);
}
