//! What happens in a simulated world, step by step. Steps name things by number, modulo how many there are: any part of a
//! script is a script, which is what shrinking lives on.

mod author;
mod stops;

use crate::{
    fault::{Fault, Meets},
    power::When,
    profile::{Change, Profile},
    side::Side,
};
use serde::{Deserialize, Serialize};

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
#[expect(missing_docs, reason = "what a field is, its step's sentence says")]
pub enum Step {
    /// Somebody makes a company or account.
    Organisation { side: Side, n: u32 },
    /// Somebody makes a contact or lead.
    Person { side: Side, of: PersonAs, parent: Option<u32>, n: u32 },
    /// Somebody makes a deal.
    Deal { side: Side, parent: Option<u32>, n: u32 },
    /// Somebody makes by hand what the other side has already.
    Twin { thing: u32, n: u32 },
    /// Somebody makes a thing a second time on the same side.
    Double { thing: u32 },
    /// Somebody changes a value.
    Edit { side: Side, thing: u32, attribute: u32, n: u32 },
    /// Somebody clears a value.
    Clear { side: Side, thing: u32, attribute: u32 },
    /// Two people change the same value, one on each side.
    Conflict { thing: u32, attribute: u32, n: u32, m: u32 },
    /// Another program changes a value by the API; the change becomes visible later than its stamp.
    LateEdit { side: Side, thing: u32, attribute: u32, n: u32 },
    /// A record gets another owner.
    Reassign { side: Side, thing: u32, owner: u32 },
    /// A record gets another parent, or none.
    Move { side: Side, thing: u32, parent: Option<u32> },
    /// A person takes part in a deal.
    Involve { side: Side, deal: u32, person: u32 },
    /// A lead becomes a contact, of a new account or of one that is there.
    Convert { thing: u32, into: Option<u32>, deal: Dealing },
    /// Two records of one kind become one.
    Merge { side: Side, thing: u32, other: u32 },
    /// A record goes to the bin.
    Delete { side: Side, thing: u32 },
    /// And comes back.
    Restore { side: Side, thing: u32 },
    /// An administrator changes what the connection's user may do with a field.
    Access { side: Side, attribute: u32, access: Access },
    /// An administrator takes an industry away, or puts it back.
    Industry { side: Side, n: u32, offered: Offered },
    /// Time passes.
    Wait { seconds: u64 },
    /// A vendor's clock goes wrong by so much.
    Skew { side: Side, seconds: u64 },
    /// A request of the engine will meet this.
    Fault { side: Side, fault: Fault, meets: Meets, after: usize },
    /// Webhooks come in; the first of their runs may be stopped.
    Webhooks {
        how: Delivered,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stop: Option<Interruption>,
    },
    /// A run.
    Sync { stop: Option<Interruption> },
    /// A plan is made, something happens, the plan is applied; either may be stopped. What stops the making leaves no plan.
    Plan {
        between: Vec<Step>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        planning: Option<Interruption>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        applying: Option<Interruption>,
    },
    /// The plan that was written last is applied, again as a rule: what somebody does whose command was cut short.
    Apply { stop: Option<Interruption> },
    /// The process ends in good order and another one starts.
    Restart,
    /// The configuration is edited.
    Reconfigure { change: Change },
    /// Somebody answers the oldest open review.
    Answer,
    /// All faults end, time passes, runs are made until one has nothing to write; then everything is looked at.
    Quiesce,
    /// Somebody changes a value that the run which is about to be taken back wrote; nowhere else anything.
    Overwrite { place: u32, n: u32 },
    /// Records of this company are made again in two others, in two orders; both must come to the same.
    Shuffle { of: Shuffled, order: u64 },
    /// At rest people do some things and runs follow until one has nothing to write; then others do more, and somebody
    /// takes one of the runs back, and that again.
    Undo { acts: Vec<Step>, since: Vec<Step>, which: u32, stop: Option<Interruption> },
}

/// Which records are made again in two orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shuffled {
    /// Those of before the first contact.
    First,
    /// Those of now.
    Now,
}

/// What a person is in Salesforce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonAs {
    /// A lead.
    Lead,
    /// A contact.
    Contact,
}

/// Whether a conversion makes an opportunity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dealing {
    /// Yes.
    WithDeal,
    /// No.
    WithoutDeal,
}

/// What the connection's user may do with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Read and write.
    Full,
    /// Read.
    ReadOnly,
    /// Nothing: it does not even see it.
    Hidden,
}

/// Whether an option may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Offered {
    /// Yes.
    Yes,
    /// Not any more.
    No,
}

/// How webhooks come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivered {
    /// Once, in order.
    Once,
    /// Each twice.
    Twice,
    /// Latest first.
    Reordered,
    /// Not at all.
    Lost,
}

/// What comes between a run and its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Interruption {
    /// The power goes at a journal write.
    CutAtJournal { after: usize, when: When },
    /// The power goes at a request.
    CutAtRequest { after: usize, when: When },
    /// People do these between two requests.
    People { after: usize, steps: Vec<Step> },
    /// The process sleeps past its lease; people do these, another process does a whole run, the first one wakes.
    OldLease { after: usize, steps: Vec<Step> },
}

