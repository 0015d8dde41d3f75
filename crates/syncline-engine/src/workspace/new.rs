//! A new workspace.

use super::{
    CONFIG, DATABASE, DatabasePlace, Environment, KEY_FILE, KeyPlace, file_error, id_of, key_file, put_id,
};
use crate::{
    entropy::{Entropy, Ids},
    error::Error,
    secrets::Key,
};
use jiff::Timestamp;
use std::{io::Write, path::Path, sync::Arc};
use syncline_store::Batch;
use uuid::Uuid;

/// Makes a workspace in `dir` with this configuration, a new key (unless the environment brings one) and an empty
/// database. Nothing that is there is replaced.
///
/// # Errors
/// [`Error::AlreadyInitialised`] where any of its files is there; [`Error::File`]; [`Error::Store`].
pub async fn init(
    dir: &Path,
    config_text: &str,
    environment: &Environment,
    entropy: &Arc<Entropy>,
    now: Timestamp,
) -> Result<Uuid, Error> {
    for name in [CONFIG, KEY_FILE, DATABASE] {
        let path = dir.join(name);
        if path.exists() {
            return Err(Error::AlreadyInitialised { path });
        }
    }
    std::fs::create_dir_all(dir).map_err(|error| file_error(dir, "created", &error))?;
    let database = DatabasePlace::of(dir, environment);
    let store = database.create().await?;
    if id_of(&*store).await?.is_some() {
        return Err(Error::AlreadyInitialised { path: database.to_string().into() });
    }
    if let DatabasePlace::File(path) = &database {
        key_file::make_private(path)?;
    }
    let place = KeyPlace::of(dir, environment);
    if let KeyPlace::File(path) = &place
        && !path.exists()
    {
        key_file::create(path, &Key::random(entropy))?;
    }
    place.load()?;
    let id = Ids::new(entropy.clone()).next(now);
    let mut batch = Batch::at(now);
    put_id(&mut batch, id);
    store.commit(batch).await?;
    // The configuration is what makes a directory a workspace, so it comes last: an interrupted `init` leaves none.
    let path = dir.join(CONFIG);
    let mut file = std::fs::File::create_new(&path).map_err(|error| file_error(&path, "written", &error))?;
    file.write_all(config_text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| file_error(&path, "written", &error))?;
    Ok(id)
}
