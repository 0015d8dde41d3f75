//! Builds the schema from the standard table and adds custom fields.

use super::standard::OBJECTS;
use super::{Choice, Field, MAX_SLOTS, Object, Schema, Source, System, Type};
use crate::sandbox::ids::Obj;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A custom field as an administrator or a seed header asks for it.
#[derive(Debug, Clone)]
pub(crate) struct Custom {
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) len: u32,
    pub(crate) scale: u8,
    pub(crate) external_id: bool,
    pub(crate) unique: bool,
    pub(crate) required: bool,
    pub(crate) target: Option<Obj>,
    pub(crate) choices: Vec<String>,
    pub(crate) restricted: bool,
}

impl Schema {
    /// The objects of a new org.
    pub(crate) fn standard() -> Self {
        let by_name: BTreeMap<String, Obj> =
            OBJECTS.iter().enumerate().map(|(i, o)| (o.name.to_ascii_lowercase(), i as Obj)).collect();
        let mut objects = Vec::new();
        for standard in OBJECTS {
            let mut prefix = [0; 3];
            prefix.copy_from_slice(standard.prefix.as_bytes());
            let mut object = empty(standard.name, standard.plural, prefix);
            object.createable = standard.can.contains('c');
            object.updateable = standard.can.contains('u');
            object.deletable = standard.can.contains('d');
            system_fields(&mut object, by_name.get("user").copied().unwrap_or_default());
            for line in standard.fields.lines().filter(|line| !line.is_empty()) {
                match line.strip_prefix("@address") {
                    Some(prefix) => address(&mut object, prefix.trim()),
                    None => add(&mut object, parse(line, &by_name)),
                }
            }
            objects.push(object);
        }
        Self { objects, by_name, changes: 0 }
    }

    /// Adds a custom field. `Err`: why not.
    pub(crate) fn add_custom(&mut self, obj: Obj, custom: Custom) -> Result<usize, String> {
        let object = self.get_mut(obj);
        if !custom.name.ends_with("__c") {
            return Err(format!("{}: the name of a custom field ends in __c", custom.name));
        }
        if object.find(&custom.name).is_some() {
            return Err(format!("{} already has a field {}", object.name, custom.name));
        }
        if object.slots >= MAX_SLOTS {
            return Err(format!("{} already has {MAX_SLOTS} stored fields", object.name));
        }
        let bare = custom.name.trim_end_matches("__c").to_owned();
        let mut field = blank(&custom.name, custom.ty);
        field.label = bare.replace('_', " ");
        field.len = custom.len;
        field.scale = custom.scale;
        field.custom = true;
        field.external_id = custom.external_id;
        field.unique = custom.unique;
        field.indexed =
            custom.external_id || custom.unique || custom.ty == Type::Reference || custom.ty == Type::Email;
        field.nillable = !custom.required && custom.ty != Type::Bool;
        field.defaulted = custom.ty == Type::Bool;
        field.long = custom.ty == Type::Area && custom.len > 255;
        field.restricted = custom.restricted;
        field.choices = custom.choices.into_iter().map(choice).collect();
        if let Some(target) = custom.target {
            field.targets = vec![target];
            field.relation = Some(format!("{bare}__r"));
            field.child = Some(format!("{}s__r", object.name.trim_end_matches("__c")));
        }
        add(object, field);
        Ok(object.fields.len() - 1)
    }

    /// Adds a custom object with a text Name.
    pub(crate) fn add_object(&mut self, name: &str) -> Result<Obj, String> {
        if !name.ends_with("__c") || self.find(name).is_some() {
            return Err(format!("{name}: a custom object's name ends in __c and is not taken"));
        }
        let number = self.objects.iter().filter(|o| o.custom).count();
        let prefix = [b'a', b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8];
        let label = name.trim_end_matches("__c").replace('_', " ");
        let mut object = empty(name, &format!("{label}s"), prefix);
        (object.createable, object.updateable, object.deletable, object.custom) = (true, true, true, true);
        let user = self.find("User").unwrap_or_default();
        system_fields(&mut object, user);
        let mut field = blank("Name", Type::Text);
        (field.len, field.name_field, field.indexed, field.defaulted) = (80, true, true, true);
        add(&mut object, field);
        let mut owner = blank("OwnerId", Type::Reference);
        owner.targets = vec![user, self.find("Group").unwrap_or_default()];
        owner.relation = Some("Owner".into());
        (owner.nillable, owner.defaulted, owner.indexed, owner.len) = (false, true, true, 18);
        add(&mut object, owner);
        let obj = self.objects.len() as Obj;
        self.by_name.insert(name.to_ascii_lowercase(), obj);
        self.objects.push(object);
        self.changes += 1;
        Ok(obj)
    }

