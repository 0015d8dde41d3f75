//! Values that HubSpot fills in or computes itself.

use super::kind::Kind;
use super::portal::{Act, Portal};
use super::registry::Prop;
use super::stamp::{self, DAY_MS};
use super::table::{Slot, Source};
use rust_decimal::Decimal;

type Changes = Vec<(Prop, Option<String>)>;

struct Out<'a> {
    portal: &'a Portal,
    kind: Kind,
    changes: Changes,
}

impl Out<'_> {
    fn set(&mut self, name: &str, value: Option<String>) {
        if let Some(prop) = self.portal.table(self.kind).registry.any(name) {
            self.changes.push((prop, value));
        }
    }
}

/// Values of a new record that the caller may override.
pub(super) fn defaults(portal: &Portal, kind: Kind, act: &Act) -> Changes {
    let mut out = Out { portal, kind, changes: Vec::new() };
    let source = match act.source {
        Source::Calculated | Source::Automation | Source::Merge => "INTERNAL_PROCESSING",
        Source::Integration | Source::Person | Source::Import => act.source.name(),
    };
    out.set("hs_object_source", Some(source.to_owned()));
    out.set("hs_object_source_id", Some(act.source_id()));
    out.set("hs_object_source_label", Some(source.to_owned()));
    if kind == Kind::Contacts {
        out.set("lifecyclestage", Some("lead".to_owned()));
    }
    out.changes
}

/// Values of a new record that depend on its id.
pub(super) fn birth(portal: &Portal, kind: Kind, slot: Slot, _act: &Act) -> Changes {
    let mut out = Out { portal, kind, changes: Vec::new() };
    if kind == Kind::Contacts {
        out.set("hs_all_contact_vids", Some(portal.id_of((kind, slot)).to_string()));
        out.set("hs_is_contact", Some("true".to_owned()));
        out.set("hs_is_unworked", Some("true".to_owned()));
        out.set("hs_pipeline", Some("contacts-lifecycle-pipeline".to_owned()));
    }
    out.changes
}

/// Values that follow from others.
pub(super) fn derived(portal: &Portal, kind: Kind, slot: Slot, act: &Act) -> Changes {
    let mut out = Out { portal, kind, changes: Vec::new() };
    let text = |name: &str| portal.text(kind, slot, name);
    if kind != Kind::Deals
        && let Some(stage) = text("lifecyclestage")
    {
        let stamp = format!("hs_lifecyclestage_{stage}_date");
        if text(&stamp).is_none() {
            out.set(&stamp, Some(stamp::text(act.now)));
        }
    }
    if kind == Kind::Contacts {
        let domain =
            text("email").and_then(|email| email.split_once('@').map(|(_, domain)| domain.to_owned()));
        out.set("hs_email_domain", domain);
        let digits = |phone: String| phone.chars().filter(char::is_ascii_digit).collect::<String>();
        let phone =
            text("phone").or_else(|| text("mobilephone")).map(digits).filter(|digits| !digits.is_empty());
        out.set("hs_searchable_calculated_phone_number", phone);
    }
    if kind == Kind::Deals {
        deal(&mut out, slot, act);
    }
    out.changes
}

fn deal(out: &mut Out<'_>, slot: Slot, act: &Act) {
    let portal = out.portal;
    let text = |name: &str| portal.text(Kind::Deals, slot, name);
    let stage = text("pipeline")
        .and_then(|pipeline| portal.pipeline(&pipeline))
        .and_then(|pipeline| pipeline.stage(&text("dealstage")?));
    let Some(stage) = stage else { return };
    let probability = stage.probability();
    let closed = stage.is_closed();
    let won = closed && probability == Decimal::ONE;
    out.set("hs_deal_stage_probability", Some(probability.normalize().to_string()));
    out.set("hs_is_closed", Some(closed.to_string()));
    out.set("hs_is_closed_won", Some(won.to_string()));
    out.set("hs_is_closed_lost", Some((closed && !won).to_string()));
    let mut closedate = text("closedate");
    let closing = closed && text("hs_is_closed").as_deref() != Some("true");
    if closing && closedate.is_none() {
        closedate = Some(stamp::text(act.now));
        out.set("closedate", closedate.clone());
    }
    let amount = text("amount").and_then(|amount| amount.parse::<Decimal>().ok());
    let rate = text("deal_currency_code").map_or(Some(Decimal::ONE), |code| portal.currencies.rate(&code));
    let print = |value: Option<Decimal>| value.map(|value| value.normalize().to_string());
    let times = |factor: Decimal| amount.and_then(|amount| amount.checked_mul(factor));
    out.set("hs_projected_amount", print(times(probability)));
    out.set("hs_closed_amount", print(if won { amount } else { Some(Decimal::ZERO) }));
    out.set("amount_in_home_currency", print(rate.and_then(times)));
    let created = portal.table(Kind::Deals).row(slot).map_or(act.now, |row| row.created);
    let days = closedate
        .filter(|_| closed)
        .and_then(|text| stamp::parse(&text))
        .map(|end| ((end - created).max(0) / DAY_MS).to_string());
    out.set("days_to_close", days);
}
