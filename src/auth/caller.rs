//! The caller, and the permissions that only a caller can give.

use std::sync::Arc;

use super::oidc::Person;
use crate::key::api_key::LiveKey;
use crate::key::error::Error;
use crate::key::event::PresentedSecret;
use crate::key::model::{KeyId, Owner};
use crate::key::scope;
use crate::key::secret::Digest;

/// Who makes this request.
#[derive(Debug, Clone)]
pub struct Caller {
    owner: Owner,
    identity: Identity,
}

#[derive(Debug, Clone)]
enum Identity {
    Local,
    CommandLine,
    Oidc {
        subject: String,
    },
    ApiKey {
        api_key: Arc<LiveKey>,
        /// The request names the owner, and the key may do that.
        acts_for_owner: bool,
    },
}

/// How a caller proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// The local token, or a session that was opened with it.
    Local,
    /// The command line, on the machine that reaches the database.
    CommandLine,
    /// An access token of the issuer.
    Oidc,
    /// An API key's secret.
    ApiKey,
}

impl Credential {
    /// What a word of the record means.
    pub fn from_store(word: &str) -> Option<Self> {
        let all = [Self::Local, Self::CommandLine, Self::Oidc, Self::ApiKey];
        all.into_iter()
            .find(|credential| credential.as_str() == word)
    }

    /// The word that the record of events keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "LOCAL",
            Self::CommandLine => "COMMAND_LINE",
            Self::Oidc => "OIDC",
            Self::ApiKey => "API_KEY",
        }
    }
}

impl Caller {
    /// The operator of an installation in local mode: everything, as owner `local`.
    pub fn local_operator() -> Self {
        Self {
            owner: Owner::local(),
            identity: Identity::Local,
        }
    }

    /// Whoever runs the binary with access to the database: everything, for any owner.
    pub fn command_line(owner: Owner) -> Self {
        Self {
            owner,
            identity: Identity::CommandLine,
        }
    }

    /// A person whom the issuer knows: everything on their owner's keys, but granting scopes of this service itself.
    pub(super) fn oidc(person: Person) -> Self {
        let Person { owner, subject } = person;
        Self {
            owner,
            identity: Identity::Oidc { subject },
        }
    }

    /// A program that presented an API key: what the key's scopes say, on the keys of the key's own owner.
    pub fn api_key(api_key: Arc<LiveKey>) -> Self {
        Self {
            owner: api_key.owner.clone(),
            identity: Identity::ApiKey {
                api_key,
                acts_for_owner: false,
            },
        }
    }

    /// The same caller working on the keys of the owner that its request names.
    ///
    /// [`Error::Forbidden`] for all but an API key with the scope `apikeys:act-as`.
    pub fn acting_for(self, owner: Owner) -> Result<Self, Error> {
        match self.identity {
            Identity::ApiKey { api_key, .. } if api_key.scopes.contains(scope::ACT_AS) => {
                let identity = Identity::ApiKey {
                    api_key,
                    acts_for_owner: true,
                };
                Ok(Self { owner, identity })
            }
            _ => Err(Error::Forbidden(format!(
                "to act for an owner takes an API key with the scope `{}`",
                scope::ACT_AS
            ))),
        }
    }

    /// Whose keys this caller works on.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Who it is.
    pub fn subject(&self) -> String {
        match &self.identity {
            Identity::Local => "local".to_owned(),
            Identity::CommandLine => "command-line".to_owned(),
            Identity::Oidc { subject } => subject.clone(),
            Identity::ApiKey { api_key, .. } => api_key.id.to_string(),
        }
    }

    /// How they proved it.
    pub fn credential(&self) -> Credential {
        match self.identity {
            Identity::Local => Credential::Local,
            Identity::CommandLine => Credential::CommandLine,
            Identity::Oidc { .. } => Credential::Oidc,
            Identity::ApiKey { .. } => Credential::ApiKey,
        }
    }

    /// The secret that was presented, if it was that of a key.
    pub fn presented(&self) -> Option<PresentedSecret> {
        match &self.identity {
            Identity::ApiKey { api_key, .. } => Some(PresentedSecret {
                id: api_key.id,
                digest: api_key.digest,
            }),
            Identity::Local | Identity::CommandLine | Identity::Oidc { .. } => None,
        }
    }