    /// What an org of several currencies has beside others: the object CurrencyType and, on records with amounts, a code
    /// [doc: sforce_api_objects_currencytype, research §5]. The first code is the corporate currency's.
    pub(crate) fn add_currencies(&mut self, codes: &[String]) -> Result<Obj, String> {
        if codes.is_empty() || self.find("CurrencyType").is_some() {
            return Err("codes are missing, or the org has several currencies already".to_owned());
        }
        for name in ["Account", "Contact", "Lead", "Opportunity"] {
            let Some(obj) = self.find(name) else { continue };
            let mut field = parse("CurrencyIsoCode pick ! d", &BTreeMap::new());
            field.restricted = true;
            field.choices = codes.iter().map(choice).collect();
            if let Some(first) = field.choices.first_mut() {
                first.default = true;
            }
            add(self.get_mut(obj), field);
        }
        let mut object = empty("CurrencyType", "Currency Types", *b"01L");
        system_fields(&mut object, self.find("User").unwrap_or_default());
        for line in ["IsoCode text3 !", "IsCorporate bool ! d", "IsActive bool ! d", "ConversionRate dec6 !"]
        {
            add(&mut object, parse(line, &BTreeMap::new()));
        }
        let obj = self.objects.len() as Obj;
        self.by_name.insert("currencytype".to_owned(), obj);
        self.objects.push(object);
        self.changes += 1;
        Ok(obj)
    }
}

fn empty(name: &str, plural: &str, prefix: [u8; 3]) -> Object {
    Object {
        name: Arc::from(name),
        label: spaced(name.trim_end_matches("__c").trim_end_matches('2')),
        plural: plural.to_owned(),
        prefix,
        createable: false,
        updateable: false,
        deletable: false,
        custom: false,
        fields: Vec::new(),
        by_name: BTreeMap::new(),
        slots: 0,
        changed_at: 0,
    }
}

pub(crate) fn choice(value: impl Into<String>) -> Choice {
    Choice { value: value.into(), active: true, default: false }
}

fn blank(name: &str, ty: Type) -> Field {
    Field {
        name: Arc::from(name),
        label: spaced(name),
        ty,
        len: 0,
        scale: 0,
        source: Source::Slot(0),
        nillable: true,
        createable: true,
        updateable: true,
        defaulted: false,
        custom: false,
        external_id: false,
        unique: false,
        name_field: false,
        cascade: false,
        indexed: false,
        long: false,
        targets: Vec::new(),
        relation: None,
        child: None,
        choices: Vec::new(),
        restricted: false,
        hidden: false,
        locked: false,
        removed: false,
        compound: None,
    }
}

fn system_fields(object: &mut Object, user: Obj) {
    let all = [
        ("Id", Type::Id, System::Id),
        ("IsDeleted", Type::Bool, System::IsDeleted),
        ("CreatedDate", Type::Time, System::CreatedDate),
        ("CreatedById", Type::Reference, System::CreatedById),
        ("LastModifiedDate", Type::Time, System::LastModifiedDate),
        ("LastModifiedById", Type::Reference, System::LastModifiedById),
        ("SystemModstamp", Type::Time, System::Modstamp),
    ];
    for (name, ty, system) in all {
        let mut field = blank(name, ty);
        field.source = Source::System(system);
        (field.nillable, field.createable, field.updateable, field.defaulted) = (false, false, false, true);
        if ty == Type::Reference {
            field.targets = vec![user];
            field.relation = Some(name.trim_end_matches("Id").to_owned());
        }
        if matches!(ty, Type::Reference | Type::Id) {
            field.len = 18;
        }
        add(object, field);
    }
}

fn add(object: &mut Object, mut field: Field) {
    if let Source::Slot(slot) = &mut field.source {
        *slot = object.slots as u8;
        object.slots += 1;
    }
    object.by_name.insert(field.name.to_ascii_lowercase(), object.fields.len());
    object.by_name.insert(field.name.to_string(), object.fields.len());
    object.fields.push(field);
}

