//! Delivers the webhooks that the machine hands out: to loopback receivers only, a few at a time, within a limit.

use super::Shared;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use syncline_kit::{HttpRequest, sandbox::Delivery};
use tokio::{net::TcpStream, sync::Semaphore, task::JoinSet};

/// Deliveries also fall due by time alone: batching delays, retries.
const POLL: Duration = Duration::from_millis(50);
/// A receiver that has not answered by then has not received it. HubSpot's own limit.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
const IN_FLIGHT: usize = 10;

/// Never returns; ends when its task is aborted, and every delivery with it.
pub(super) async fn deliver_when_due(shared: Arc<Shared>) {
    let slots = Arc::new(Semaphore::new(IN_FLIGHT));
    let mut deliveries = JoinSet::new();
    loop {
        let _rung_or_time_passed = tokio::time::timeout(POLL, shared.webhooks_may_be_due.notified()).await;
        let Ok(due) = shared.with(|machine, now| machine.due_webhooks(now)) else { return };
        for delivery in due {
            deliveries.spawn(deliver(delivery, Arc::clone(&slots), Arc::clone(&shared)));
        }
        while deliveries.try_join_next().is_some() {}
    }
}

async fn deliver(delivery: Delivery, slots: Arc<Semaphore>, shared: Arc<Shared>) {
    let Ok(_slot) = slots.acquire().await else { return };
    let uri = delivery.request.uri().clone();
    let status = match tokio::time::timeout(ANSWER_LIMIT, post(delivery.request)).await {
        Ok(Ok(status)) => Some(status.as_u16()),
        Ok(Err(error)) => {
            tracing::warn!(%uri, error, "a webhook was not delivered");
            None
        }
        Err(_elapsed) => {
            tracing::warn!(%uri, "a webhook's receiver did not answer in time");
            None
        }
    };
    let _broken_machines_need_no_report =
        shared.with(|machine, now| machine.delivered(delivery.id, status, now));
}

async fn post(request: HttpRequest) -> Result<StatusCode, String> {
    let receiver = loopback_receiver(request.uri())?;
    let stream = TcpStream::connect(receiver).await.map_err(|error| error.to_string())?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let exchange = async {
        let response =
            sender.send_request(in_origin_form(request)?).await.map_err(|error| error.to_string())?;
        let status = response.status();
        response.into_body().collect().await.map_err(|error| error.to_string())?;
        Ok(status)
    };
    tokio::pin!(exchange);
    tokio::select! {
        biased;
        result = &mut exchange => result,
        // The receiver closed the connection; what it answered before that is still to be read.
        _closed = connection => exchange.await,
    }
}

/// The receiver's address; an error says why there is none. Names other than `localhost` are not looked up.
fn loopback_receiver(uri: &Uri) -> Result<SocketAddr, String> {
    if uri.scheme_str() != Some("http") {
        return Err("a sandbox delivers webhooks by http only".to_owned());
    }
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let address = if host.eq_ignore_ascii_case("localhost") {
        Some(IpAddr::V4(Ipv4Addr::LOCALHOST))
    } else {
        host.parse::<IpAddr>().ok().filter(IpAddr::is_loopback)
    };
    match address {
        Some(address) => Ok(SocketAddr::new(address, uri.port_u16().unwrap_or(80))),
        None => Err("a sandbox delivers webhooks to this machine only".to_owned()),
    }
}

/// A machine names the receiver by an absolute address; on the wire that is a path and a `Host`.
fn in_origin_form(request: HttpRequest) -> Result<Request<Full<bytes::Bytes>>, String> {
    let (mut head, body) = request.into_parts();
    if let Some(authority) = head.uri.authority() {
        let host = HeaderValue::from_str(authority.as_str()).map_err(|error| error.to_string())?;
        head.headers.entry(header::HOST).or_insert(host);
    }
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    head.uri = path.parse().map_err(|error: http::uri::InvalidUri| error.to_string())?;
    Ok(Request::from_parts(head, Full::new(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receiver(uri: &str) -> Result<String, String> {
        loopback_receiver(&uri.parse().unwrap()).map(|address| address.to_string())
    }

    #[test]
    fn only_this_machine_receives_webhooks() {
        assert_eq!(receiver("http://127.0.0.1:8080/hooks"), Ok("127.0.0.1:8080".to_owned()));
        assert_eq!(receiver("http://localhost/hooks"), Ok("127.0.0.1:80".to_owned()));
        assert_eq!(receiver("http://[::1]:81/"), Ok("[::1]:81".to_owned()));
        for elsewhere in
            ["http://10.0.0.1/", "http://example.com/", "http://127.0.0.1.example.com/", "/hooks"]
        {
            assert!(receiver(elsewhere).is_err(), "{elsewhere}");
        }
        assert!(receiver("https://127.0.0.1/").is_err());
    }
}
