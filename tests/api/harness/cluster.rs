//! A throwaway PostgreSQL: made by the installed binaries at first use, gone at the end. It offers TLS.

use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

struct Cluster {
    binaries: PathBuf,
    folder: tempfile::TempDir,
    /// Whom to become: PostgreSQL refuses to run as root.
    user: Option<(u32, u32)>,
    port: u16,
    server: Mutex<Child>,
}

static CLUSTER: OnceLock<Cluster> = OnceLock::new();

/// Settings on top of the tests', over which they win. They count where they are given before the first use.
pub static MORE_SETTINGS: OnceLock<&[&str]> = OnceLock::new();

fn cluster() -> &'static Cluster {
    CLUSTER.get_or_init(Cluster::start)
}

/// The URL of one of its databases.
pub fn url(database: &str) -> String {
    format!(
        "postgres://postgres@127.0.0.1:{}/{database}",
        cluster().port
    )
}

/// One of PostgreSQL's own commands.
pub fn command(name: &str) -> Command {
    cluster().command(name)
}

/// What the server logged about one database.
pub fn log(database: &str) -> Vec<String> {
    let log = std::fs::read_to_string(cluster().folder.path().join("log")).unwrap();
    let prefix = format!("[{database}] ");
    log.lines()
        .filter_map(|line| line.strip_prefix(&prefix))
        .map(str::to_owned)
        .collect()
}

/// The authority that issued the server's certificate, which is for `localhost` and for no address.
pub fn root_certificate() -> PathBuf {
    cluster().folder.path().join("root.crt")
}

/// Stops it, if it was started.
pub fn stop() {
    if let Some(cluster) = CLUSTER.get() {
        let data = cluster.folder.path().join("data");
        let _ = cluster
            .command("pg_ctl")
            .args(["stop", "--mode=immediate", "--silent", "-D"])
            .arg(data)
            .status();
        let _ = cluster.server.lock().unwrap().wait();
        let _ = std::fs::remove_dir_all(cluster.folder.path());
    }
}

impl Cluster {
    fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("apikeys-postgres-")
            .tempdir()
            .unwrap();
        let user = unprivileged_user();
        write_certificates(folder.path());
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
            for entry in std::fs::read_dir(folder.path()).unwrap() {
                chown(entry.unwrap().path(), Some(uid), Some(gid)).unwrap();
            }
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let binaries = find_binaries();
        let mut cluster = Self {
            binaries,
            folder,
            user,
            port,
            server: Mutex::new(Command::new("true").spawn().unwrap()),
        };

        let data = cluster.folder.path().join("data");
        let made = cluster
            .command("initdb")
            .args([
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "-D",
            ])
            .arg(&data)
            .stdout(Stdio::null())
            .output()
            .expect("initdb runs");
        assert!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );

        let log = std::fs::File::create(cluster.folder.path().join("log")).unwrap();
        let mut server = cluster.command("postgres");
        server.arg("-D").arg(&data).arg("-p").arg(port.to_string());
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
            "max_connections=400",
            "log_line_prefix=[%d] ",
            "ssl=on",
            "ssl_cert_file=../server.crt",
            "ssl_key_file=../server.key",
        ] {
            server.args(["-c", setting]);
        }
        for setting in MORE_SETTINGS.get().copied().unwrap_or_default() {
            server.args(["-c", setting]);
        }
        cluster.server = Mutex::new(
            server
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()
                .expect("postgres runs"),
        );
        cluster.wait_until_ready();
        cluster
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.binaries.join(name));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    fn wait_until_ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        let port = self.port.to_string();
        while !self
            .command("pg_isready")
            .args(["-q", "-h", "127.0.0.1", "-p", &port])
            .status()
            .unwrap()
            .success()
        {
            let log = self.folder.path().join("log");
            assert!(
                Instant::now() < deadline,
                "PostgreSQL did not start: {}",
                std::fs::read_to_string(log).unwrap()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The newest PostgreSQL of Debian's packages, or the one on the PATH.
fn find_binaries() -> PathBuf {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    let version = |bin: &PathBuf| {
        bin.parent()
            .and_then(|path| path.file_name()?.to_str()?.parse::<u32>().ok())
    };
    versions.sort_by_key(version);
    let on_path = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).find(|bin| bin.join("initdb").exists())
    };
    versions
        .pop()
        .or_else(on_path)
        .expect("PostgreSQL's initdb is installed; `make test` installs it on Debian and Ubuntu")
}

/// The user and group to run PostgreSQL as; `None` where we are not root.
fn unprivileged_user() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if !is_root {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    ["postgres", "nobody"].into_iter().find_map(|wanted| {
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let ids = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
            (name == wanted).then_some(ids)
        })
    })
}

/// An authority, and a certificate of it for `localhost`.
fn write_certificates(folder: &Path) {
    use rcgen::{
        BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    };
    use std::os::unix::fs::PermissionsExt;
    let named = |name: &str| {
        let mut distinguished = DistinguishedName::new();
        distinguished.push(DnType::CommonName, name);
        distinguished
    };
    let root_key = KeyPair::generate().unwrap();
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.distinguished_name = named("apikeys test authority");
    let root_certificate = root.self_signed(&root_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    server.distinguished_name = named("localhost");
    let certificate = server
        .signed_by(&key, &Issuer::new(root, root_key))
        .unwrap();

    std::fs::write(folder.join("root.crt"), root_certificate.pem()).unwrap();
    std::fs::write(folder.join("server.crt"), certificate.pem()).unwrap();
    std::fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
    std::fs::set_permissions(
        folder.join("server.key"),
        std::fs::Permissions::from_mode(0o600),
    )
    .unwrap();
}
