//! The HTTP client. It says honestly whether a request may have reached the vendor, because that decides whether a write
//! may be repeated.

use super::timely::{Timely, is_late};
use bytes::{Bytes, BytesMut};
use std::{error::Error, fmt::Write, net::IpAddr, time::Duration};
use syncline_kit::{BoxFuture, HttpRequest, HttpResponse, LeaveBy, Transport, TransportError};

/// How long one call may take, connecting and reading the answer included.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes.
pub const ANSWER_LIMIT: usize = 64 << 20;

/// A pool of kept-alive connections.
pub struct HttpClient {
    /// Through the proxies that the environment names.
    outside: reqwest::Client,
    /// To this machine itself, past any proxy.
    loopback: reqwest::Client,
}

impl HttpClient {
    /// Builds the pool.
    ///
    /// # Errors
    /// Where the TLS library or the proxy settings of the environment cannot be used; the text says which.
    pub fn new() -> Result<Self, String> {
        let builder = || {
            reqwest::Client::builder()
                .user_agent(concat!("syncline/", env!("CARGO_PKG_VERSION")))
                .timeout(REQUEST_TIMEOUT)
                .connect_timeout(CONNECT_TIMEOUT)
                // An API that redirects a write is misconfigured; following would turn POST into GET.
                .redirect(reqwest::redirect::Policy::none())
                // Repeating is the adapter's decision: it knows what is safe to repeat.
                .retry(reqwest::retry::never())
        };
        let build = |builder: reqwest::ClientBuilder| builder.build().map_err(|error| spelled_out(&error));
        Ok(Self { outside: build(builder())?, loopback: build(builder().no_proxy())? })
    }

    async fn exchange(&self, mut request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let leave_by = request.extensions_mut().remove::<LeaveBy>();
        let body = request.body().clone();
        let client = if is_loopback(request.uri().host()) { &self.loopback } else { &self.outside };
        let mut request = reqwest::Request::try_from(request).map_err(classify)?;
        if let Some(LeaveBy(until)) = leave_by
            && !body.is_empty()
        {
            *request.body_mut() = Some(reqwest::Body::wrap(Timely::new(body, until)));
        }
        let mut answer = client.execute(request).await.map_err(classify)?;
        let mut head = http::Response::new(());
        *head.status_mut() = answer.status();
        *head.version_mut() = answer.version();
        *head.headers_mut() = std::mem::take(answer.headers_mut());
        let body = bounded_body(answer).await?;
        Ok(head.map(|()| body))
    }
}

impl Transport for HttpClient {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            let line = shown(&request);
            let answer = self.exchange(request).await;
            match &answer {
                Ok(answer) => tracing::debug!(
                    call = line,
                    status = answer.status().as_u16(),
                    bytes = answer.body().len()
                ),
                Err(error) => tracing::debug!(call = line, %error),
            }
            answer
        })
    }
}

