//! Over real sockets, with a machine whose paths name their outcomes.

use super::*;
use bytes::Bytes;
use http::{Request, Response};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use syncline_kit::{
    HttpRequest,
    sandbox::{Delivery, DeliveryId, Outcome, seed},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
};

/// Echoes the body, except under the paths that name another outcome.
struct Machine {
    served_at: String,
    due: Vec<Delivery>,
    delivered: mpsc::UnboundedSender<(u64, Option<u16>)>,
}

impl Sandbox for Machine {
    fn vendor(&self) -> &'static str {
        "echo"
    }

    fn credentials(&self) -> serde_json::Value {
        serde_json::json!({ "login": self.served_at })
    }

    fn served_at(&mut self, base_url: &str) {
        base_url.clone_into(&mut self.served_at);
    }

    fn handle(&mut self, request: &HttpRequest, _now: Timestamp) -> Outcome {
        let answer = Response::new(request.body().clone());
        match request.uri().path() {
            "/truncate" => Outcome::Truncated(answer, 4),
            "/hang" => Outcome::Hang,
            "/reset" => Outcome::Reset,
            "/panic" => panic!("a machine that fails"),
            "/webhook" => {
                let to = String::from_utf8(request.body().to_vec()).unwrap();
                let request = Request::post(to).body(Bytes::from_static(b"[1]")).unwrap();
                self.due.push(Delivery { id: DeliveryId(7), request });
                Outcome::Answer(answer)
            }
            _ => Outcome::Answer(answer),
        }
    }

    fn due_webhooks(&mut self, _now: Timestamp) -> Vec<Delivery> {
        std::mem::take(&mut self.due)
    }

    fn delivered(&mut self, id: DeliveryId, status: Option<u16>, _now: Timestamp) {
        self.delivered.send((id.0, status)).unwrap();
    }

    fn seed(&mut self, _: &seed::SeedFiles, _: Timestamp) -> Result<seed::Loaded, seed::SeedError> {
        Ok(seed::Loaded::default())
    }
}

type Delivered = mpsc::UnboundedReceiver<(u64, Option<u16>)>;

async fn start(tls: TlsChoice) -> (SandboxServer, Delivered) {
    let (delivered, receiver) = mpsc::unbounded_channel();
    let machine = Machine { served_at: String::new(), due: Vec::new(), delivered };
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    (serve_sandbox(Box::new(machine), listen, tls).await.unwrap(), receiver)
}

fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Sends `request` and reads one answer whose body is `body`, leaving the connection open.
async fn expect<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, request: &str, body: &str) {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    while !answer.ends_with(&format!("\r\n\r\n{body}")) {
        let mut buffer = [0; 1024];
        let read = stream.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "closed after {answer}");
        answer.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains(&format!("content-length: {}\r\n", body.len())), "{answer}");
    assert!(!answer.contains("date:"), "a date that the machine did not give: {answer}");
}

