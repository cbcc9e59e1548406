//! Certificates as PostgreSQL's manual says to make them ("Creating Certificates"): none of them names its host but in its subject.

use super::cluster::{Instance, run};
use super::command;

/// A certificate for `localhost`, with its key, in files beside the data of an [`Instance`].
pub struct Certificate {
    /// The files are called this, `.crt` and `.key`.
    pub name: &'static str,
    /// The certificate that a client is given to trust.
    pub root: &'static str,
}

pub const CERTIFICATES: [Certificate; 3] = [
    // Without any extension, which is version 1 of X.509 where openssl adds none of its own.
    Certificate {
        name: "plain",
        root: "root.crt",
    },
    Certificate {
        name: "server",
        root: "root.crt",
    },
    // An authority, and its own.
    Certificate {
        name: "itself",
        root: "itself.crt",
    },
];

/// What of openssl's own settings the commands refer to. Its path is not everywhere the same.
const SETTINGS: &str = "[req]
distinguished_name = name
[name]
[v3_ca]
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always, issuer
basicConstraints = critical, CA:true
[server]
basicConstraints = CA:false
";

/// Makes them all.
pub fn make_certificates(instance: &Instance) {
    std::fs::write(instance.folder().join("openssl.cnf"), SETTINGS).unwrap();
    let request = "req -config openssl.cnf -new -nodes";
    let issue = "x509 -req -days 30 -extfile openssl.cnf";
    let by_root = "-CA root.crt -CAkey root.key -CAcreateserial";
    for arguments in [
        format!("{request} -subj /CN=authority -keyout root.key -out root.csr"),
        format!("{issue} -extensions v3_ca -signkey root.key -in root.csr -out root.crt"),
        format!("{request} -subj /CN=localhost -keyout plain.key -out plain.csr"),
        format!("x509 -req -days 30 {by_root} -in plain.csr -out plain.crt"),
        format!("{request} -subj /CN=localhost -keyout server.key -out server.csr"),
        format!("{issue} -extensions server {by_root} -in server.csr -out server.crt"),
        format!(
            "{request} -x509 -days 30 -extensions v3_ca -subj /CN=localhost -keyout itself.key -out itself.crt"
        ),
    ] {
        let mut openssl = instance.at_home(command("openssl"));
        run(openssl.args(arguments.split(' ')));
    }
}