impl Interruption {
    /// The same a little earlier, or with one of the steps that happen in it left out.
    pub(crate) fn fewer(&self) -> Vec<Self> {
        let mut all: Vec<Self> = self.steps().map_or_else(Vec::new, |steps| {
            (0..steps.len())
                .map(|left_out| {
                    let mut fewer = self.clone();
                    if let Self::People { steps, .. } | Self::OldLease { steps, .. } = &mut fewer {
                        steps.remove(left_out);
                    }
                    fewer
                })
                .collect()
        });
        let earlier = [self.after() / 2, self.after().saturating_sub(1)];
        all.extend(earlier.into_iter().filter(|after| *after < self.after()).map(|after| self.at(after)));
        all
    }

    /// The same so many points earlier, if there are as many.
    pub(crate) fn earlier(&self, points: usize) -> Option<Self> {
        self.after().checked_sub(points).map(|after| self.at(after))
    }

    fn at(&self, point: usize) -> Self {
        let mut same = self.clone();
        let (Self::CutAtJournal { after, .. }
        | Self::CutAtRequest { after, .. }
        | Self::People { after, .. }
        | Self::OldLease { after, .. }) = &mut same;
        *after = point;
        same
    }

    fn after(&self) -> usize {
        let (Self::CutAtJournal { after, .. }
        | Self::CutAtRequest { after, .. }
        | Self::People { after, .. }
        | Self::OldLease { after, .. }) = self;
        *after
    }

    fn steps(&self) -> Option<&[Step]> {
        match self {
            Self::People { steps, .. } | Self::OldLease { steps, .. } => Some(steps),
            Self::CutAtJournal { .. } | Self::CutAtRequest { .. } => None,
        }
    }
}

/// A world's set-up and what happens in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// How Syncline is set up.
    pub profile: Profile,
    /// What everything random in the world follows from.
    pub seed: u64,
    /// The steps.
    pub steps: Vec<Step>,
}

impl Script {
    /// As text: a head, then one step a line.
    ///
    /// # Errors
    /// Never for a script that was read or generated.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        let head = serde_json::json!({"profile": self.profile, "seed": self.seed});
        let mut text = format!("{head}\n");
        for step in &self.steps {
            text.push_str(&serde_json::to_string(step)?);
            text.push('\n');
        }
        Ok(text)
    }

    /// Reads what [`Script::to_text`] wrote; lines that begin with `#` are remarks.
    ///
    /// # Errors
    /// The line, and what is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            profile: Profile,
            seed: u64,
        }
        let mut lines = text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
            .map(|(number, line)| (number + 1, line));
        let told = |number: usize, error: serde_json::Error| format!("line {number}: {error}");
        let (number, line) = lines.next().ok_or("the script is empty")?;
        let head: Head = serde_json::from_str(line).map_err(|error| told(number, error))?;
        let steps = lines
            .map(|(number, line)| serde_json::from_str(line).map_err(|error| told(number, error)))
            .collect::<Result<Vec<Step>, String>>()?;
        Ok(Self { profile: head.profile, seed: head.seed, steps })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_comes_back_from_its_text() {
        for seed in 0..20 {
            let script = Script::of_seed(seed, None);
            assert_eq!(Script::read(&script.to_text().unwrap()).unwrap(), script);
            assert!(script.steps.len() >= 100, "{}", script.steps.len());
        }
    }

    #[test]
    fn scripts_stop_every_job_and_reach_as_far_as_a_run_does() {
        let steps: Vec<Step> = (0..60).flat_map(|seed| Script::of_seed(seed, None).steps).collect();
        let has = |wanted: fn(&Step) -> bool| steps.iter().any(wanted);
        assert!(has(|step| matches!(step, Step::Webhooks { stop: Some(_), .. })));
        assert!(has(|step| matches!(step, Step::Plan { planning: Some(_), .. })));
        assert!(has(|step| matches!(step, Step::Plan { applying: Some(_), .. })));
        assert!(has(|step| matches!(step, Step::Apply { stop: Some(_) })));
        let far = |step: &Step| matches!(step, Step::Sync { stop: Some(Interruption::CutAtJournal { after, .. }) } if *after > 20);
        assert!(steps.iter().any(far));
    }

    #[test]
    fn a_script_from_before_plans_could_be_stopped_is_read() {
        let text = "{\"profile\":\"leads\",\"seed\":1}\n{\"do\":\"plan\",\"between\":[]}\n\
            {\"do\":\"webhooks\",\"how\":\"once\"}\n";
        let script = Script::read(text).unwrap();
        assert_eq!(script.to_text().unwrap(), text, "and written as it was");
    }

    #[test]
    fn a_script_that_is_none_is_told_by_line() {
        assert_eq!(Script::read("").unwrap_err(), "the script is empty");
        let text = "# why\n{\"profile\":\"leads\",\"seed\":1}\n{\"do\":\"dance\"}\n";
        assert!(Script::read(text).unwrap_err().starts_with("line 3: unknown variant `dance`"));
    }
}
