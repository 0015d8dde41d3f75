//! Real HTTP behind the [`Transport`] seam, and the layers over it.

mod counted;
mod http_client;
mod timely;

pub use counted::{CallCounter, Counted};
pub use http_client::{ANSWER_LIMIT, HttpClient, REQUEST_TIMEOUT};