fn address(object: &mut Object, prefix: &str) {
    let first = object.fields.len();
    let compound = format!("{prefix}Address");
    let parts: [(&str, Type, u32, u8); 8] = [
        ("Street", Type::Area, 255, 0),
        ("City", Type::Text, 40, 0),
        ("State", Type::Text, 80, 0),
        ("PostalCode", Type::Text, 20, 0),
        ("Country", Type::Text, 80, 0),
        ("Latitude", Type::Double, 0, 15),
        ("Longitude", Type::Double, 0, 15),
        ("GeocodeAccuracy", Type::Pick, 40, 0),
    ];
    for (part, ty, len, scale) in parts {
        let mut field = blank(&format!("{prefix}{part}"), ty);
        (field.len, field.scale, field.compound) = (len, scale, Some(compound.clone()));
        add(object, field);
    }
    let mut field = blank(&compound, Type::Address);
    field.source = Source::Address(first);
    (field.createable, field.updateable) = (false, false);
    add(object, field);
}

fn parse(line: &str, objects: &BTreeMap<String, Obj>) -> Field {
    let (head, options) = line.split_once(" = ").unwrap_or((line, ""));
    let mut words = head.split_whitespace();
    let name = words.next().unwrap_or_default();
    let kind = words.next().unwrap_or_default();
    let letters = kind.trim_end_matches(|c: char| c.is_ascii_digit());
    let size: u32 = kind[letters.len()..].parse().unwrap_or(0);
    let (ty, len, scale) = match letters {
        "text" => (Type::Text, size, 0),
        "area" | "long" => (Type::Area, size, 0),
        "email" => (Type::Email, 80, 0),
        "phone" => (Type::Phone, 40, 0),
        "url" => (Type::Url, 255, 0),
        "pick" => (Type::Pick, 255, 0),
        "multi" => (Type::Multi, 4099, 0),
        "bool" => (Type::Bool, 0, 0),
        "int" => (Type::Int, 0, 0),
        "dec" => (Type::Double, 0, size as u8),
        "money" => (Type::Money, 0, 2),
        "percent" => (Type::Percent, 0, 0),
        "date" => (Type::Date, 0, 0),
        "time" => (Type::Time, 0, 0),
        _ => (Type::Reference, 18, 0),
    };
    let mut field = blank(name, ty);
    (field.len, field.scale, field.long) = (len, scale, letters == "long");
    if let Some(targets) = kind.strip_prefix("ref:") {
        field.targets =
            targets.split(',').filter_map(|t| objects.get(&t.to_ascii_lowercase()).copied()).collect();
        field.label = field.label.replace(" Id", " ID");
        field.indexed = true;
    }
    field.choices = options.split('|').filter(|o| !o.is_empty()).map(choice).collect();
    for word in words {
        match word.split_once('=') {
            Some(("rel", relation)) => field.relation = Some(relation.to_owned()),
            Some(("child", child)) => field.child = Some(child.to_owned()),
            _ => match word {
                "!" => field.nillable = false,
                "r" => (field.createable, field.updateable, field.defaulted) = (false, false, true),
                "c" => field.updateable = false,
                "d" => field.defaulted = true,
                "n" => field.name_field = true,
                "i" => field.indexed = true,
                "u" => field.unique = true,
                _ => field.cascade = true,
            },
        }
    }
    field
}

/// `BillingCity` → `Billing City`.
fn spaced(name: &str) -> String {
    let mut label = String::new();
    let mut last_lower = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && last_lower {
            label.push(' ');
        }
        last_lower = c.is_ascii_lowercase();
        label.push(c);
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_table_reads_as_meant() {
        let schema = Schema::standard();
        let contact = schema.get(schema.find("contact").unwrap());
        let email = contact.field("EMAIL").unwrap();
        assert_eq!((email.ty, email.len, email.indexed), (Type::Email, 80, true));
        let account = contact.field("AccountId").unwrap();
        assert_eq!(account.targets, [schema.find("Account").unwrap()]);
        assert_eq!(
            (account.child.as_deref(), account.cascade, account.nillable),
            (Some("Contacts"), true, true)
        );
        assert_eq!(contact.field("MailingCity").unwrap().label, "Mailing City");
        assert!(!contact.field("Name").unwrap().createable);
        let lead = schema.get(schema.find("Lead").unwrap());
        assert_eq!(lead.field("OwnerId").unwrap().targets.len(), 2);
        assert!(schema.objects.iter().all(|o| o.slots < MAX_SLOTS - 30), "room for custom fields");
    }
}
