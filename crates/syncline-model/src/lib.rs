//! The words of the project as types: ids, values, what was observed, links, operations, plans. Data only: nothing here
//! decides, reads or writes anything, and everything above depends on it, so it changes rarely (line budget 4,000).

pub mod defect;
pub mod edge;
pub mod error;
pub mod ids;
pub mod journal;
pub mod link;
pub mod observation;
pub mod operation;
pub mod plan;
pub mod review;
pub mod schema;
pub mod value;

pub use edge::{EdgeSet, Ref};
pub use ids::*;
pub use link::{Base, BaseEntry, Evidence, Link, LinkState, Rest, Sight, Watch};
pub use observation::{Interval, Observation, Observed, RecordState, Snapshot, Version};
pub use operation::*;
pub use schema::{Account, FieldSchema, FieldType, ObjectSchema, SchemaDigest};
pub use value::{Currency, Money, Value};