/// Sends `request` and reads until the server closes.
async fn until_closed(server: &SandboxServer, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(server.address()).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn answers_on_a_connection_that_stays_open() {
    let (server, _) = start(TlsChoice::Off).await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    expect(&mut stream, &post("/", "one"), "one").await;
    let chunked =
        "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nchu\r\n3\r\nnks\r\n0\r\n\r\n";
    expect(&mut stream, chunked, "chunks").await;
}

#[tokio::test]
async fn tells_the_machine_where_it_is_served() {
    let (server, _) = start(TlsChoice::Off).await;
    assert_eq!(server.url(), format!("http://{}", server.address()));
    assert_eq!(server.credentials()["login"], server.url());
    assert_eq!((server.vendor(), server.ca_pem()), ("echo", None));
}

#[tokio::test]
async fn a_truncated_answer_promises_more_than_it_sends() {
    let (server, _) = start(TlsChoice::Off).await;
    let answer = until_closed(&server, &post("/truncate", "truncated")).await.unwrap();
    assert!(answer.contains("content-length: 9\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\ntrun"), "{answer}");
}

#[tokio::test]
async fn a_reset_is_seen_as_one() {
    let (server, _) = start(TlsChoice::Off).await;
    let error = until_closed(&server, &post("/reset", "")).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_hanging_request_gets_no_byte_and_blocks_nobody() {
    let (server, _) = start(TlsChoice::Off).await;
    let mut silent = TcpStream::connect(server.address()).await.unwrap();
    silent.write_all(post("/hang", "").as_bytes()).await.unwrap();
    let mut other = TcpStream::connect(server.address()).await.unwrap();
    expect(&mut other, &post("/", "still here"), "still here").await;
    assert_eq!(silent.try_read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);

    server.stop().await;
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn bodies_and_heads_are_bounded() {
    let (server, _) = start(TlsChoice::Off).await;
    let answer =
        until_closed(&server, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10485761\r\n\r\n").await;
    assert!(answer.unwrap().starts_with("HTTP/1.1 413 "));

    let head = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(300));
    assert!(until_closed(&server, &head).await.unwrap().starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn a_machine_that_panicked_says_so_instead_of_answering_wrongly() {
    let (server, _) = start(TlsChoice::Off).await;
    until_closed(&server, &post("/panic", "")).await.unwrap_or_default();
    let close = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert!(until_closed(&server, close).await.unwrap().starts_with("HTTP/1.1 500 "));
}

#[tokio::test]
async fn one_port_speaks_http_and_https() {
    let (server, _) = start(TlsChoice::SelfSigned).await;
    assert!(server.url().starts_with("https://127.0.0.1:"), "{}", server.url());

    let mut plain = TcpStream::connect(server.address()).await.unwrap();
    expect(&mut plain, &post("/", "plain"), "plain").await;

    for name in ["localhost", "127.0.0.1"] {
        let stream = TcpStream::connect(server.address()).await.unwrap();
        let name = ServerName::try_from(name).unwrap();
        let mut secret = trusting(server.ca_pem().unwrap()).connect(name, stream).await.unwrap();
        expect(&mut secret, &post("/", "secret"), "secret").await;
    }
}

#[tokio::test]
async fn another_name_or_another_authority_is_not_trusted() {
    let (server, _) = start(TlsChoice::SelfSigned).await;
    let (stranger, _) = start(TlsChoice::SelfSigned).await;
    for (authority, name) in [(server.ca_pem(), "example.com"), (stranger.ca_pem(), "localhost")] {
        let stream = TcpStream::connect(server.address()).await.unwrap();
        let name = ServerName::try_from(name).unwrap();
        trusting(authority.unwrap()).connect(name, stream).await.unwrap_err();
    }
}

fn trusting(ca_pem: &str) -> tokio_rustls::TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config).into()
}

#[tokio::test]
async fn without_tls_a_handshake_is_refused() {
    let (server, _) = start(TlsChoice::Off).await;
    let answer = until_closed(&server, "\x16\x03\x01").await;
    assert!(!answer.is_ok_and(|answer| answer.starts_with('\x16')));
}

#[tokio::test]
async fn webhooks_are_delivered_and_their_end_is_reported() {
    let (server, mut delivered) = start(TlsChoice::Off).await;
    let receiver = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = receiver.local_addr().unwrap();
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let target = format!("http://{address}/hooks?a=b");
    expect(&mut stream, &post("/webhook", &target), &target).await;

    let (mut hook, _) = receiver.accept().await.unwrap();
    let mut call = String::new();
    while !call.ends_with("[1]") {
        let mut buffer = [0; 1024];
        let read = hook.read(&mut buffer).await.unwrap();
        call.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    assert!(call.starts_with("POST /hooks?a=b HTTP/1.1\r\n"), "{call}");
    assert!(call.contains(&format!("host: {address}\r\n")), "{call}");
    hook.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await.unwrap();
    drop(hook);
    assert_eq!(delivered.recv().await, Some((7, Some(204))));

    drop(receiver);
    expect(&mut stream, &post("/webhook", &target), &target).await;
    assert_eq!(delivered.recv().await, Some((7, None)));
}

#[tokio::test]
async fn the_processor_time_of_the_process_is_told() {
    let (server, _) = start(TlsChoice::Off).await;
    let request = "GET /__sandbox/cpu HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answer = until_closed(&server, request).await.unwrap();
    let body: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert!(body["cpu_ms"].is_u64(), "{answer}");
}

#[tokio::test]
async fn other_machines_are_not_served() {
    let (delivered, _) = mpsc::unbounded_channel();
    let machine = Machine { served_at: String::new(), due: Vec::new(), delivered };
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let refused = serve_sandbox(Box::new(machine), everywhere, TlsChoice::Off).await.unwrap_err();
    assert_eq!(refused.to_string(), "0.0.0.0:0 is not a loopback address");
}
