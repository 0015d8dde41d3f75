//! A delivery as a request, with both of its signatures.

use base64::Engine;
use bytes::Bytes;
use hmac::{Hmac, Mac};
use http::Method;
use sha2::{Digest, Sha256};
use syncline_kit::HttpRequest;

pub(super) fn signed(target: &str, body: Vec<u8>, secret: &str, now: i64) -> Option<HttpRequest> {
    let request = http::Request::builder()
        .method(Method::POST)
        .uri(target)
        .header("content-type", "application/json")
        .header(
            "user-agent",
            "HubSpot Connect 2.0 (http://dev.hubspot.com/) (namespace: webhooks-nio-http-client)",
        )
        .header("x-hubspot-signature", signature_v1(secret, &body))
        .header("x-hubspot-signature-version", "v1")
        .header("x-hubspot-signature-v3", signature_v3(secret, "POST", target, &body, now))
        .header("x-hubspot-request-timestamp", now.to_string());
    request.body(Bytes::from(body)).ok()
}

/// sha256hex(secret + body)
fn signature_v1(secret: &str, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(secret.as_bytes());
    hash.update(body);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// base64(HMAC-SHA256(secret, method + URI + body + timestamp)); some escapes of the URI are decoded first
/// [d25 webhooks__validating-requests].
fn signature_v3(secret: &str, method: &str, uri: &str, body: &[u8], timestamp: i64) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(method.as_bytes());
    mac.update(decode_some(uri).as_bytes());
    mac.update(body);
    mac.update(timestamp.to_string().as_bytes());
    base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes())
}

fn decode_some(uri: &str) -> String {
    const DECODED: [(&str, &str); 12] = [
        ("%3A", ":"),
        ("%2F", "/"),
        ("%3F", "?"),
        ("%40", "@"),
        ("%21", "!"),
        ("%24", "$"),
        ("%27", "'"),
        ("%28", "("),
        ("%29", ")"),
        ("%2A", "*"),
        ("%2C", ","),
        ("%3B", ";"),
    ];
    let mut text = uri.to_owned();
    for (escape, letter) in DECODED {
        text = text.replace(escape, letter).replace(&escape.to_lowercase(), letter);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
    const BODY: &str = r#"[{"eventId":1,"subscriptionId":2,"portalId":3,"objectId":101,"subscriptionType":"contact.creation","attemptNumber":0,"occurredAt":1760000000000}]"#;

    #[test]
    fn signature_v3_equals_the_published_vectors() {
        let sign = |uri: &str| signature_v3(SECRET, "POST", uri, BODY.as_bytes(), 1_760_000_000_123);
        assert_eq!(
            sign("https://sandbox.example/hooks/hubspot"),
            "i4yrbNOA1vEgQkcc/J8m5RNLSYzAOOFLb8bgj1i8Y9U="
        );
        assert_eq!(
            sign("https://sandbox.example/hooks/hubspot?x=a%3Ab"),
            "LJBETuz+xSSX+oDhTvroU4ZEnarXf+F6VP0Sclx08l0="
        );
    }
}
