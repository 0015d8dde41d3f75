//! The planted defects, as far as the simulation knows them: their names (`docs/museum.md` tells their stories).

use crate::world::Broken;

/// Names of the defects that this program was built with, each with what it does.
pub fn list() -> Vec<(&'static str, &'static str)> {
    Vec::new()
}

/// Refuses a name that is none.
pub(crate) fn known(name: Option<&str>) -> Result<(), Broken> {
    match name {
        Some(name) if !list().iter().any(|(known, _)| *known == name) => {
            Err(Broken(format!("no planted defect is called {name}")))
        }
        Some(_) | None => Ok(()),
    }
}

/// A defect that is planted in this thread as long as this lives.
pub(crate) struct Planted;

/// Plants a defect in this thread.
pub(crate) fn plant(_name: Option<&str>) -> Planted {
    Planted
}
