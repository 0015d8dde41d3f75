//! What the planner promises, one behaviour a test, on neighbourhoods that `world` builds.

mod canopy;
mod edges;
mod fields;
mod identity;
mod models;
mod people;
mod speed;
mod watch;
mod world;
