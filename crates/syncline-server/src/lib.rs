//! What listens: `serve`, which keeps a workspace in step, and the shell around the vendors' sandboxes. The sandboxes
//! themselves are pure; everything that touches a socket, a certificate or the wall clock on their behalf stands here.

pub mod sandbox_server;
pub mod serve;
