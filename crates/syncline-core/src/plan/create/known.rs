//! Whether all that would tell an entity's counterpart could be seen: hidden is not empty, for matching as for merging.

use super::super::Draftsman;
use crate::{
    identify::{KeySight, hidden_at, is_bound, key_sight},
    mapping::{KeySource, MatchRule},
};
use std::sync::Arc;
use syncline_model::{ConnectionName, FieldName, ObjectName, plan::HeldReason};

/// A field that may not be seen, and whose it is.
type Hidden = (ConnectionName, ObjectName, FieldName);

impl Draftsman<'_> {
    /// Lists a create of which nobody can tell whether it would make a record twice, as a matching key is hidden on one of the two
    /// sides; says whether that is so.
    pub(super) fn hold_hidden_key(&mut self, connection: &ConnectionName) -> bool {
        let Some((key, (hidden_at, object, field))) = self.hidden_key(connection) else { return false };
        let wake = vec![format!("schema:{hidden_at}/{object}"), "config".to_owned()];
        let reason = HeldReason::KeyHidden { key, hidden_at, object, field };
        self.hold(None, connection, reason, wake);
        true
    }

    fn hidden_key(&self, to: &ConnectionName) -> Option<(Arc<str>, Hidden)> {
        self.model.match_keys.iter().find_map(|rule| match rule {
            // What nobody may see of these is no reason to wait: an entity that lacks them is told by its attributes.
            MatchRule::Planted | MatchRule::NativeConnector { .. } => None,
            MatchRule::Attribute { key, from } => Some((Arc::clone(key), self.hidden_of(from, to)?)),
        })
    }

    /// What hides a key of this entity from a look for its counterpart.
    fn hidden_of(&self, from: &KeySource, to: &ConnectionName) -> Option<Hidden> {
        let mut hidden = None;
        let mut shown = false;
        for side in &self.sides {
            match key_sight(self.context.mapping, self.model, from, side.snapshot) {
                KeySight::Shown => shown = true,
                KeySight::Blank => {}
                KeySight::Hidden(field) => {
                    let record = side.record;
                    hidden.get_or_insert((record.connection.clone(), record.object.clone(), field));
                }
            }
        }
        let mut objects = self.model.objects.get(to).into_iter().flatten();
        if !shown {
            // A key that nobody has there makes no pair, whatever it is.
            return hidden.filter(|_| objects.any(|object| is_bound(self.model, from, to, object)));
        }
        objects
            .find_map(|object| Some((to.clone(), object.clone(), hidden_at(self.model, from, to, object)?)))
    }
}
