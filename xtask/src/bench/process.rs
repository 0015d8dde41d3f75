//! Runs a command and reads what it cost from the operating system: wall clock, processor time, peak memory.

use std::{
    fs, io,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// What a process cost.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    pub(super) wall: Duration,
    /// User and system time.
    pub(super) cpu: Duration,
    /// Peak resident memory.
    pub(super) peak_kib: u64,
}

/// Ticks of `/proc/PID/stat` a second on Linux.
const TICKS: u64 = 100;

/// Runs to its end; standard output is returned. The exit code must be one of `expected`.
pub(super) fn run(
    program: &Path,
    arguments: &[&str],
    input: Option<&str>,
    expected: &[i32],
) -> io::Result<(Cost, String)> {
    let started = Instant::now();
    let output = std::env::temp_dir().join(format!(
        "syncline-bench-{}-{}",
        std::process::id(),
        started.elapsed().as_nanos()
    ));
    let mut command = Command::new(program);
    command.args(arguments).stdout(fs::File::create(&output)?).stderr(Stdio::inherit());
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.spawn()?;
    if let (Some(input), Some(mut pipe)) = (input, child.stdin.take()) {
        io::Write::write_all(&mut pipe, input.as_bytes())?;
    }
    let (cpu, peak_kib) = watch(&child);
    let wall = started.elapsed();
    let status = child.wait()?;
    let text = fs::read_to_string(&output)?;
    fs::remove_file(&output)?;
    if !status.code().is_some_and(|code| expected.contains(&code)) {
        return Err(io::Error::other(format!(
            "{} {arguments:?} ended with {status}: {text}",
            program.display()
        )));
    }
    Ok((Cost { wall, cpu, peak_kib }, text))
}

/// The processor time of one of `times` runs in a row: a single short run is below what the counters resolve.
pub(super) fn cpu_of_one(program: &Path, arguments: &[&str], times: u32) -> io::Result<Duration> {
    let loops =
        format!("i=0; while [ $i -lt {times} ]; do \"$0\" \"$@\" >/dev/null || exit 1; i=$((i+1)); done");
    let name = program.display().to_string();
    let words: Vec<&str> = ["-c", &loops, &name].into_iter().chain(arguments.iter().copied()).collect();
    Ok(run(Path::new("/bin/sh"), &words, None, &[0])?.0.cpu / times)
}

/// Reads the counters until the process has ended; its last ones stay readable until it is waited for.
fn watch(child: &Child) -> (Duration, u64) {
    let (mut cpu, mut peak) = (Duration::ZERO, 0);
    loop {
        peak = peak.max(memory(child.id()).unwrap_or_default());
        let Some((state, now)) = stat(child.id()) else { return (cpu, peak) };
        cpu = now;
        if state == 'Z' {
            return (cpu, peak);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn stat(pid: u32) -> Option<(char, Duration)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may contain anything; fields are counted from its end.
    let rest: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    // Its own user and system time, and those of the children that it has waited for.
    let ticks: u64 = rest.get(11..15)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    Some((rest.first()?.chars().next()?, Duration::from_millis(ticks * 1000 / TICKS)))
}

fn memory(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse().ok()
}

/// Processor time of a running process.
pub(super) fn cpu_of(pid: u32) -> Duration {
    stat(pid).map(|(_, cpu)| cpu).unwrap_or_default()
}
