//! What may be created where: the model's rules (CRM-14), and what is declared instead.

use super::Compiler;
use crate::{
    config::{CreateChoice, Keys, KindConfig, Place, Problem, problem::codes},
    mapping::{ConnectionModel, CreateAllowed, CreateRule, Edge, ModelChoice},
};
use std::collections::BTreeMap;
use syncline_model::{ConnectionName, EdgeName, Kind, ObjectName};

impl Compiler<'_> {
    pub(super) fn create(
        &mut self,
        kind: Kind,
        config: &KindConfig,
        edges: &[Edge],
    ) -> BTreeMap<ConnectionName, CreateRule> {
        let mut rules = BTreeMap::new();
        for (connection, objects) in &config.records {
            self.one_of_is_said(kind, config, connection, objects);
            let (choice, at) = match config.create.get(connection) {
                Some((choice, at)) => (choice.clone(), at),
                None => (self.by_model(kind, config, connection, objects), &config.at),
            };
            let allowed = self.allowed(&choice, config, connection, objects, edges, at);
            rules.insert(connection.clone(), CreateRule { allowed });
        }
        rules
    }

    /// Without `one_of` the model could not tell leads from contacts, and would let accounts be born anywhere.
    fn one_of_is_said(
        &mut self,
        kind: Kind,
        config: &KindConfig,
        connection: &ConnectionName,
        objects: &[ObjectName],
    ) {
        if kind == Kind::Person && objects.len() > 1 && !config.one_of.contains_key(connection) {
            let objects: Vec<String> = objects.iter().map(|object| format!("\"{object}\"")).collect();
            self.errors.push(Problem::error(
                codes::MISSING_KEY,
                &config.at,
                format!(
                    "a person has several objects on {connection}, and `one_of` does not say how they relate"
                ),
                format!(
                    "add `one_of = {{ {connection} = [{}] }}`, the one before conversion first",
                    objects.join(", ")
                ),
            ));
        }
    }

    fn by_model(
        &self,
        kind: Kind,
        config: &KindConfig,
        connection: &ConnectionName,
        objects: &[ObjectName],
    ) -> CreateChoice {
        let Some(first) = objects.first() else { return CreateChoice::Never };
        let contact = config.one_of.get(connection).and_then(|objects| objects.last()).unwrap_or(first);
        let with_leads = self.config.model == ModelChoice::LeadsAndContacts && self.has_leads(connection);
        match (kind, with_leads) {
            (Kind::User, _) => CreateChoice::Never,
            (Kind::Organisation, true) => CreateChoice::Never,
            (Kind::Person, true) => CreateChoice::LeadOrContact,
            (Kind::Deal, true) => CreateChoice::AfterParent,
            (Kind::Organisation | Kind::Person | Kind::Deal, false) => CreateChoice::As(contact.clone()),
        }
    }

    /// Whether people are leads xor contacts on a connection. Accounts are born there, at conversion.
    fn has_leads(&self, connection: &ConnectionName) -> bool {
        let person = self.config.kinds.get(&Kind::Person);
        person.and_then(|person| person.one_of.get(connection)).is_some_and(|objects| objects.len() > 1)
    }

    fn allowed(
        &mut self,
        choice: &CreateChoice,
        config: &KindConfig,
        connection: &ConnectionName,
        objects: &[ObjectName],
        edges: &[Edge],
        at: &Place,
    ) -> CreateAllowed {
        let edge = edges.iter().find(|edge| edge.to == Kind::Organisation).map(|edge| edge.name.clone());
        match choice {
            CreateChoice::Never => CreateAllowed::Never,
            CreateChoice::As(object) => CreateAllowed::As(object.clone()),
            CreateChoice::LeadOrContact => match (config.one_of.get(connection).map(Vec::as_slice), edge) {
                (Some([lead, contact, ..]), Some(edge)) => {
                    CreateAllowed::LeadOrContact { lead: lead.clone(), contact: contact.clone(), edge }
                }
                (_, edge) => self.leads_nowhere("lead_or_contact", connection, edge, at),
            },
            CreateChoice::AfterParent => match (objects.first(), edge) {
                (Some(object), Some(edge)) => CreateAllowed::AfterParent { object: object.clone(), edge },
                (_, edge) => self.leads_nowhere("after_parent", connection, edge, at),
            },
        }
    }

    fn leads_nowhere(
        &mut self,
        choice: &str,
        connection: &ConnectionName,
        edge: Option<EdgeName>,
        at: &Place,
    ) -> CreateAllowed {
        let missing = match edge {
            None => "an edge to the kind organisation".to_owned(),
            Some(_) => format!("`one_of = {{ {connection} = [\"Lead\", \"Contact\"] }}`"),
        };
        self.errors.push(Problem::error(
            codes::MISSING_KEY,
            at,
            format!("creating as `{choice}` on {connection} needs {missing}"),
            format!("add it, or declare `create = {{ {connection} = \"never\" }}`"),
        ));
        CreateAllowed::Never
    }

    /// Warns of objects that are created without a key that the vendor enforces.
    pub(super) fn keys_are_there(
        &mut self,
        kind: Kind,
        config: &KindConfig,
        create: &BTreeMap<ConnectionName, CreateRule>,
        connections: &BTreeMap<ConnectionName, ConnectionModel>,
    ) {
        for (connection, rule) in create {
            let (Some(model), Some(declared)) =
                (connections.get(connection), self.config.connections.get(connection))
            else {
                continue;
            };
            let objects = match &rule.allowed {
                CreateAllowed::Never => Vec::new(),
                CreateAllowed::As(object) | CreateAllowed::AfterParent { object, .. } => vec![object],
                CreateAllowed::LeadOrContact { lead, contact, .. } => vec![lead, contact],
            };
            for object in objects {
                let keyless = self.object(connection, object).is_some()
                    && declared.keys(object) == Keys::Planted
                    && !model.key_fields.contains_key(object);
                if keyless {
                    self.warnings.push(Problem::warning(
                        codes::NO_KEY_FIELD,
                        &config.at,
                        format!(
                            "{connection}'s {object} has no unique field for our key, so each new {kind} is created \
                             without one and an unknown outcome waits for a person"
                        ),
                        format!("run `syncline setup {connection} --plan`, or declare `keys = \"none\"`"),
                    ));
                }
            }
        }
    }
}
