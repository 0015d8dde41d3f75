//! `connect`: from a line of JSON to stored credentials and an account of record (HUB-17).

use crate::{
    capture,
    connections::{self, Connection},
    ctx::Outside,
    error::Error,
    registry::{self, Build},
    schemas,
    secrets::{self, Secret},
    workspace::{self, Workspace},
};
use syncline_model::{Account, ConnectionName, VendorName};
use syncline_store::Batch;

/// What is to be connected.
#[derive(Debug)]
pub struct Connect<'a> {
    /// Under which name.
    pub name: &'a ConnectionName,
    /// Which vendor, where the line does not say.
    pub vendor: Option<VendorName>,
    /// The line: `{"vendor", "url", "credentials"}`; further members are passed over.
    pub line: &'a str,
    /// Whether another account than the one of record is meant.
    pub replace_account: bool,
}

/// What was connected.
#[derive(Debug)]
pub struct Connected {
    /// The vendor.
    pub vendor: VendorName,
    /// The account.
    pub account: Account,
    /// Whether it replaces another account: everything is read anew.
    pub replaced: bool,
    /// Whether the configuration did not have the connection.
    pub added: bool,
}

/// Checks the credentials at the vendor, stores them encrypted and writes the account into the configuration.
///
/// # Errors
/// [`Error::ConnectLine`], [`Error::UnknownVendor`], [`Error::OtherVendor`], [`Error::OtherAccount`],
/// [`Error::Vendor`], the key's, [`Error::Store`], [`Error::File`]. Nothing is stored where there is one.
pub async fn connect(
    workspace: &Workspace,
    outside: &Outside,
    build: &Build,
    connect: Connect<'_>,
) -> Result<Connected, Error> {
    let name = connect.name;
    let secret = read_line(connect.line, connect.vendor)?;
    registry::known(&secret.vendor)?;
    let configured = workspace.config.connections.get(name);
    if let Some(configured) = configured.filter(|configured| configured.vendor != secret.vendor) {
        let (configured, given) = (configured.vendor.clone(), secret.vendor);
        return Err(Error::OtherVendor { connection: name.clone(), configured, given });
    }
    let key = workspace.key()?;
    let store = &*workspace.store;
    let stored = connections::load_account(store, name).await?;
    let before = stored.map(|checked| checked.account.id.to_string());
    let before = configured.and_then(|configured| configured.account.clone()).or(before);

    let connection = Connection::build(name, secret.clone(), workspace.daily_share(), outside, build)?;
    let account = connection.ask_account(before.as_deref().filter(|_| !connect.replace_account)).await?;
    let replaced = before.is_some_and(|before| before != *account.id);

    let mut batch = Batch::at(outside.clock.now());
    if !connection.keep_credentials(key, outside, &mut batch)? {
        secrets::put(&mut batch, key, &outside.entropy, name, &secret)?;
    }
    connections::put_account(&mut batch, name, &account);
    if replaced {
        capture::forget_cursor(&mut batch, name);
        schemas::forget(store, name, &mut batch).await?;
    }
    store.commit(batch).await?;
    workspace::set_account(&workspace.dir, name, &secret.vendor, &account.id)?;
    Ok(Connected { vendor: secret.vendor, account, replaced, added: configured.is_none() })
}

fn read_line(line: &str, vendor: Option<VendorName>) -> Result<Secret, Error> {
    // What serde says may quote the input, and the input is a secret: only the place is repeated.
    let malformed = |error: serde_json::Error| Error::ConnectLine {
        why: format!(
            "it is not one JSON object with what is expected (line {}, column {})",
            error.line(),
            error.column()
        ),
    };
    let mut json: serde_json::Value = serde_json::from_str(line.trim()).map_err(malformed)?;
    let Some(object) = json.as_object_mut() else {
        return Err(Error::ConnectLine { why: "it is no JSON object".to_owned() });
    };
    match (object.get("vendor").and_then(|vendor| vendor.as_str()), vendor) {
        (Some(given), Some(asked)) if given != asked.as_str() => {
            return Err(Error::ConnectLine { why: format!("it is for {given}, and --vendor says {asked}") });
        }
        (Some(_), _) => {}
        (None, Some(asked)) => {
            object.insert("vendor".to_owned(), asked.as_str().into());
        }
        (None, None) => {
            return Err(Error::ConnectLine {
                why: "it names no vendor, and --vendor is not given".to_owned(),
            });
        }
    }
    if !object.get("credentials").is_some_and(serde_json::Value::is_object) {
        return Err(Error::ConnectLine { why: "it has no object `credentials`".to_owned() });
    }
    serde_json::from_value(json).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_line_is_taken_as_it_is() {
        let line =
            r#"{"vendor":"hubspot","url":"http://127.0.0.1:1","credentials":{"access_token":"t"},"ca":"/x"}"#;
        let secret = read_line(&format!("{line}\n"), None).unwrap();
        assert_eq!((secret.vendor.as_str(), secret.url.as_deref()), ("hubspot", Some("http://127.0.0.1:1")));
        let bare = read_line(r#"{"credentials":{"access_token":"t"}}"#, Some("hubspot".into())).unwrap();
        assert_eq!(bare.vendor.as_str(), "hubspot");
    }

    #[test]
    fn other_lines_are_refused_without_repeating_them() {
        for line in [
            "",
            "secret-token",
            "[]",
            r#"{"vendor":"hubspot"}"#,
            r#"{"vendor":"hubspot","credentials":"secret-token"}"#,
            r#"{"credentials":{}}"#,
            r#"{"vendor":"hubspot","url":{"secret-token":1},"credentials":{}}"#,
        ] {
            let error = read_line(line, None).unwrap_err();
            assert!(matches!(error, Error::ConnectLine { .. }), "{line}");
            assert!(!error.to_string().contains("secret-token"), "{error}");
        }
        assert!(read_line(r#"{"vendor":"hubspot","credentials":{}}"#, Some("salesforce".into())).is_err());
    }
}
