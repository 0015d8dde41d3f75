//! What listens: for now the shell around the vendors' sandboxes. The sandboxes themselves are pure; everything that
//! touches a socket, a certificate or the wall clock on their behalf stands here.

pub mod sandbox_server;
