//! Webhook signatures [d25 webhooks__validating-requests]; the raw body is what is signed.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use syncline_kit::{HttpRequest, vendor::WebhookRefused};

const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// Verifies a request; `uri` is the full address that the vendor called.
pub(super) fn verify(
    request: &HttpRequest,
    uri: &str,
    secret: &str,
    now: Timestamp,
) -> Result<(), WebhookRefused> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(signature) = header("x-hubspot-signature-v3") {
        let stamp = header("x-hubspot-request-timestamp").ok_or(WebhookRefused::Signature)?;
        let expected = STANDARD.encode(v3(secret, request.method().as_str(), uri, request.body(), stamp));
        if !is_equal(&expected, signature) {
            return Err(WebhookRefused::Signature);
        }
        return check_age(stamp, now);
    }
    // v1 has no time and does not cover the address; it is taken only where v3 is not sent.
    let signature = header("x-hubspot-signature").ok_or(WebhookRefused::Signature)?;
    if header("x-hubspot-signature-version").is_some_and(|version| version != "v1") {
        return Err(WebhookRefused::Signature);
    }
    if is_equal(&v1(secret, request.body()), &signature.to_ascii_lowercase()) {
        Ok(())
    } else {
        Err(WebhookRefused::Signature)
    }
}

/// Too old, or from a future that no clock error explains.
fn check_age(stamp: &str, now: Timestamp) -> Result<(), WebhookRefused> {
    let milliseconds: i64 = stamp.parse().map_err(|_| WebhookRefused::Signature)?;
    let at = Timestamp::from_millisecond(milliseconds).map_err(|_| WebhookRefused::Signature)?;
    if now.duration_since(at).abs() > TOLERANCE { Err(WebhookRefused::Stale) } else { Ok(()) }
}

fn is_equal(expected: &str, given: &str) -> bool {
    expected.as_bytes().ct_eq(given.as_bytes()).into()
}

fn v1(secret: &str, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(secret.as_bytes());
    hash.update(body);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn v3(secret: &str, method: &str, uri: &str, body: &[u8], stamp: &str) -> Vec<u8> {
    // A key of any length is accepted.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return Vec::new() };
    mac.update(method.as_bytes());
    mac.update(decoded(uri).as_bytes());
    mac.update(body);
    mac.update(stamp.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Decodes in the address only what HubSpot decodes before it signs.
fn decoded(uri: &str) -> String {
    const DECODED: [(&str, char); 12] = [
        ("3A", ':'),
        ("2F", '/'),
        ("3F", '?'),
        ("40", '@'),
        ("21", '!'),
        ("24", '$'),
        ("27", '\''),
        ("28", '('),
        ("29", ')'),
        ("2A", '*'),
        ("2C", ','),
        ("3B", ';'),
    ];
    let mut plain = String::with_capacity(uri.len());
    let mut rest = uri;
    while let Some(at) = rest.find('%') {
        plain.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 3).map(str::to_ascii_uppercase);
        let character = DECODED.iter().find(|(name, _)| Some(*name) == code.as_deref());
        match character {
            Some((_, character)) => {
                plain.push(*character);
                rest = &rest[at + 3..];
            }
            None => {
                plain.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    const SECRET: &str = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
    const URI: &str = "https://sandbox.example/hooks/hubspot";
    const BODY: &str = r#"[{"eventId":1,"subscriptionId":2,"portalId":3,"objectId":101,"subscriptionType":"contact.creation","attemptNumber":0,"occurredAt":1760000000000}]"#;
    const STAMP: i64 = 1_760_000_000_123;

    fn request(headers: &[(&str, &str)]) -> HttpRequest {
        let mut request = http::Request::post(URI);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Bytes::from_static(BODY.as_bytes())).unwrap()
    }

    fn check(uri: &str, signature: &str, later: i64) -> Result<(), WebhookRefused> {
        let stamp = STAMP.to_string();
        let request = request(&[
            ("X-HubSpot-Signature-v3", signature),
            ("X-HubSpot-Request-Timestamp", stamp.as_str()),
        ]);
        verify(&request, uri, SECRET, Timestamp::from_millisecond(STAMP + later).unwrap())
    }

    #[test]
    fn the_known_v3_signatures_fit() {
        let plain = "i4yrbNOA1vEgQkcc/J8m5RNLSYzAOOFLb8bgj1i8Y9U=";
        assert_eq!(check(URI, plain, 0), Ok(()));
        let with_query = format!("{URI}?x=a%3Ab");
        assert_eq!(check(&with_query, "LJBETuz+xSSX+oDhTvroU4ZEnarXf+F6VP0Sclx08l0=", 0), Ok(()));
        let undecoded = "9XrE5X+g+XCsOo/6eP/+H83ZqraXWWDwkTypCUbCpYA=";
        assert_eq!(check(&with_query, undecoded, 0), Err(WebhookRefused::Signature));
        assert_eq!(
            check(URI, "i4yrbNOA1vEgQkcc/J8m5RNLSYzAOOFLb8bgj1i8Y9V=", 0),
            Err(WebhookRefused::Signature)
        );
    }

    #[test]
    fn a_signature_holds_for_five_minutes_either_way() {
        let plain = "i4yrbNOA1vEgQkcc/J8m5RNLSYzAOOFLb8bgj1i8Y9U=";
        assert_eq!(check(URI, plain, 300_000), Ok(()));
        assert_eq!(check(URI, plain, 300_001), Err(WebhookRefused::Stale));
        assert_eq!(check(URI, plain, -300_001), Err(WebhookRefused::Stale));
    }

    #[test]
    fn v1_is_taken_where_v3_is_not_sent() {
        let good = v1(SECRET, BODY.as_bytes());
        let now = Timestamp::from_millisecond(STAMP).unwrap();
        assert_eq!(verify(&request(&[("X-HubSpot-Signature", &good)]), URI, SECRET, now), Ok(()));
        let bad = v1("other", BODY.as_bytes());
        let refused = Err(WebhookRefused::Signature);
        assert_eq!(verify(&request(&[("X-HubSpot-Signature", &bad)]), URI, SECRET, now), refused);
        assert_eq!(verify(&request(&[]), URI, SECRET, now), refused);
        let wrong_v3 = [("X-HubSpot-Signature", good.as_str()), ("X-HubSpot-Signature-v3", "AAAA")];
        assert_eq!(verify(&request(&wrong_v3), URI, SECRET, now), refused, "v1 must not rescue a wrong v3");
    }
}
