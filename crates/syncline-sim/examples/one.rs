#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]
use syncline_sim::{AfterViolation, Campaign};
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    for start in &a[2..] {
        let campaign = Campaign {
            start: start.parse().unwrap(),
            seeds: 300,
            profile: None,
            defect: Some(a[1].clone()),
            after_violation: AfterViolation::Stop,
            threads: 1,
        };
        let report = campaign.run(&|_| {}).unwrap();
        println!("{start}: {:?}", report.violations.first().map(|v| (v.seed, v.invariant)));
    }
}
