//! HubSpot: the connector (`adapter`) and the local server that speaks its API (`sandbox`).
//! Facts and their sources stand in this folder's README.

#[cfg(feature = "adapter")]
pub mod adapter;
pub mod mapping;
#[cfg(feature = "sandbox")]
pub mod sandbox;