async fn bounded_body(mut answer: reqwest::Response) -> Result<Bytes, TransportError> {
    let mut body = BytesMut::new();
    while let Some(chunk) =
        answer.chunk().await.map_err(|error| TransportError::Unknown(spelled_out(&error)))?
    {
        if body.len() + chunk.len() > ANSWER_LIMIT {
            return Err(TransportError::Unknown(format!("the answer is larger than {ANSWER_LIMIT} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Only what certainly happened before the request's first byte, or without its body, is `NotSent`.
fn classify(error: reqwest::Error) -> TransportError {
    let before = error.is_builder() || error.is_connect() || is_late(&error);
    let text = spelled_out(&error.without_url());
    if before { TransportError::NotSent(text) } else { TransportError::Unknown(text) }
}

/// An error with its causes; libraries leave the one that matters at the end.
fn spelled_out(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let _ = write!(text, ": {inner}");
        cause = inner.source();
    }
    text
}

fn is_loopback(host: Option<&str>) -> bool {
    let Some(host) = host else { return false };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A request for the log: no query (it carries people's data), no headers, no body, and no path segment long enough to
/// be a token.
fn shown(request: &HttpRequest) -> String {
    const LONGEST_SEGMENT: usize = 40;
    let uri = request.uri();
    let mut line = format!("{} {}", request.method(), uri.host().unwrap_or_default());
    for segment in uri.path().split('/').skip(1) {
        let shown = if segment.len() > LONGEST_SEGMENT { "…" } else { segment };
        let _ = write!(line, "/{shown}");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    fn get(url: &str) -> HttpRequest {
        http::Request::get(url).body(Bytes::new()).unwrap()
    }

    /// Reads one request's head and answers with `answer`, then closes.
    async fn answers(answer: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = [0; 2048];
            let _ = socket.read(&mut head).await;
            let _ = socket.write_all(answer).await;
        });
        format!("http://{address}/x")
    }

    #[tokio::test]
    async fn a_refused_connection_was_not_sent() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = HttpClient::new().unwrap().send(get(&format!("http://{closed}/x"))).await.unwrap_err();
        assert!(matches!(error, TransportError::NotSent(_)), "{error}");
    }

    #[tokio::test]
    async fn a_reset_before_the_answer_and_a_truncated_answer_are_unknown() {
        let client = HttpClient::new().unwrap();
        for answer in [&b""[..], b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"] {
            let error = client.send(get(&answers(answer).await)).await.unwrap_err();
            assert!(matches!(error, TransportError::Unknown(_)), "{error}");
        }
    }

    #[tokio::test]
    async fn an_error_status_and_a_redirect_are_answers() {
        let client = HttpClient::new().unwrap();
        let url = answers(b"HTTP/1.1 429 Too Many\r\nretry-after: 3\r\ncontent-length: 2\r\n\r\nno").await;
        let answer = client.send(get(&url)).await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.body()[..]), (429, &b"no"[..]));
        assert_eq!(answer.headers()["retry-after"], "3");
        let url = answers(b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!(client.send(get(&url)).await.unwrap().status().as_u16(), 302);
    }

    #[tokio::test]
    async fn a_body_that_is_late_never_leaves() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/x", listener.local_addr().unwrap());
        let heard = tokio::spawn(async move {
            let mut bodies = Vec::new();
            for _ in 0..2 {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut text = Vec::new();
                let mut chunk = [0; 2048];
                while !text.ends_with(b"payload") {
                    match socket.read(&mut chunk).await {
                        Ok(0) | Err(_) => break,
                        Ok(count) => text.extend_from_slice(&chunk[..count]),
                    }
                }
                let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                bodies.push(String::from_utf8(text).unwrap());
            }
            bodies
        });
        let client = HttpClient::new().unwrap();
        let request = |seconds| {
            let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
            let body = Bytes::from_static(b"payload");
            http::Request::post(url.clone()).extension(LeaveBy(at)).body(body).unwrap()
        };
        let error = client.send(request(-1)).await.unwrap_err();
        assert!(matches!(error, TransportError::NotSent(_)), "{error}");
        assert_eq!(client.send(request(60)).await.unwrap().status().as_u16(), 200);
        let heard = heard.await.unwrap();
        assert!(!heard[0].contains("payload"), "{}", heard[0]);
        assert!(heard[1].contains("content-length: 7\r\n") && heard[1].ends_with("payload"), "{}", heard[1]);
    }

    #[test]
    fn the_log_line_shows_neither_query_nor_tokens() {
        let token = "a".repeat(64);
        let request =
            get(&format!("https://api.vendor.test/oauth/v1/access-tokens/{token}?email=ada@example.com"));
        assert_eq!(shown(&request), "GET api.vendor.test/oauth/v1/access-tokens/…");
    }

    #[test]
    fn this_machine_is_reached_past_proxies() {
        for host in ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"] {
            assert!(is_loopback(Some(host)), "{host}");
        }
        for host in ["api.hubapi.com", "10.0.0.1", "localhost.example.com"] {
            assert!(!is_loopback(Some(host)), "{host}");
        }
    }
}
