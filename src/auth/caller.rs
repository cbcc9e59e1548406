//! The caller, and the permissions that only a caller can give.

use crate::key::model::Owner;

/// Who makes this request.
#[derive(Debug, Clone)]
pub struct Caller {
    owner: Owner,
    subject: String,
    credential: Credential,
}

/// How a caller proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// The local token, or a session that was opened with it.
    Local,
    /// The command line, on the machine that reaches the database.
    CommandLine,
}

impl Credential {
    /// The word that the record of events keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "LOCAL",
            Self::CommandLine => "COMMAND_LINE",
        }
    }
}

impl Caller {
    /// The operator of an installation in local mode: everything, as owner `local`.
    pub fn local_operator() -> Self {
        Self {
            owner: Owner::local(),
            subject: "local".to_owned(),
            credential: Credential::Local,
        }
    }

    /// Whoever runs the binary with access to the database: everything, for any owner.
    pub fn command_line(owner: Owner) -> Self {
        Self {
            owner,
            subject: "command-line".to_owned(),
            credential: Credential::CommandLine,
        }
    }

    /// Whose keys this caller works on.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Who it is.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// How they proved it.
    pub fn credential(&self) -> Credential {
        self.credential
    }

    /// The permission to see the owner's keys.
    pub fn read_keys(&self) -> ReadKeys {
        ReadKeys {
            owner: self.owner.clone(),
        }
    }

    /// The permission to make and delete the owner's keys.
    pub fn write_keys(&self) -> WriteKeys {
        WriteKeys {
            caller: self.clone(),
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
