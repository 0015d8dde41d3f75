//! The proof: the real planner, engine, vendor clients and store over both sandboxes, in one thread, under virtual time,
//! everything following from a seed (`docs/simulation.md`).
//!
//! ```text
//! seed ──▶ script ──▶ people's steps ──▶ sandboxes ──dumps──▶ ledger, picture
//!             └─────▶ engine's runs  ──▶ sandboxes ──dumps──▶ checks after each run, and when all is quiet
//! ```
//!
//! The oracle is the ledger of what people did (read off both dumps around each of their acts) and the dumps; it never
//! asks the engine's store what is true, only `explain` and the journal what the engine *claims*.

mod after;
mod attrs;
mod campaign;
mod clock;
mod coverage;
pub mod defects;
mod engine;
mod excuses;
mod fault;
mod inspect;
mod journal;
mod judged;
mod ledger;
mod links;
mod net;
mod order;
mod people;
mod picture;
mod player;
mod power;
mod profile;
mod script;
mod shrink;
mod side;
mod store;
mod told;
mod undo;
mod undone;
mod waiting;
mod world;

pub use campaign::{AfterViolation, Campaign, Report, Size, Watch, attempt};
pub use coverage::{Coverage, Cut};
pub use fault::Fault;
pub use judged::Judged;
pub use player::{Played, Told, Violation, play};
pub use profile::Profile;
pub use script::{Script, Step};
pub use shrink::shrink;
pub use world::Broken;
