//! The vendors that this binary holds: one line each.

use hubspot::sandbox::HubSpot;
use salesforce::sandbox::Salesforce;
use syncline_kit::sandbox::{Limits, Sandbox};

/// What the binary knows of a vendor.
pub(crate) struct Vendor {
    /// As configuration and command line spell it.
    pub(crate) name: &'static str,
    /// Makes its sandbox, empty; the number seeds ids and tokens.
    pub(crate) sandbox: fn(Limits, u64) -> Box<dyn Sandbox>,
}

/// By name.
pub(crate) const VENDORS: &[Vendor] = &[
    Vendor { name: "hubspot", sandbox: |limits, seed| Box::new(HubSpot::new(limits, seed)) },
    Vendor { name: "salesforce", sandbox: |limits, seed| Box::new(Salesforce::new(limits, seed)) },
];

/// The vendor of that name.
pub(crate) fn vendor(name: &str) -> Option<&'static Vendor> {
    VENDORS.iter().find(|vendor| vendor.name == name)
}

/// All names, for the command line.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    VENDORS.iter().map(|vendor| vendor.name)
}
