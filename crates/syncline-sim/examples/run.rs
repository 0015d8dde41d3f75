#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
use syncline_sim::{Coverage, Script, Told, play};
fn main() {
    let args: Vec<u64> = std::env::args().skip(1).map(|a| a.parse().unwrap()).collect();
    let (start, count) = (args[0], args[1]);
    let told = if args.len() > 2 { Told::Yes } else { Told::No };
    let begin = std::time::Instant::now();
    let mut coverage = Coverage::default();
    let mut by = std::collections::BTreeMap::<&str, u64>::new();
    let mut bad = 0;
    for seed in start..start + count {
        let mut script = Script::of_seed(seed, None);
        if let Ok(path) = std::env::var("SCRIPT") {
            script = Script::read(&std::fs::read_to_string(path).unwrap()).unwrap();
        }
        if args.get(2) == Some(&2) {
            script = syncline_sim::shrink(&script).unwrap().0;
            println!("{}", script.to_text().unwrap());
        }
        match play(&script, told) {
            Ok(played) => {
                for line in &played.story {
                    println!("{line}");
                }
                for v in played.violations.iter().take(3) {
                    println!("{seed} step {} {}: {}", v.step, v.invariant, v.evidence);
                    *by.entry(v.invariant).or_default() += 1;
                }
                if !played.violations.is_empty() {
                    bad += 1;
                }
                coverage.add(&played.coverage);
            }
            Err(broken) => {
                println!("{seed} BROKEN {broken}");
            }
        }
    }
    let t = begin.elapsed().as_secs_f64();
    println!(
        "{coverage:?}\nmissing {:?}\n{by:?}\n{bad} of {count} bad, {:.1} seeds/s",
        coverage.missing(),
        count as f64 / t
    );
}
