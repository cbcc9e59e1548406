//! From credentials to a caller.

use std::sync::Arc;

use super::oidc::{Oidc, TokenError};
use super::{Caller, LocalToken};
use crate::key::error::{Cause, Error};
use crate::key::model::Owner;
use crate::key::verify::Verifier;

/// Knows every kind of credential that this installation takes.
pub struct Authenticator {
    people: People,
    verifier: Arc<Verifier>,
}

/// How people prove who they are. Programs present API keys, whichever it is.
pub enum People {
    /// Local mode: there is one operator, who has the token.
    Local(LocalToken),
    /// OIDC mode: an issuer knows them.
    Oidc(Oidc),
}

/// What a request presents, and for whom it says to act.
#[derive(Debug, Default)]
pub struct Presented<'a> {
    /// The token of `Authorization: Bearer`.
    pub bearer: Option<&'a str>,
    /// The header that is for API keys alone.
    pub api_key: Option<&'a str>,
    /// A session that the local operator opened.
    pub session: bool,
    /// The owner that the request names.
    pub owner: Option<&'a str>,
}

/// Why a request is nobody's, or not answered.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There were no credentials.
    #[error("no credentials")]
    Missing,
    /// There were some, and they are not good.
    #[error("the credentials are not good")]
    Invalid,
    /// There were several, and which is meant is not guessed.
    #[error("several credentials")]
    Several,
    /// Only the issuer could tell, and it cannot be reached.
    #[error("the identity provider is not available")]
    IssuerUnavailable(#[source] Cause),
    /// The credentials are good; the caller may not do what the request asks, or the database was not there to ask.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl Authenticator {
    /// Takes what these people present, and API keys.
    pub fn new(people: People, verifier: Arc<Verifier>) -> Self {
        Self { people, verifier }
    }

    /// How people prove who they are.
    pub fn people(&self) -> &People {
        &self.people
    }

    /// Finds out who is calling. Credentials of two kinds on one request are refused.
    pub async fn authenticate(&self, presented: Presented<'_>) -> Result<Caller, Refused> {
        let caller = match (presented.bearer, presented.api_key, presented.session) {
            (None, None, false) => return Err(Refused::Missing),
            (None, None, true) => Caller::local_operator(),
            (Some(token), None, false) => self.of_bearer(token).await?,
            (None, Some(secret), false) => self.of_api_key(secret).await?,
            _ => return Err(Refused::Several),
        };
        match presented.owner {
            None => Ok(caller),
            Some(owner) => {
                let owner = Owner::parse(owner).map_err(Error::from)?;
                Ok(caller.acting_for(owner)?)
            }
        }
    }

    async fn of_bearer(&self, token: &str) -> Result<Caller, Refused> {
        match &self.people {
            People::Local(local_token) if local_token.matches(token) => {
                Ok(Caller::local_operator())
            }
            People::Oidc(oidc) if Oidc::is_jwt(token) => match oidc.verify(token).await {
                Ok(person) => Ok(Caller::oidc(person)),
                Err(TokenError::Unavailable(cause)) => Err(Refused::IssuerUnavailable(cause)),
                Err(TokenError::Invalid(reason)) => {
                    tracing::info!(reason, "an OIDC token was refused");
                    Err(Refused::Invalid)
                }
            },
            _ => self.of_api_key(token).await,
        }
    }

    async fn of_api_key(&self, secret: &str) -> Result<Caller, Refused> {
        let api_key = self.verifier.verify(secret).await?;
        Ok(Caller::api_key(api_key.ok_or(Refused::Invalid)?))
    }
}
