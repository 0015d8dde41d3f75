//! The planted defects, as far as the simulation knows them: their names (`docs/museum.md` tells their stories). Without
//! the cargo feature `defects` there are none.

use crate::world::Broken;

/// Names of the defects that this program was built with, each with what it does.
#[cfg(feature = "defects")]
pub fn list() -> Vec<(&'static str, &'static str)> {
    syncline_model::defect::Defect::all().iter().map(|defect| (defect.name(), defect.story())).collect()
}

/// Names of the defects that this program was built with, each with what it does.
#[cfg(not(feature = "defects"))]
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
#[derive(Debug)]
#[must_use]
pub struct Planted(());

/// Plants a defect in this thread; `None` plants nothing.
pub fn plant(name: Option<&str>) -> Planted {
    #[cfg(feature = "defects")]
    syncline_model::defect::plant(name.and_then(syncline_model::defect::Defect::named));
    let _ = name;
    Planted(())
}

impl Drop for Planted {
    fn drop(&mut self) {
        #[cfg(feature = "defects")]
        syncline_model::defect::plant(None);
    }
}
