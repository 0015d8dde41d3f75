//! `docs/museum.md` says what is so: each planted defect has one story, with where the bug is written down, the invariant that
//! catches it and a seed. That seed, played with the defect, breaks that invariant and no other, and without it none.
#![cfg(feature = "defects")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeSet,
    sync::Mutex,
    sync::atomic::{AtomicUsize, Ordering},
};
use syncline_model::defect::Defect;
use syncline_sim::{AfterViolation, Campaign};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One defect as the page tells it.
struct Story<'a> {
    name: &'a str,
    /// What is between the heading and the list.
    text: &'a str,
    invariant: &'a str,
    seed: u64,
}

fn page() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/museum.md");
    std::fs::read_to_string(path).unwrap()
}

/// All stories in their order, or what is wrong with one.
fn stories(page: &str) -> Result<Vec<Story<'_>>, String> {
    page.split("\n### ").skip(1).map(story).collect()
}

fn story(section: &str) -> Result<Story<'_>, String> {
    let (heading, rest) = section.split_once('\n').unwrap_or((section, ""));
    let name = heading.strip_prefix('`').and_then(|name| name.strip_suffix('`'));
    let name = name.ok_or_else(|| format!("the heading {heading} is no name"))?;
    let wrong = |what: &str| format!("{name}: {what}");
    let text = rest.split("\n- *Planted:* ").next().unwrap_or_default();
    let line = |label: &str| {
        let mut found = rest.lines().filter_map(|line| line.strip_prefix(label));
        found
            .next()
            .filter(|_| found.next().is_none())
            .ok_or_else(|| wrong(&format!("not one line `{label}`")))
    };
    line("- *Planted:* ")?;
    let caught = line("- *Caught by:* `")?;
    let (invariant, _) = caught.split_once("`, ").ok_or_else(|| wrong("no invariant and words for it"))?;
    let shown = line("- *Shown by:* ")?;
    let seed = shown
        .strip_prefix(&format!("`syncline sim --defect {name} --start "))
        .and_then(|rest| rest.strip_suffix(" --seeds 1`"))
        .and_then(|seed| seed.parse().ok())
        .ok_or_else(|| wrong("shown by no command that plays one seed"))?;
    Ok(Story { name, text, invariant, seed })
}

/// What a seed breaks.
fn broken(seed: u64, defect: Option<&str>) -> BTreeSet<&'static str> {
    let campaign = Campaign {
        start: seed,
        seeds: 1,
        profile: None,
        things: None,
        defect: defect.map(str::to_owned),
        after_violation: AfterViolation::GoOn,
        threads: 1,
    };
    campaign.run(&()).unwrap().violations.into_iter().map(|found| found.invariant).collect()
}

#[test]
fn each_defect_has_one_story_with_its_reference() {
    let page = page();
    let told: Vec<&str> = stories(&page).unwrap().iter().map(|story| story.name).collect();
    let planted: Vec<&str> = Defect::all().iter().map(|defect| defect.name()).collect();
    assert_eq!(told, planted, "the stories stand in the order of the list");
    for (story, defect) in stories(&page).unwrap().iter().zip(Defect::all()) {
        let reference = defect.reference();
        assert!(story.text.contains(reference), "{}: does not say {reference}", story.name);
        if let Some((repository, number)) = reference.split_once('#') {
            let links = ["issues", "pull"]
                .map(|kind| format!("[{reference}](https://github.com/{repository}/{kind}/{number})"));
            assert!(links.iter().any(|link| story.text.contains(link)), "{}: no link", story.name);
        }
    }
    assert!(page.contains(&format!("all {} are caught", planted.len())), "how many there are");
}

#[test]
fn the_seed_of_each_story_breaks_the_invariant_that_it_names_and_no_other() {
    let page = page();
    let stories = stories(&page).unwrap();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(story) = stories.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (with, without) = (broken(story.seed, Some(story.name)), broken(story.seed, None));
                    if with != BTreeSet::from([story.invariant]) || !without.is_empty() {
                        let Story { name, invariant, seed, .. } = story;
                        let line = format!(
                            "{name}: seed {seed} is to break {invariant}, breaks {with:?}, and without it {without:?}"
                        );
                        wrong.lock().unwrap().push(line);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_story_without_invariant_or_seed_is_none() {
    let good = "`tool-1-lost`\n\n**Tool** (tool#1). Text.\n\n- *Planted:* a line.\n- *Caught by:* `no_loss`, an edit\n\
        - *Shown by:* `syncline sim --defect tool-1-lost --start 7 --seeds 1`\n";
    let story = story(good).unwrap();
    assert_eq!((story.name, story.invariant, story.seed), ("tool-1-lost", "no_loss", 7));
    assert!(story.text.contains("(tool#1)") && !story.text.contains("Planted"));
    for (from, to) in [
        ("`no_loss`, ", ""),
        ("--start 7", "--start x"),
        ("--seeds 1", "--seeds 2"),
        ("--defect tool-1-lost", "--defect tool-2-lost"),
        ("- *Planted:* a line.\n", ""),
    ] {
        assert!(self::story(&good.replace(from, to)).is_err(), "{to}");
    }
}
