//! What the planner promises, one behaviour a test, on neighbourhoods that `world` builds.

mod canopy;
mod conditions;
mod edges;
mod fields;
mod heirs;
mod identity;
mod known;
mod made;
mod models;
mod odds;
mod parents;
mod people;
mod refused;
mod scope;
mod sets;
mod shared;
mod speed;
mod third;
mod values;
mod watch;
mod world;
