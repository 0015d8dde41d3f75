//! Planted defects: changed lines that do what a real tool did, each named after the bug. They exist to prove the checkers
//! (design §11, step 4): with one of them planted, a simulation must fail; and no checker knows their names.
//!
//! A planted line stands in core, engine or a vendor's adapter, as `if planted(Defect::…)`. Without the cargo feature
//! `defects`, which no release has, [`planted`] is the constant `false` and those lines are not compiled in.
//! The stories: `docs/museum.md`.

macro_rules! defects {
    ($($(#[doc = $story:literal])+ $defect:ident = $name:literal, $reference:literal;)+) => {
        /// A bug that some tool had, as a changed line here.
        #[derive(Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(feature = "defects", derive(Debug))]
        pub enum Defect {
            $($(#[doc = $story])+ $defect,)+
        }

        #[cfg(feature = "defects")]
        impl Defect {
            /// All there are.
            pub const fn all() -> &'static [Self] {
                &[$(Self::$defect,)+]
            }

            /// Its name, as the command line and the museum spell it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$defect => $name,)+
                }
            }

            /// Where the bug is written down.
            pub const fn reference(self) -> &'static str {
                match self {
                    $(Self::$defect => $reference,)+
                }
            }

            /// What the changed line does, in a sentence.
            pub const fn story(self) -> &'static str {
                match self {
                    $(Self::$defect => concat!($($story),+),)+
                }
            }

            /// The defect of this name.
            pub fn named(name: &str) -> Option<Self> {
                Self::all().iter().copied().find(|defect| defect.name() == name)
            }
        }
    };
}

