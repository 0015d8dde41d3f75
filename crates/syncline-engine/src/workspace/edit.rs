//! The one change that the program makes to a configuration: the account of a connection. Comments, order and spacing of
//! the file stay as they are.

use super::{CONFIG, ConfigFiles, file_error};
use crate::error::Error;
use std::{io::Write, path::Path};
use syncline_model::{ConnectionName, VendorName};
use toml_edit::{DocumentMut, Item, Table, value};

/// Writes the account of a connection into the file that holds the connection; a connection that none holds is added to
/// the main one. A file that says so already is left alone.
///
/// # Errors
/// [`Error::File`]; [`Error::Config`] where a file is not TOML.
pub fn set_account(
    dir: &Path,
    connection: &ConnectionName,
    vendor: &VendorName,
    account: &str,
) -> Result<(), Error> {
    let files = ConfigFiles::read(dir)?.files;
    let holds = |text: &str| parse(CONFIG, text).is_ok_and(|file| entry(&file, connection).is_some());
    let (name, text) = files
        .iter()
        .find(|(_, text)| holds(text))
        .or_else(|| files.first())
        .ok_or_else(|| Error::NotInitialised { dir: dir.to_owned() })?;
    let mut file = parse(name, text)?;
    set(&mut file, connection, vendor, account);
    let edited = file.to_string();
    if edited == *text { Ok(()) } else { replace(&dir.join(name), &edited) }
}

fn parse(name: &str, text: &str) -> Result<DocumentMut, Error> {
    text.parse().map_err(|error| Error::Config { problems: vec![format!("{name}: {error}")] })
}

fn entry<'a>(file: &'a DocumentMut, connection: &ConnectionName) -> Option<&'a Item> {
    file.get("connection")?.get(connection.as_str())
}

fn set(file: &mut DocumentMut, connection: &ConnectionName, vendor: &VendorName, account: &str) {
    let connections = file.entry("connection").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let Some(connections) = connections.as_table_like_mut() else { return };
    if connections.get(connection.as_str()).is_none() {
        let mut table = Table::new();
        table.insert("vendor", value(vendor.as_str()));
        connections.insert(connection.as_str(), Item::Table(table));
    }
    let Some(table) = connections.get_mut(connection.as_str()).and_then(Item::as_table_like_mut) else {
        return;
    };
    match table.get_mut("account").and_then(Item::as_value_mut) {
        Some(present) if present.as_str() == Some(account) => {}
        Some(present) => {
            let decor = present.decor().clone();
            *present = account.into();
            *present.decor_mut() = decor;
        }
        None => {
            table.insert("account", value(account));
        }
    }
}

/// Replaces a file whole: a crash leaves the old or the new one.
fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |error: &std::io::Error| file_error(path, "written", error);
    let beside = path.with_extension("toml.new");
    let write = || {
        let mut file = std::fs::File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::set_permissions(&beside, std::fs::metadata(path)?.permissions())?;
        std::fs::rename(&beside, path)
    };
    write().map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str, connection: &str) -> String {
        let mut file = parse("x", text).unwrap();
        set(&mut file, &connection.into(), &"hubspot".into(), "42");
        file.to_string()
    }

    #[test]
    fn the_account_is_added_or_replaced_and_the_rest_stays() {
        let text = "# ours\n[connection.hubspot] # here\nvendor = \"hubspot\"\n\n[guard]\n";
        assert_eq!(
            edited(text, "hubspot"),
            "# ours\n[connection.hubspot] # here\nvendor = \"hubspot\"\naccount = \"42\"\n\n[guard]\n"
        );
        let text = "[connection.hubspot]\naccount = \"7\" # old\nvendor = \"hubspot\"\n";
        assert_eq!(edited(text, "hubspot"), text.replace("\"7\"", "\"42\""));
        let text = "connection.hubspot = { vendor = \"hubspot\", account = \"42\" }\n";
        assert_eq!(edited(text, "hubspot"), text);
    }

    #[test]
    fn a_connection_that_is_not_there_is_added() {
        assert_eq!(
            edited("format = 1\n", "hubspot.emea"),
            "format = 1\n\n[connection.\"hubspot.emea\"]\nvendor = \"hubspot\"\naccount = \"42\"\n"
        );
    }
}
