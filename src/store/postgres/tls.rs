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

impl Tls {
    /// What `sslmode` and `sslrootcert` mean, with the mode that `tokio-postgres` has for it.
    pub(super) fn of(
        mode: Option<&str>,
        root_cert: Option<String>,
    ) -> Result<(&'static str, Self), String> {
        // As in libpq, `require` checks the authority where one is given.
        let (plain_mode, check) = match (mode, &root_cert) {
            (None | Some("prefer"), None) => ("prefer", Check::Nothing),
            (Some("disable"), None) => ("disable", Check::Nothing),
            (Some("require"), None) => ("require", Check::Nothing),
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
        Ok((plain_mode, Self { check, root_cert }))
    }

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
        let authority = match self.check {
            Check::Nothing => None,
            Check::Authority | Check::AuthorityAndHost => {
                let roots = Arc::new(self.roots()?);
                let builder = WebPkiServerVerifier::builder_with_provider(roots, provider.clone());
                let authority = builder.build();
                Some(authority.map_err(|error| format!("sslrootcert cannot be used: {error}"))?)
            }
        };
        let verifier = Arc::new(Verifier {
            authority,
            checks_host: self.check == Check::AuthorityAndHost,
            provider: provider.clone(),
        });
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

/// Checks what the mode says, which may be less than rustls would: the authority but not the host, or neither. Signatures are
/// always checked.
#[derive(Debug)]
struct Verifier {
    authority: Option<Arc<WebPkiServerVerifier>>,
    checks_host: bool,
    provider: Arc<CryptoProvider>,
}

/// What to make in place of a certificate that psql may take and rustls does not.
const MAKE: &str = "make a certificate of X.509 version 3 that is issued by an authority (sslrootcert) and is none itself, with the \
    host's name in it: openssl req -new -nodes -keyout server.key -out server.csr -subj /CN=HOST; \
    openssl x509 -req -in server.csr -CA root.crt -CAkey root.key -CAcreateserial -out server.crt -days 365 \
    -extfile <(echo subjectAltName=DNS:HOST)";

/// Puts into words what is wrong with a server's certificate.
fn in_words(error: rustls::Error) -> rustls::Error {
    let rustls::Error::InvalidCertificate(problem) = &error else {
        return error;
    };
    let what = match problem {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is not for this host: its subjectAltName does not have the host's name, and its CN does not count"
        }
        CertificateError::UnknownIssuer => {
            "was issued by none of the authorities that are trusted (sslrootcert)"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet"
        }
        CertificateError::Other(other) => match other.to_string() {
            other if other.contains("CaUsedAsEndEntity") => {
                "is that of an authority, such as one that signed itself"
            }
            other if other.contains("UnsupportedCertVersion") => "is of X.509 version 1",
            _ => "cannot be checked",
        },
        _ => "cannot be checked",
    };
    rustls::Error::General(format!("the server's certificate {what}; {MAKE}"))
}

impl ServerCertVerifier for Verifier {
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
            )) if !self.checks_host => Ok(ServerCertVerified::assertion()),
            verdict => verdict.map_err(in_words),
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
            .map_err(in_words)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
            .map_err(in_words)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