defects! {
    // Reading: cursors.
    /// Polls begin where the last one ended, without an overlap: rows that become visible late are never read.
    NoOverlap = "n8n-19377-no-overlap", "n8n-io/n8n#19377";
    /// The cursor is the stamp of the last row, and the next poll asks for later ones: another edit in that second is lost.
    SameSecond = "airbyte-42537-same-second", "airbytehq/airbyte#42537";
    /// Pages go on after a stamp alone: rows that share it beyond the end of a page are skipped.
    EqualStamps = "airbyte-9883-equal-stamps", "airbytehq/airbyte#9883";
    /// What does not fit on the first page is not asked for.
    NextPage = "mautic-5841-next-page", "mautic/mautic#5841";
    /// Overlapping polls leave out ids that were read before: whatever happens to a record later is not seen.
    IdAlone = "n8n-21028-id-alone", "n8n-io/n8n#21028";
    /// Overlapping polls leave out rows of an id and a stamp that were read before: a second edit in the second is lost.
    IdAndStamp = "n8n-29107-id-and-stamp", "n8n-io/n8n#29107";
    /// A field that comes into view does not make old rows be read again.
    NewField = "airbyte-77627-new-field", "airbytehq/airbyte#77627";
    /// Deleted and merged rows are not asked for.
    NoDeletes = "supaglue-489-no-deletes", "supaglue-labs/supaglue#489";
    /// A page that was under way when the session ended counts as read.
    SessionEnds = "airbyte-84302-session-ends", "airbytehq/airbyte#84302";
    /// One pass over a search index that lags, and no second one later.
    OnePass = "estuary-1861-one-pass", "estuary/connectors#1861";
    /// All objects are searched by the same stamp, which contacts do not have: nothing is found, without an error.
    WrongStamp = "airbyte-85019-wrong-stamp", "airbytehq/airbyte#85019";
    /// The recycle bin is not read: archiving moves no stamp.
    NoBin = "airbyte-35017-no-bin", "airbytehq/airbyte#35017";
    /// Relations that changed alone are not looked for: they move no stamp.
    RelationsAlone = "airbyte-44554-relations-alone", "airbytehq/airbyte#44554";
    /// An answer that cannot be read counts as an empty one.
    EmptyIncrement = "dlt-3998-empty-increment", "dlt-hub/dlt#3998";
    /// Records that changed lately and that a read did not bring count as deleted.
    AbsentIsDeleted = "nango-4633-absent-is-deleted", "NangoHQ/nango#4633";
    /// The ids that a survivor of a merge lists are ignored.
    MergeMissed = "airbyte-11179-merge-missed", "airbytehq/airbyte#11179";

    // Who is who.
    /// Records are told apart by their address: one whose address changes becomes another person.
    AddressIsKey = "mautic-4895-address-is-key", "mautic/mautic#4895";
    /// What is there already is not looked for: the first run copies both sides into each other.
    NoMatching = "skyvia-no-matching", "docs.skyvia.com, Synchronization";
    /// What is written goes on going to the lead after it was converted.
    DeadLead = "mautic-6560-dead-lead", "mautic/mautic#6560";
    /// The contact that a conversion made is not known as the person's: another one is made.
    SecondContact = "frappe-2384-second-contact", "frappe/crm#2384";
    /// A deleted record is made anew from the other side.
    Recreated = "mautic-8904-recreated", "mautic/mautic#8904";
    /// A record that is restored after its deletion stays unknown for good.
    NeverAgain = "grouparoo-1685-never-again", "grouparoo/grouparoo#1685";

    // Deciding.
    /// A field that is cleared on one side keeps its value on the other.
    ClearStays = "mautic-6141-clear-stays", "mautic/mautic#6141";
    /// A field that was cleared counts as never filled: the other side's value comes back.
    FilledAgain = "hubspot-unless-blank", "knowledge.hubspot.com, prefer Salesforce unless blank";
    /// A blank on the deciding side empties the other at the first contact.
    BlankWins = "civicrm-183-blank-wins", "veda-consulting-company/uk.co.vedaconsulting.mailchimp#183";
    /// A field that may not be seen counts as empty.
    HiddenIsEmpty = "erpnext-9318-hidden-is-empty", "frappe/erpnext#9318";
    /// Of two records that changed the newer one wins with all of its fields.
    RecordWins = "mulesoft-record-wins", "anypoint.mulesoft.com, bidirectional contact sync";
    /// A value that the vendor spells otherwise on saving counts as changed there.
    FlipFlop = "heroku-flip-flop", "devcenter.heroku.com, Heroku Connect, writing";
    /// A change counts as agreed once it is sent: what fails is not tried again.
    NotRetried = "hubspot-not-retried", "knowledge.hubspot.com, why are my errored syncs not retrying";
    /// A record goes ahead of the one that it belongs to, and is not put under it later.
    Orphan = "espocrm-3499-orphan", "espocrm/espocrm#3499";
    /// A stage without a counterpart becomes the first one that has one.
    FirstStage = "deskcomm-608-first-stage", "melgarafael/DeskcommCRM#608";
    /// What stands for a missing value on one side travels back as a value.
    Unknown = "mautic-4718-unknown", "mautic/mautic#4718";
    /// A point in time becomes the day that it falls on in a zone that is not the account's.
    OtherDay = "apideck-155-other-day", "apideck-libraries/node-sdk#155";
    /// Amounts pass through a binary fraction and are cut off.
    FloatAmount = "ynabber-167-float-amount", "martinohansen/ynabber#167";

    // Writing.
    /// A create whose answer is lost is sent again, without a key by which the vendor could know it.
    BlindRetry = "segment-3459-blind-retry", "segmentio/segment-docs#3459";
    /// What is about to be sent is not written down, and creates carry no key: a crash leaves a second copy.
    SecondCopy = "esp-98-second-copy", "ethereum/esp-website#98";
    /// A row that another transaction holds counts as written.
    LockedRow = "datacite-1461-locked-row", "datacite/datacite#1461";
    /// Rows of a batch that are refused one by one count as written.
    PartialBatch = "corsair-489-partial-batch", "corsairdev/corsair#489";
    /// Calls are not paced, and a refusal for too many of them is not waited out.
    NoPace = "hubspot-256-no-pace", "HubSpot/hubspot-api-nodejs#256";

    // Running.
    /// Where events arrive, nothing is polled any more: an event that is lost is lost for good.
    EventsOnly = "wso2-4768-events-only", "wso2/product-integrator-mi#4768";
    /// A worker that another one replaced goes on writing.
    StalePoller = "n8n-35251-stale-poller", "n8n-io/n8n#35251";
}

#[cfg(feature = "defects")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Defect>> = const { std::cell::Cell::new(None) };
}

/// Plants a defect in everything that this thread does from now on; `None` takes it out.
#[cfg(feature = "defects")]
pub fn plant(defect: Option<Defect>) {
    PLANTED.set(defect);
}

/// Whether this defect is planted in what this thread does.
#[cfg(feature = "defects")]
pub fn planted(defect: Defect) -> bool {
    PLANTED.get() == Some(defect)
}

/// Whether this defect is planted: never, in this build.
#[cfg(not(feature = "defects"))]
#[inline(always)]
pub const fn planted(_: Defect) -> bool {
    false
}

#[cfg(all(test, feature = "defects"))]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn one_is_planted_at_a_time_and_in_this_thread_only() {
        plant(Defect::named("n8n-19377-no-overlap"));
        assert!(planted(Defect::NoOverlap) && !planted(Defect::SameSecond));
        assert!(!std::thread::spawn(|| planted(Defect::NoOverlap)).join().unwrap());
        plant(None);
        assert!(!planted(Defect::NoOverlap));
    }

    #[test]
    fn names_differ_and_begin_with_a_tool() {
        let names: BTreeSet<&str> = Defect::all().iter().map(|defect| defect.name()).collect();
        assert_eq!(names.len(), Defect::all().len());
        for defect in Defect::all() {
            assert!(
                defect.name().contains('-') && !defect.reference().is_empty() && !defect.story().is_empty()
            );
        }
    }
}
