//! What can go wrong around a workspace and its connections, with stable codes (`docs/errors.md`) and what to do next.

use std::path::PathBuf;
use syncline_kit::vendor::VendorError;
use syncline_model::{ConnectionName, VendorName, error::Code};
use syncline_store::StoreError;

/// A problem that ends a command.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The directory is not there.
    #[error("the directory {} does not exist", .dir.display())]
    NoDirectory {
        /// Which.
        dir: PathBuf,
    },
    /// The directory is there and is no workspace.
    #[error("{} is no workspace: it has no syncline.toml", .dir.display())]
    NotInitialised {
        /// Which.
        dir: PathBuf,
    },
    /// `init` found a workspace already.
    #[error("{} exists already; nothing was changed", .path.display())]
    AlreadyInitialised {
        /// What was found.
        path: PathBuf,
    },
    /// The configuration has problems: one a line, `file:line:column: text`.
    #[error("the configuration has problems:\n{}", .problems.join("\n"))]
    Config {
        /// Each with its place.
        problems: Vec<String>,
    },
    /// A file could not be read or written.
    #[error("{} could not be {doing}: {why}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// `read` or `written`.
        doing: &'static str,
        /// What the operating system said.
        why: String,
    },
    /// The key file is missing.
    #[error("the key file {} is missing", .path.display())]
    KeyMissing {
        /// Where it was expected.
        path: PathBuf,
    },
    /// The key is not one.
    #[error("the key in {origin} is not 64 hexadecimal digits")]
    KeyMalformed {
        /// The file, or the name of the environment variable.
        origin: String,
    },
    /// The key does not open what is stored.
    #[error("the key does not open the credentials of `{connection}`")]
    KeyWrong {
        /// Whose.
        connection: ConnectionName,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The environment names a store that cannot be used.
    #[error("the store cannot be opened: {0}")]
    StoreAddress(String),
    /// No vendor of this name.
    #[error("no vendor `{vendor}`; known are: {known}")]
    UnknownVendor {
        /// What was asked for.
        vendor: VendorName,
        /// What there is.
        known: String,
    },
    /// The configuration has no such connection.
    #[error("the configuration has no connection `{connection}`")]
    UnknownConnection {
        /// What was asked for.
        connection: ConnectionName,
    },
    /// A configured connection has no credentials.
    #[error("`{connection}` is not connected yet")]
    NotConnected {
        /// Which.
        connection: ConnectionName,
    },
    /// What `connect` was given is no connection line.
    #[error("the connection line on standard input cannot be used: {why}")]
    ConnectLine {
        /// Why.
        why: String,
    },
    /// The line is of another vendor than the configuration says.
    #[error("`{connection}` is a {configured} connection, and the line is for {given}")]
    OtherVendor {
        /// Which connection.
        connection: ConnectionName,
        /// What the configuration says.
        configured: VendorName,
        /// What the line says.
        given: VendorName,
    },
    /// The credentials lead to another account than the one that was connected.
    #[error(
        "`{connection}` is connected to account {expected}, and the credentials lead to {found}; nothing was read or written"
    )]
    OtherAccount {
        /// Which connection.
        connection: ConnectionName,
        /// The account of record.
        expected: String,
        /// What the vendor says.
        found: String,
    },
    /// A vendor call failed.
    #[error("{connection}: {error}")]
    Vendor {
        /// Which connection.
        connection: ConnectionName,
        /// How.
        error: VendorError,
    },
    /// A review of this number does not exist, or cannot be answered so.
    #[error("review {id}: {why}")]
    Review {
        /// Its number.
        id: u64,
        /// Why not.
        why: String,
    },
    /// A run cannot be taken back.
    #[error("run {run} cannot be undone: {why}")]
    Undo {
        /// As it was named.
        run: String,
        /// Why not.
        why: String,
    },
    /// Another process is at work on the workspace.
    #[error("another run is at work on this workspace")]
    Busy,
    /// A saved plan may not be applied.
    #[error("the plan {} cannot be applied: {why}", .path.display())]
    Plan {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The machine lacks something the program needs (randomness, TLS).
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// A vendor's error with its connection.
    pub fn vendor(connection: &ConnectionName, error: VendorError) -> Self {
        let connection = connection.clone();
        if let VendorError::OtherAccount { expected, found } = error {
            return Self::OtherAccount { connection, expected, found };
        }
        Self::Vendor { connection, error }
    }

    /// Another worker has taken over the workspace.
    pub(crate) fn fenced() -> Self {
        Self::Store(StoreError::Fenced(crate::lease::LANE.to_owned()))
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        Code(match self {
            Self::NoDirectory { .. } => 1100,
            Self::NotInitialised { .. } => 1101,
            Self::AlreadyInitialised { .. } => 1102,
            Self::Config { .. } => 1103,
            Self::File { .. } => 1104,
            Self::KeyMissing { .. } => 1105,
            Self::KeyMalformed { .. } => 1106,
            Self::KeyWrong { .. } => 1107,
            Self::Store(StoreError::Corrupt(_)) => 1110,
            Self::Store(StoreError::TooNew { .. }) => 1111,
            Self::Store(StoreError::Engine(_)) => 1112,
            Self::Store(StoreError::Fenced(_)) => 1113,
            Self::StoreAddress(_) => 1114,
            Self::UnknownVendor { .. } => 1120,
            Self::UnknownConnection { .. } => 1121,
            Self::NotConnected { .. } => 1122,
            Self::ConnectLine { .. } => 1123,
            Self::OtherVendor { .. } => 1124,
            Self::OtherAccount { .. } | Self::Vendor { error: VendorError::OtherAccount { .. }, .. } => 1125,
            Self::Vendor { error, .. } => match error {
                VendorError::Credentials(_) => 1130,
                VendorError::Permission(_) => 1131,
                VendorError::Limit { .. } => 1132,
                VendorError::Unavailable(_) => 1133,
                VendorError::Refused { .. } => 1134,
                VendorError::Protocol(_) | VendorError::OtherAccount { .. } => 1135,
            },
            Self::Review { .. } => 1140,
            Self::Undo { .. } => 1141,
            Self::Busy => 1150,
            Self::Plan { .. } => 1151,
            Self::Internal(_) => 1199,
        })
    }

    /// The exit status of the command: 1 an error, 2 usage or configuration, 4 the vendor refuses, 5 a wrong account.
    pub fn exit(&self) -> u8 {
        match self {
            Self::NoDirectory { .. }
            | Self::NotInitialised { .. }
            | Self::AlreadyInitialised { .. }
            | Self::Config { .. }
            | Self::KeyMissing { .. }
            | Self::KeyMalformed { .. }
            | Self::KeyWrong { .. }
            | Self::StoreAddress(_)
            | Self::UnknownVendor { .. }
            | Self::UnknownConnection { .. }
            | Self::NotConnected { .. }
            | Self::ConnectLine { .. }
            | Self::OtherVendor { .. }
            | Self::Plan { .. }
            | Self::Undo { .. }
            | Self::Review { .. } => 2,
            Self::OtherAccount { .. } => 5,
            Self::Vendor { error, .. } => match error {
                VendorError::Credentials(_) | VendorError::Permission(_) | VendorError::Refused { .. } => 4,
                VendorError::OtherAccount { .. } => 5,
                VendorError::Limit { .. } | VendorError::Unavailable(_) | VendorError::Protocol(_) => 1,
            },
            Self::File { .. } | Self::Store(_) | Self::Busy | Self::Internal(_) => 1,
        }
    }

    /// What to do next, where there is one thing to say.
    pub fn fix(&self) -> Option<String> {
        Some(match self {
            Self::NoDirectory { dir } | Self::NotInitialised { dir } => {
                format!(
                    "create a workspace there: syncline init --dir {} --with salesforce,hubspot",
                    dir.display()
                )
            }
            Self::AlreadyInitialised { .. } => {
                "choose another --dir, or edit the configuration that is there".to_owned()
            }
            Self::Config { .. } => "correct the lines named above; `syncline doctor` checks again".to_owned(),
            Self::KeyMissing { .. } => {
                "restore it from your backup, or point SYNCLINE_KEY_FILE at it; without it, connect again"
                    .to_owned()
            }
            Self::KeyMalformed { .. } => "restore the key that `init` wrote from your backup".to_owned(),
            Self::KeyWrong { connection } => {
                format!(
                    "use the key the workspace was made with, or connect again: syncline connect {connection}"
                )
            }
            Self::Store(StoreError::Corrupt(_)) => "restore the database from your backup".to_owned(),
            Self::Store(StoreError::TooNew { .. } | StoreError::Engine(_) | StoreError::Fenced(_))
            | Self::Internal(_) => return None,
            Self::File { .. } => "check that it is there and that this user has the right to it".to_owned(),
            Self::StoreAddress(_) => {
                "correct SYNCLINE_STORE: postgres://USER:PASSWORD@HOST/DATABASE".to_owned()
            }
            Self::UnknownVendor { .. } => "use one of the names listed".to_owned(),
            Self::UnknownConnection { connection } | Self::NotConnected { connection } => {
                format!("connect it: syncline connect {connection} < credentials.json")
            }
            Self::ConnectLine { .. } => {
                "give one line of JSON: {\"vendor\": \"…\", \"url\": \"…\", \"credentials\": {…}}".to_owned()
            }
            Self::OtherVendor { .. } => "choose another connection name for it".to_owned(),
            Self::OtherAccount { connection, .. } => {
                format!("if the account really changed: syncline connect {connection} --replace-account")
            }
            Self::Vendor { connection, error } => match error {
                VendorError::Credentials(_) => format!("connect again: syncline connect {connection}"),
                VendorError::Permission(_) => {
                    format!("`syncline doctor` lists the rights that {connection} needs")
                }
                VendorError::Limit { .. } | VendorError::Unavailable(_) => {
                    "run the command again later; nothing is lost".to_owned()
                }
                VendorError::Refused { .. } | VendorError::Protocol(_) | VendorError::OtherAccount { .. } => {
                    return None;
                }
            },
            Self::Busy => {
                "wait until it has ended; one that died holds nothing, unless workers share a server: then its claim lapses after some minutes (`[server] lease`)".to_owned()
            }
            Self::Plan { .. } => "make a new one: syncline plan --out FILE".to_owned(),
            Self::Review { .. } => "`syncline review list` shows what is open".to_owned(),
            Self::Undo { .. } => {
                "`syncline history` shows which runs there were; `last` names the newest".to_owned()
            }
        })
    }
}
