//! One accepted connection: tells HTTP from HTTPS, speaks HTTP/1.1 on it, and ends it the way the machine asked.

use super::{Shared, answer, answer::Cut};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{error::Error, future::poll_fn, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// The first byte of a TLS handshake record; no HTTP method starts with it.
const TLS_HANDSHAKE: u8 = 0x16;
/// How long a connection may stay without a request, or take to send its head.
const IDLE: Duration = Duration::from_secs(75);
const MAX_HEADERS: usize = 200;
/// Longer heads get 431. Salesforce allows 16 kB of address alone.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Serves `stream` until either side closes it.
pub(super) async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let _best_effort = stream.set_nodelay(true);
    match tls {
        Some(acceptor) if starts_with_handshake(&stream).await => match acceptor.accept(stream).await {
            Ok(stream) => speak_http(stream, shared).await,
            Err(error) => tracing::debug!(%error, "a TLS handshake failed"),
        },
        Some(_) | None => speak_http(stream, shared).await,
    }
}

async fn starts_with_handshake(stream: &TcpStream) -> bool {
    let mut first = [0];
    let peeked = tokio::time::timeout(IDLE, stream.peek(&mut first)).await;
    matches!(peeked, Ok(Ok(1))) && first == [TLS_HANDSHAKE]
}

async fn speak_http<S: Stream>(stream: S, shared: Arc<Shared>) {
    let service =
        hyper::service::service_fn(move |request| Box::pin(answer::answer(Arc::clone(&shared), request)));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        // The machine has its own clock: a `Date` of ours would contradict it.
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service);
    let ended = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let mut stream = connection.into_parts().io.into_inner();
    match ended {
        Err(error) if is_reset(&error) => stream.reset_on_drop(),
        Ok(()) | Err(_) => {
            let _peer_may_be_gone = stream.shutdown().await;
        }
    }
}

fn is_reset(error: &hyper::Error) -> bool {
    matches!(error.source().and_then(|cause| cause.downcast_ref::<Cut>()), Some(Cut::Reset))
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Makes the peer see a reset (RST) instead of an orderly end.
    fn reset_on_drop(&self);
}

impl Stream for TcpStream {
    fn reset_on_drop(&self) {
        let _else_an_orderly_end = self.set_zero_linger();
    }
}

impl Stream for TlsStream<TcpStream> {
    fn reset_on_drop(&self) {
        self.get_ref().0.reset_on_drop();
    }
}
