//! Several workers on one PostgreSQL schema: one is stopped past its claim and goes on later; two serve at a time; one dies.

use crate::{
    cluster::Cluster,
    dice::Dice,
    journal::Place,
    people::{Side, Sort},
    wire::{Phase, Verdict},
    world::{Moment, World},
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Output, Stdio},
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

/// A claim short enough to be waited for: a successor gets in after it and a quarter of it.
const SERVER: &str = "[server]\nlease = \"4s\"\n";
const PATIENCE: Duration = Duration::from_secs(60);

fn signal(process: &Child, signal: Signal) {
    kill_process(Pid::from_child(process), signal).unwrap();
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// Waits until it is so, looking often.
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what} did not come");
        sleep(Duration::from_millis(50));
    }
}

/// One worker is stopped at this moment, another one finishes, and the first one goes on; whether the moment came.
fn stopped_past_its_claim(world: &mut World, moment: Moment) -> bool {
    let when = format!("stopped at {moment:?}");
    world.a_day();
    let before = world.journal.head();
    world.arm(moment);
    let mut first = world.command(&["sync"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let came = world.comes(moment, before, &mut first);
    if came {
        signal(&first, Signal::STOP);
    }
    let open = world.journal.open_call();
    let seen = world.wire.lines();
    // What was on its way never arrives, and what was answered is not told: as if the network went away.
    world.wire.let_go(Verdict::Drop);
    let keeps_out = |world: &World| said(&world.sync_with(&[])).contains("SYN-1150");
    // Else it was at its very end. Asked first: on a slow machine the claim would be over before people are done.
    let is_at_work = keeps_out(world);
    world.meanwhile();
    eventually("the end of the claim", || !keeps_out(world));
    world.comes_to_rest(&when);
    let rows = world.rows();
    world.wire.arm(None);
    if came {
        signal(&first, Signal::CONT);
    }
    let ended = first.wait_with_output().unwrap();
    eprintln!("{when}: at work {is_at_work}, open {open:?}, last seen {:?}", seen.last());
    if is_at_work && !(ended.status.success() && world.wire.lines().is_empty()) {
        assert_eq!(ended.status.code(), Some(1), "{when}: {}", said(&ended));
        assert!(said(&ended).contains("SYN-1113"), "{when}: {}", said(&ended));
    }
    assert_eq!(world.rows(), rows, "{when}: it wrote after the other one");
    world.comes_to_rest(&format!("{when}, and gone on"));
    came && is_at_work
}

/// On a machine that is busy with other things a worker may be past a moment, or at its end, before it is noticed: then again.
const ATTEMPTS: usize = 3;

fn two_workers(moments: &[Moment]) {
    let mut world = World::new(Place::postgres(&Arc::new(Cluster::start())), 3, SERVER);
    let mut comes = |moment: &Moment| (0..ATTEMPTS).any(|_| stopped_past_its_claim(&mut world, *moment));
    let came = moments.iter().filter(|moment| comes(moment)).count();
    assert!(came >= moments.len() - moments.len() / 8, "only {came} of {}", moments.len());
}

/// Its intent is stored and the vendor does not know; the vendor has carried it out; nothing is under way.
#[test]
fn a_worker_stopped_past_its_claim_writes_nothing_more() {
    two_workers(&[
        Moment::Request(11, Phase::Arrived),
        Moment::Request(13, Phase::Done),
        Moment::Request(12, Phase::Told),
        Moment::Journal(4),
    ]);
}

#[test]
#[ignore = "takes minutes: make proof"]
fn a_worker_stopped_anywhere_past_its_claim_writes_nothing_more() {
    let requests = (1..=16).flat_map(|number| {
        [Phase::Arrived, Phase::Done, Phase::Told].map(|phase| Moment::Request(number, phase))
    });
    let moments: Vec<Moment> = requests.chain((1..=30).map(Moment::Journal)).collect();
    two_workers(&Dice::new(4).some(moments, 24));
}

/// `syncline serve`, until dropped.
struct Serving {
    process: Child,
}

impl Serving {
    fn start(world: &World) -> Self {
        let mut process = world
            .command(&["serve", "--listen", "127.0.0.1:0", "--poll", "1s"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("ready: ") {
            line.clear();
            assert_ne!(out.read_line(&mut line).unwrap(), 0, "serve ended");
        }
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        Self { process }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _gone_already = self.process.kill();
        let _reaped_already = self.process.wait();
    }
}

/// People edit one thing after the other; each edit arrives on the other side, written once.
fn edits_arrive_once(world: &mut World, when: &str) {
    world.log.fresh.clear();
    world.look_up();
    let before = world.rows();
    for (sort, side) in [
        (Sort::Account, Side::HubSpot),
        (Sort::Deal, Side::Salesforce),
        (Sort::Lead, Side::HubSpot),
        (Sort::Contact, Side::Salesforce),
    ] {
        world.edit_some(sort, side);
        eventually(&format!("{when}: an edit of a {sort:?} in {side:?}"), || world.wrongs().is_empty());
    }
    // Webhooks about what was just written come, and lead to nothing; so do the next polls.
    sleep(Duration::from_millis(2_500));
    let written: Vec<u64> = world.rows().iter().zip(before).map(|(after, before)| after - before).collect();
    assert_eq!(written, [2, 0, 2, 0], "{when}: rows written and rows in vain");
}

#[test]
fn two_that_serve_write_each_edit_once_and_one_goes_on_when_the_other_dies() {
    let mut world = World::new(Place::postgres(&Arc::new(Cluster::start())), 5, SERVER);
    world.make(Sort::Account);
    world.comes_to_rest("before");
    let first = Serving::start(&world);
    let second = Serving::start(&world);
    edits_arrive_once(&mut world, "two");
    // The first one is stopped, wherever it is, for longer than a claim; the second one goes on.
    signal(&first.process, Signal::STOP);
    edits_arrive_once(&mut world, "one stopped");
    // It goes on beside the other one, and alone once that one is killed.
    signal(&first.process, Signal::CONT);
    edits_arrive_once(&mut world, "gone on");
    drop(second);
    edits_arrive_once(&mut world, "the other one killed");
    signal(&first.process, Signal::TERM);
    let mut first = first;
    eventually("the end", || first.process.try_wait().unwrap().is_some());
    world.comes_to_rest("after");
}