    /// The permission to see the key that was presented, if one was: every key has it.
    pub fn read_own_key(&self) -> Option<ReadOwnKey> {
        match &self.identity {
            Identity::ApiKey { api_key, .. } => Some(ReadOwnKey(api_key.clone())),
            Identity::Local | Identity::CommandLine | Identity::Oidc { .. } => None,
        }
    }

    /// The permission to ask whose a secret is, whoever that may be. People of an issuer have it not: it is beyond their
    /// own keys.
    pub fn introspect_keys(&self) -> Result<IntrospectKeys, Error> {
        match &self.identity {
            Identity::Local | Identity::CommandLine => Ok(IntrospectKeys(())),
            Identity::ApiKey { api_key, .. } if api_key.scopes.contains(scope::INTROSPECT) => {
                Ok(IntrospectKeys(()))
            }
            Identity::ApiKey { .. } | Identity::Oidc { .. } => Err(Error::Forbidden(format!(
                "this takes an API key with the scope `{}`",
                scope::INTROSPECT
            ))),
        }
    }

    /// Whether this caller may grant scopes that start with `apikeys:`.
    pub fn may_grant_reserved_scopes(&self) -> bool {
        match self.identity {
            Identity::Local | Identity::CommandLine => true,
            Identity::Oidc { .. } | Identity::ApiKey { .. } => false,
        }
    }

    /// The permission to see the owner's keys.
    pub fn read_keys(&self) -> Result<ReadKeys, Error> {
        self.require(scope::READ)?;
        Ok(ReadKeys {
            owner: self.owner.clone(),
        })
    }

    /// The permission to make, change and delete the owner's keys.
    pub fn write_keys(&self) -> Result<WriteKeys, Error> {
        self.require(scope::WRITE)?;
        Ok(WriteKeys {
            caller: self.clone(),
        })
    }

    /// The permission to give a key a new secret: a program may do that to the key that it presented, whatever its scopes.
    pub fn rotate_key(&self, id: KeyId) -> Result<RotateKey, Error> {
        let presented = match &self.identity {
            Identity::ApiKey {
                api_key,
                acts_for_owner: false,
            } if api_key.id == id => Some(api_key.digest),
            _ => None,
        };
        if presented.is_none() {
            self.require(scope::WRITE)?;
        }
        let write = WriteKeys {
            caller: self.clone(),
        };
        Ok(RotateKey {
            write,
            id,
            presented,
        })
    }

    /// A key needs the scope, unless it acts for an owner, who may do all of this. People need none.
    fn require(&self, scope: &str) -> Result<(), Error> {
        match &self.identity {
            Identity::ApiKey {
                api_key,
                acts_for_owner,
            } if !acts_for_owner && !api_key.scopes.contains(scope) => Err(Error::Forbidden(
                format!("this takes an API key with the scope `{scope}`"),
            )),
            _ => Ok(()),
        }
    }
}

/// The permission to see one owner's keys. Only a [`Caller`] makes one.
#[derive(Debug, Clone)]
pub struct ReadKeys {
    owner: Owner,
}

impl ReadKeys {
    /// Whose keys may be seen.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }
}

/// The permission to see the key that one presented. Only a [`Caller`] makes one.
#[derive(Debug, Clone)]
pub struct ReadOwnKey(Arc<LiveKey>);

impl ReadOwnKey {
    /// Whose key it is.
    pub fn owner(&self) -> &Owner {
        &self.0.owner
    }

    /// Which key.
    pub fn id(&self) -> KeyId {
        self.0.id
    }
}

/// The permission to ask whose a secret is. Only a [`Caller`] makes one.
#[derive(Debug, Clone)]
pub struct IntrospectKeys(());

/// The permission to change one owner's keys. Only a [`Caller`] makes one.
#[derive(Debug, Clone)]
pub struct WriteKeys {
    caller: Caller,
}

impl WriteKeys {
    /// Whose keys may be changed, by whom: the record of events keeps it.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }
}

/// The permission to give one key a new secret. Only a [`Caller`] makes one.
#[derive(Debug, Clone)]
pub struct RotateKey {
    write: WriteKeys,
    id: KeyId,
    presented: Option<Digest>,
}

impl RotateKey {
    /// Whose keys, and by whom.
    pub fn write(&self) -> &WriteKeys {
        &self.write
    }

    /// Which key.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The digest of the secret that the caller presented, where it is one of this very key: it must be the newest.
    pub fn presented(&self) -> Option<Digest> {
        self.presented
    }
}
