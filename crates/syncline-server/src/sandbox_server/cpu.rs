//! `GET /__sandbox/cpu`: what this process has cost so far, so that a benchmark can tell the sandbox from the engine.

use bytes::Bytes;
use http::{Response, StatusCode};
use syncline_kit::sandbox::control::json;

/// Linux counts process time in ticks of 1/100 s for every program (`USER_HZ`).
const MS_PER_TICK: u64 = 10;

pub(super) fn answer() -> Response<Bytes> {
    match std::fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(cpu_ms) {
        Some(cpu_ms) => json(StatusCode::OK, &serde_json::json!({ "cpu_ms": cpu_ms })),
        None => json(
            StatusCode::NOT_IMPLEMENTED,
            &serde_json::json!({ "error": "this system does not tell a process its CPU time in /proc" }),
        ),
    }
}

/// User and system time of a `/proc/PID/stat` line: fields 14 and 15. Field 2, the program's name, stands in
/// parentheses and may itself hold spaces and parentheses.
fn cpu_ms(stat: &str) -> Option<u64> {
    let (_pid_and_name, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) * MS_PER_TICK)
}

#[cfg(test)]
mod tests {
    #[test]
    fn adds_user_and_system_time_behind_any_name() {
        let line = "42 (a) b (c)) S 1 42 42 0 -1 4194304 100 0 0 0 7 5 0 0 20 0 1 0 100 1000 10";
        assert_eq!(super::cpu_ms(line), Some(120));
        assert_eq!(super::cpu_ms("42 (a) S 1"), None);
    }
}
