//! vendor contract
