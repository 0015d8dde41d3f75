//! A certificate authority and one certificate, both made at start and forgotten at the end: client libraries that
//! insist on HTTPS are told to trust the authority and verify as they would at the vendor.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use std::{net::IpAddr, sync::Arc};
use tokio_rustls::TlsAcceptor;

/// The authority's own certificate and an acceptor that shows a certificate signed by it.
pub(super) struct Authority {
    pem: String,
    acceptor: TlsAcceptor,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    #[error(transparent)]
    Certificate(#[from] rcgen::Error),
    #[error(transparent)]
    Protocol(#[from] rustls::Error),
}

impl Authority {
    /// For `localhost`, 127.0.0.1 and the address that is listened on.
    pub(super) fn new(listen: IpAddr) -> Result<Self, TlsError> {
        let authority = CertifiedIssuer::self_signed(authority_params()?, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let certificate = leaf_params(listen)?.signed_by(&key, &authority)?;

        // Named, not the process default: another library may have installed its own.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { pem: authority.pem(), acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    pub(super) fn into_parts(self) -> (String, TlsAcceptor) {
        (self.pem, self.acceptor)
    }
}

fn authority_params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = dated(CertificateParams::new(Vec::new())?);
    params.distinguished_name.push(DnType::CommonName, "Syncline sandbox authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn leaf_params(listen: IpAddr) -> Result<CertificateParams, rcgen::Error> {
    let mut params = dated(CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?);
    params.distinguished_name.push(DnType::CommonName, "Syncline sandbox");
    params.subject_alt_names.push(SanType::IpAddress(listen));
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

/// Fixed dates: a machine whose clock is off can still use a certificate that lives as long as the process.
fn dated(mut params: CertificateParams) -> CertificateParams {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    params
}
