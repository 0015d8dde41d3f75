//! Credentials at rest (HUB-14): XChaCha20-Poly1305 under the workspace's key, a random nonce each, bound to the
//! connection's name so that one connection's ciphertext cannot be passed off as another's.

use crate::{entropy::Entropy, error::Error};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use serde::{Deserialize, Serialize};
use std::fmt;
use syncline_model::{ConnectionName, VendorName};
use syncline_store::{Batch, Store};

/// Version of the sealed form; first byte of each secret.
const FORMAT: u8 = 1;
/// Length of a nonce.
const NONCE: usize = 24;

/// The workspace's key.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// A new key.
    pub fn random(entropy: &Entropy) -> Self {
        Self(entropy.bytes())
    }

    /// Reads the form that `init` writes: 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.trim().as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut key = [0; 32];
        for (byte, pair) in key.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).ok()?;
            if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(Self(key))
    }

    /// The form that goes into the key file, and nowhere else.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Encrypts for one connection: format byte, nonce, ciphertext with its tag.
    fn seal(&self, connection: &ConnectionName, plain: &[u8], entropy: &Entropy) -> Option<Vec<u8>> {
        let nonce: [u8; NONCE] = entropy.bytes();
        let aad = bound_to(connection);
        let sealed =
            self.cipher().encrypt(XNonce::from_slice(&nonce), Payload { msg: plain, aad: &aad }).ok()?;
        Some([&[FORMAT][..], &nonce, &sealed].concat())
    }

    /// Decrypts; `None` where the key, the connection or any byte is not the one it was sealed with.
    fn open(&self, connection: &ConnectionName, sealed: &[u8]) -> Option<Vec<u8>> {
        let (format, rest) = sealed.split_first()?;
        if *format != FORMAT || rest.len() < NONCE {
            return None;
        }
        let (nonce, ciphertext) = rest.split_at(NONCE);
        let aad = bound_to(connection);
        self.cipher().decrypt(XNonce::from_slice(nonce), Payload { msg: ciphertext, aad: &aad }).ok()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&self.0).into())
    }
}

fn bound_to(connection: &ConnectionName) -> Vec<u8> {
    [&[FORMAT][..], connection.as_str().as_bytes()].concat()
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(redacted)")
    }
}

/// What `connect` took from its input line: where the vendor is reached, and how to sign in there.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// The vendor.
    pub vendor: VendorName,
    /// Base address; `None`: the vendor's own.
    #[serde(default)]
    pub url: Option<String>,
    /// As the vendor's adapter understands them.
    pub credentials: serde_json::Value,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} credentials, redacted)", self.vendor)
    }
}

/// Where a connection's secret stands in the store.
fn slot(connection: &ConnectionName) -> String {
    format!("secret/{connection}")
}

/// Reads a connection's credentials; `None` where it was never connected.
///
/// # Errors
/// [`Error::KeyWrong`] where the key does not open them; [`Error::Store`].
pub async fn load(
    store: &dyn Store,
    key: &Key,
    connection: &ConnectionName,
) -> Result<Option<Secret>, Error> {
    let Some(sealed) = store.get(&slot(connection)).await? else { return Ok(None) };
    let wrong = || Error::KeyWrong { connection: connection.clone() };
    let plain = key.open(connection, &sealed).ok_or_else(wrong)?;
    serde_json::from_slice(&plain).map(Some).map_err(|_| wrong())
}

/// Adds a connection's credentials, encrypted, to a batch.
///
/// # Errors
/// [`Error::Internal`] where encryption fails, which only a text of more than 256 GB can cause.
pub fn put(
    batch: &mut Batch,
    key: &Key,
    entropy: &Entropy,
    connection: &ConnectionName,
    secret: &Secret,
) -> Result<(), Error> {
    let plain = serde_json::to_vec(secret).map_err(|error| Error::Internal(error.to_string()))?;
    let sealed = key
        .seal(connection, &plain, entropy)
        .ok_or_else(|| Error::Internal("encryption failed".to_owned()))?;
    batch.puts.push((slot(connection), Some(sealed)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ConnectionName {
        ConnectionName::from(text)
    }

    #[test]
    fn what_is_sealed_opens_again_and_only_with_the_same_key_name_and_bytes() {
        let entropy = Entropy::seeded(1);
        let (key, other) = (Key::random(&entropy), Key::random(&entropy));
        let sealed = key.seal(&name("hubspot"), b"token", &entropy).unwrap();
        assert!(!sealed.windows(5).any(|window| window == b"token"));
        assert_eq!(key.open(&name("hubspot"), &sealed).as_deref(), Some(&b"token"[..]));
        assert_eq!(other.open(&name("hubspot"), &sealed), None);
        assert_eq!(key.open(&name("salesforce"), &sealed), None);
        for position in 0..sealed.len() {
            let mut broken = sealed.clone();
            broken[position] ^= 1;
            assert_eq!(key.open(&name("hubspot"), &broken), None, "byte {position}");
            assert_eq!(key.open(&name("hubspot"), &sealed[..position]), None, "cut at {position}");
        }
    }

    #[test]
    fn each_sealing_takes_a_nonce_of_its_own() {
        let entropy = Entropy::seeded(1);
        let key = Key::random(&entropy);
        let seal = || key.seal(&name("hubspot"), b"token", &entropy).unwrap();
        assert_ne!(seal(), seal());
    }

    #[test]
    fn keys_round_trip_as_text_and_bad_ones_are_refused() {
        let key = Key::random(&Entropy::seeded(3));
        assert_eq!(Key::from_hex(&format!("{}\n", key.to_hex())).unwrap().0, key.0);
        for bad in ["", "abcd", &"g".repeat(64), &"+f".repeat(32), &"é".repeat(32)] {
            assert!(Key::from_hex(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let secret = Secret {
            vendor: "hubspot".into(),
            url: None,
            credentials: serde_json::json!({"access_token": "pat-123"}),
        };
        let key = Key::random(&Entropy::seeded(3));
        let shown = format!("{secret:?} {key:?}");
        assert!(!shown.contains("pat-123") && !shown.contains(&key.to_hex()), "{shown}");
    }
}
