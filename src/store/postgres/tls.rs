//! `sslmode` and `sslrootcert`, with the meaning that libpq gives them
//! ([PostgreSQL, "SSL Support"](https://www.postgresql.org/docs/current/libpq-ssl.html)).
//!
//! No cryptography of our own: rustls does the handshake, and in each mode decides all but what the mode waives.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How the server's certificate is checked.
pub(super) struct Tls {
    check: Check,
    root_cert: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    /// `disable`, `prefer`, `require`: whoever answers is believed.
    Nothing,
    /// `verify-ca`, or `require` with `sslrootcert`: issued by an authority that we trust.
    Authority,
    /// `verify-full`: and for the host that was asked.
    AuthorityAndHost,
}

/// Takes `sslrootcert` and the modes that `tokio-postgres` has no word for out of a URL, and leaves the rest as it is.
pub(super) fn from_url(url: &str) -> Result<(String, Tls), String> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let mut mode = None;
    let mut root_cert = None;
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        // A + is a + in PostgreSQL's URLs, and not a blank.
        let literal_plus = pair.replace('+', "%2B");
        match url::form_urlencoded::parse(literal_plus.as_bytes()).next() {
            Some((name, value)) if name == "sslmode" => mode = Some(value.into_owned()),
            Some((name, value)) if name == "sslrootcert" => root_cert = Some(value.into_owned()),
            _ => kept.push(pair),
        }
    }
    // As in libpq, `require` checks the authority where one is given.
    let (plain_mode, check) = match (mode.as_deref(), &root_cert) {
        (None, None) => ("prefer", Check::Nothing),
        (Some(mode @ ("disable" | "prefer" | "require")), None) => (mode, Check::Nothing),
        (Some("require"), Some(_)) | (Some("verify-ca"), _) => ("require", Check::Authority),
        (Some("verify-full"), _) => ("require", Check::AuthorityAndHost),
        (None | Some("disable" | "prefer"), Some(_)) => {
            return Err(
                "has sslrootcert, and an sslmode that checks nothing; add sslmode=verify-full"
                    .into(),
            );
        }
        (Some(_), _) => {
            return Err("has an unknown sslmode; it must be disable, prefer, require, verify-ca or verify-full".into());
        }
    };
    let plain_mode = format!("sslmode={plain_mode}");
    kept.push(&plain_mode);
    let url = format!("{base}?{}", kept.join("&"));
    Ok((url, Tls { check, root_cert }))
}

impl Tls {
    /// Says so when a password may travel to whoever answers.
    pub(super) fn warn_if_risky(&self, config: &Config) {
        let is_remote = config.get_hosts().iter().any(|host| match host {
            Host::Tcp(name) => !matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
            Host::Unix(_) => false,
        });
        if is_remote && self.check == Check::Nothing {
            let mode = match config.get_ssl_mode() {
                SslMode::Disable => "disable",
                SslMode::Require => "require",
                _ => "prefer",
            };
            tracing::warn!(
                "DATABASE_URL: sslmode={mode} does not check who the database server is; use sslmode=verify-full"
            );
        }
    }

    /// The connector for `tokio-postgres`.
    pub(super) fn connector(&self) -> Result<MakeRustlsConnect, String> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match self.check {
            Check::Nothing => Arc::new(Lenient {
                authority: None,
                provider: provider.clone(),
            }),
            Check::Authority | Check::AuthorityAndHost => {
                let builder = WebPkiServerVerifier::builder_with_provider(
                    Arc::new(self.roots()?),
                    provider.clone(),
                );
                let full = builder
                    .build()
                    .map_err(|error| format!("sslrootcert cannot be used: {error}"))?;
                match self.check {
                    Check::AuthorityAndHost => full,
                    _ => Arc::new(Lenient {
                        authority: Some(full),
                        provider: provider.clone(),
                    }),
                }
            }
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }

    /// The authorities of `sslrootcert`, or the system's.
    fn roots(&self) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        match self.root_cert.as_deref() {
            None | Some("system") => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
            Some(path) => {
                let unreadable = |why: &dyn std::fmt::Display| {
                    format!("sslrootcert {path} cannot be read: {why}")
                };
                for certificate in
                    CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))?
                {
                    let certificate = certificate.map_err(|error| unreadable(&error))?;
                    roots.add(certificate).map_err(|error| unreadable(&error))?;
                }
            }
        }
        if roots.is_empty() {
            return Err("sslmode asks for a check of the server, but there is no authority to check against; give sslrootcert=PATH".into());
        }
        Ok(roots)
    }
}

/// Checks less than rustls would: the authority but not the host, or neither. Signatures are always checked.
#[derive(Debug)]
struct Lenient {
    authority: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(authority) = &self.authority else {
            return Ok(ServerCertVerified::assertion());
        };
        match authority.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        ) {
            // The name is the last thing that is checked: the chain was good.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
