//! From credentials to a caller.

use super::{Caller, LocalToken};
use crate::key::error::Error;
use crate::key::model::Owner;
use crate::key::verify::Verifier;

/// Knows every kind of credential that this installation takes.
pub struct Authenticator {
    local_token: LocalToken,
    verifier: Verifier,
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
    /// The credentials are good; the caller may not do what the request asks, or the database was not there to ask.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl Authenticator {
    /// Local mode: the operator's token, and API keys.
    pub fn local(local_token: LocalToken, verifier: Verifier) -> Self {
        Self {
            local_token,
            verifier,
        }
    }

    /// The token of the local operator.
    pub fn local_token(&self) -> &LocalToken {
        &self.local_token
    }

    /// Finds out who is calling. Credentials of two kinds on one request are refused.
    pub async fn authenticate(&self, presented: Presented<'_>) -> Result<Caller, Refused> {
        let caller = match (presented.bearer, presented.api_key, presented.session) {
            (None, None, false) => return Err(Refused::Missing),
            (None, None, true) => Caller::local_operator(),
            (Some(token), None, false) if self.local_token.matches(token) => {
                Caller::local_operator()
            }
            (Some(secret), None, false) | (None, Some(secret), false) => {
                let api_key = self.verifier.verify(secret).await?;
                Caller::api_key(api_key.ok_or(Refused::Invalid)?)
            }
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
}
