//! What a story tells beside what happened: how records stand after each run, as `explain` says.

use crate::{
    player::Player,
    world::{Broken, finish},
};
use syncline_engine::explain::{self, EntityExplained, Explanation};

impl Player<'_> {
    /// Tells it of the records that were asked for. It is no part of the event log: a seed has one trace, however it is told.
    pub(crate) fn tell_explained(&self) -> Result<(), Broken> {
        let Some(ctx) = &self.world.ctx else { return Ok(()) };
        for record in &self.explained {
            let explained = finish("explain", explain::explain(ctx, record))?
                .map_err(|error| Broken::new("explain", error))?;
            for line in lines(&explained) {
                self.world.net.tell_line(line);
            }
        }
        Ok(())
    }
}

fn lines(explained: &Explanation) -> Vec<String> {
    let stored = explained.stored.as_ref().map_or("nothing known".to_owned(), |stored| {
        let modified = stored.modified.map_or("no stamp".to_owned(), |at| at.to_string());
        let waits = if stored.unidentified { ", not identified yet" } else { "" };
        format!("{:?}, {modified}{waits}", stored.state)
    });
    let mut lines = vec![format!("    {}: {stored}", explained.record)];
    for entity in &explained.entities {
        lines.extend(of_entity(entity));
    }
    lines
}

fn of_entity(entity: &EntityExplained) -> Vec<String> {
    let mut lines = vec![format!("      {} {} is {}", entity.kind, entity.entity, entity.status.name)];
    for link in &entity.links {
        let agreed = if link.agreed { "agreed" } else { "nothing agreed" };
        lines.push(format!("        {} {:?} by {:?}, {agreed}", link.record, link.state, link.evidence));
    }
    for held in &entity.held {
        let what = held.held.attribute.as_ref().map_or("*", |name| name.as_str());
        lines.push(format!("        waits: {what} {} {}", held.code, held.text));
    }
    for operation in &entity.operations {
        lines.push(format!("        due at {}: {:?}", operation.connection, operation.action));
    }
    for derivation in entity.derivations.iter().filter(|derivation| derivation.case.is_some()) {
        let case = derivation.case.map(|case| format!("{case:?}")).unwrap_or_default();
        let seen: Vec<String> = derivation
            .sides
            .iter()
            .map(|side| format!("{} {} {:?} (agreed {:?})", side.record, side.stand, side.now, side.base))
            .collect();
        lines.push(format!("        {}: {case}: {}", derivation.attribute, seen.join("; ")));
    }
    lines
}
