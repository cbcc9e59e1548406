//! An identity provider of our own, which publishes the keys that a scenario gives it, and signs whatever it is told to.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use poem::http::StatusCode;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::{Data, Json};
use poem::{EndpointExt, IntoResponse, Response, Route, get, handler};
use rcgen::{KeyPair, RsaKeySize};
use serde_json::{Value, json};

pub const AUDIENCE: &str = "https://keys.example.com/api";

/// An issuer on a port of its own. It answers from [`Issuer::start`] on.
pub struct Issuer {
    pub url: String,
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    url: String,
    keys: Mutex<Vec<Value>>,
    is_up: AtomicBool,
    asked: AtomicUsize,
}

/// A pair of keys. The public one is known to nobody until it is published.
pub struct SigningKey {
    pub kid: String,
    pub algorithm: Algorithm,
    pub public_pem: String,
    jwk: Value,
    encoding: EncodingKey,
}

impl Issuer {
    /// An issuer that cannot be reached yet.
    pub async fn stopped() -> Self {
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await;
        let addresses = acceptor.unwrap().local_addr();
        let address = *addresses[0].as_socket_addr().unwrap();
        let url = format!("http://{address}/realm");
        let shared = Shared {
            url: url.clone(),
            keys: Mutex::default(),
            is_up: AtomicBool::new(true),
            asked: AtomicUsize::new(0),
        };
        Self {
            url,
            address,
            shared: Arc::new(shared),
        }
    }

    /// An issuer that publishes these keys.
    pub async fn with(keys: &[&SigningKey]) -> Self {
        let issuer = Self::stopped().await;
        issuer.publish(keys);
        issuer.start().await;
        issuer
    }

    /// Answers from now on.
    pub async fn start(&self) {
        let routes = Route::new()
            .at("/realm/.well-known/openid-configuration", get(metadata))
            .at("/realm/keys", get(key_set))
            .data(self.shared.clone());
        let acceptor = TcpListener::bind(self.address).into_acceptor().await;
        tokio::spawn(poem::Server::new_with_acceptor(acceptor.unwrap()).run(routes));
    }

    /// Publishes these keys and no others.
    pub fn publish(&self, keys: &[&SigningKey]) {
        *self.shared.keys.lock().unwrap() = keys.iter().map(|key| key.jwk()).collect();
    }

    /// Adds something to what is published.
    pub fn publish_too(&self, jwk: Value) {
        self.shared.keys.lock().unwrap().push(jwk);
    }

    /// Whether it answers, or is out of order.
    pub fn set_up(&self, is_up: bool) {
        self.shared.is_up.store(is_up, Ordering::Relaxed);
    }

    /// How often it was asked for its keys.
    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::Relaxed)
    }

    /// The variables of a server that takes this issuer's tokens.
    pub fn variables(&self) -> Vec<(&str, &str)> {
        vec![
            ("APIKEYS_OIDC_ISSUER", &self.url),
            ("APIKEYS_OIDC_AUDIENCE", AUDIENCE),
        ]
    }

    /// What a good token says.
    pub fn claims(&self, subject: &str) -> Value {
        let now = now();
        json!({"iss": self.url, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 300})
    }

    /// A good token.
    pub fn token(&self, key: &SigningKey, subject: &str) -> String {
        key.sign(&self.claims(subject))
    }
}

impl SigningKey {
    pub fn new(algorithm: Algorithm, kid: &str) -> Self {
        use Algorithm::{ES256, ES384, EdDSA};
        let pair = match algorithm {
            ES256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            ES384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
            EdDSA => KeyPair::generate_for(&rcgen::PKCS_ED25519),
            _ => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048),
        };
        let pair = pair.unwrap();
        let encoding = match algorithm {
            ES256 | ES384 => EncodingKey::from_ec_der(pair.serialized_der()),
            EdDSA => EncodingKey::from_ed_der(pair.serialized_der()),
            _ => EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap(),
        };
        let mut jwk = match algorithm {
            // The library makes one only from a form of private keys that `rcgen` does not write.
            EdDSA => {
                let x = URL_SAFE_NO_PAD.encode(pair.public_key_raw());
                json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": x})
            }
            _ => json!(Jwk::from_encoding_key(&encoding, algorithm).unwrap()),
        };
        jwk["kid"] = json!(kid);
        Self {
            kid: kid.to_owned(),
            algorithm,
            public_pem: pair.public_key_pem(),
            jwk,
            encoding,
        }
    }

    /// The public key, as it is published.
    pub fn jwk(&self) -> Value {
        self.jwk.clone()
    }

    pub fn header(&self) -> Header {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.kid.clone());
        header
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.header(), claims)
    }

    pub fn sign_with(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.encoding).unwrap()
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs()
}

#[handler]
fn metadata(shared: Data<&Arc<Shared>>) -> Response {
    shared.answer(json!({
        "issuer": shared.url,
        "jwks_uri": format!("{}/keys", shared.url),
        "token_endpoint": "https://token.example.com/token",
    }))
}

#[handler]
fn key_set(shared: Data<&Arc<Shared>>) -> Response {
    shared.asked.fetch_add(1, Ordering::Relaxed);
    shared.answer(json!({"keys": *shared.keys.lock().unwrap()}))
}

impl Shared {
    fn answer(&self, value: Value) -> Response {
        if self.is_up.load(Ordering::Relaxed) {
            Json(value).into_response()
        } else {
            StatusCode::BAD_GATEWAY.into_response()
        }
    }
}
