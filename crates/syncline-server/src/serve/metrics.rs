//! The text that Prometheus reads (exposition format 0.0.4).

use super::status::{AtWork, Status, Trigger};
use jiff::Timestamp;
use std::fmt::Write;

/// Writes all metrics. `waiting` hints are not taken up yet.
pub(super) fn text(status: &Status, waiting: usize, now: Timestamp) -> String {
    let mut page = Page::default();
    page.head("syncline_runs_total", "counter", "Runs by what began them and how they ended");
    for trigger in [Trigger::Poll, Trigger::Webhook] {
        for (ended_well, result) in [(true, "ok"), (false, "error")] {
            let count = status.runs.get(&(trigger, ended_well)).copied().unwrap_or_default();
            page.sample(
                "syncline_runs_total",
                &[("trigger", trigger.word()), ("result", result)],
                count as f64,
            );
        }
    }
    page.head("syncline_writes_total", "counter", "Rows written, by what was done");
    let tally = &status.tally;
    for (what, count) in [
        ("created", tally.created),
        ("updated", tally.updated),
        ("associated", tally.associated),
        ("archived", tally.archived),
    ] {
        page.sample("syncline_writes_total", &[("what", what)], count as f64);
    }
    page.single("syncline_rejected_total", "counter", "Rows that a vendor refused", tally.rejected as f64);
    page.single(
        "syncline_unknown_total",
        "counter",
        "Rows whose outcome stayed unknown",
        tally.unknown as f64,
    );
    page.head("syncline_calls_total", "counter", "Requests to the vendors");
    for (connection, count) in &status.calls {
        page.sample("syncline_calls_total", &[("connection", connection.as_str())], *count as f64);
    }
    page.head("syncline_webhooks_total", "counter", "Webhook calls by whether they were accepted");
    for ((connection, accepted), count) in &status.webhooks {
        let result = if *accepted { "accepted" } else { "refused" };
        page.sample(
            "syncline_webhooks_total",
            &[("connection", connection.as_str()), ("result", result)],
            *count as f64,
        );
    }
    page.single(
        "syncline_hints_waiting",
        "gauge",
        "Records that webhooks pointed at, to be read",
        waiting as f64,
    );
    page.single(
        "syncline_run_under_way",
        "gauge",
        "1 while a run is under way",
        f64::from(u8::from(status.at_work == AtWork::Yes)),
    );
    page.single("syncline_held", "gauge", "Writes that wait", status.held as f64);
    page.single("syncline_findings", "gauge", "Things to know", status.findings as f64);
    page.single("syncline_dirty", "gauge", "Entities and records still to be planned", status.dirty as f64);
    page.single(
        "syncline_needs_person",
        "gauge",
        "1 while nothing is written until a person decides",
        f64::from(u8::from(status.needs.is_some())),
    );
    if let Some(at) = status.polled_at {
        let age = now.duration_since(at).as_secs_f64().max(0.0);
        page.single("syncline_last_cycle_age_seconds", "gauge", "Since the last poll that ended well", age);
    }
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _infallible = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        for (position, (label, text)) in labels.iter().enumerate() {
            let open = if position == 0 { '{' } else { ',' };
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _infallible = write!(self.0, "{open}{label}=\"{text}\"");
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _infallible = writeln!(self.0, "{close} {value}");
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: f64) {
        self.head(name, kind, help);
        self.sample(name, &[], value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_a_type_and_labels_are_escaped() {
        let mut status = Status::default();
        status.webhook(&"hub\"spot".into(), false);
        status.calls.insert("salesforce".into(), 12);
        status.at_work = AtWork::Yes;
        status.polled_at = Some(Timestamp::from_second(1_000).unwrap());
        let text = text(&status, 3, Timestamp::from_second(1_090).unwrap());
        assert!(
            text.contains("syncline_webhooks_total{connection=\"hub\\\"spot\",result=\"refused\"} 1\n"),
            "{text}"
        );
        assert!(text.contains("\nsyncline_calls_total{connection=\"salesforce\"} 12\n"), "{text}");
        assert!(text.contains("\nsyncline_last_cycle_age_seconds 90\n"), "{text}");
        assert!(text.contains("\nsyncline_hints_waiting 3\n"), "{text}");
        assert!(text.contains("\nsyncline_run_under_way 1\n"), "{text}");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap();
            assert!(text.contains(&format!("# TYPE {name} ")), "{line}");
        }
    }
}
