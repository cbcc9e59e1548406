//! The pooler that many have before PostgreSQL, the real one.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;

use super::{Database, Program, cluster, command, free_port};

/// A running pooler before the cluster. It is killed when dropped.
pub struct Pooler {
    port: u16,
    program: Program,
    _folder: tempfile::TempDir,
}

impl Pooler {
    /// Starts one that gives its clients a connection for so long (`transaction` or `session`), of so many for each database.
    pub async fn start(pool_mode: &str, pool_size: usize) -> Self {
        let mut folder = tempfile::Builder::new();
        let folder = folder.prefix("apikeys-pooler-").tempdir().unwrap();
        let (address, port) = (cluster::address(), free_port());
        let (host, port_of_cluster) = address.split_once(':').unwrap();
        let settings = format!(
            "[databases]\n\
            * = host={host} port={port_of_cluster} user=postgres\n\
            [pgbouncer]\n\
            listen_addr = 127.0.0.1\n\
            listen_port = {port}\n\
            unix_socket_dir =\n\
            auth_type = any\n\
            pool_mode = {pool_mode}\n\
            default_pool_size = {pool_size}\n\
            max_client_conn = 200\n"
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        let mut pgbouncer = command("pgbouncer");
        pgbouncer.arg(&file).current_dir(folder.path());
        // It refuses to run as root, too.
        if let Some((uid, gid)) = cluster::unprivileged_user() {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
            pgbouncer.uid(uid).gid(gid);
        }
        let mut program = Program::start(folder.path(), pgbouncer);
        program.listens_at(port).await;
        Self {
            port,
            program,
            _folder: folder,
        }
    }

    /// A database by way of it.
    pub fn url(&self, database: &Database) -> String {
        let (port, name) = (self.port, database.name());
        format!("postgres://postgres@127.0.0.1:{port}/{name}")
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        // Newer ones that are asked to stop wait for their clients.
        self.program.kill();
    }
}
