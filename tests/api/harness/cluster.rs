//! A throwaway PostgreSQL: made by the installed binaries at first use, gone at the end. It offers TLS.

use std::fs::OpenOptions;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// A server in a folder of its own: its files, its log and its port. It is stopped, and the folder gone, when it is dropped.
pub struct Instance {
    binaries: PathBuf,
    folder: tempfile::TempDir,
    /// Whom to become: PostgreSQL refuses to run as root.
    user: Option<(u32, u32)>,
    port: u16,
    server: Mutex<Option<Child>>,
}

/// The one that all scenarios share.
static CLUSTER: OnceLock<Instance> = OnceLock::new();

const SETTINGS: [&str; 5] = [
    "max_connections=400",
    "log_line_prefix=[%d] ",
    "ssl=on",
    "ssl_cert_file=../server.crt",
    "ssl_key_file=../server.key",
];

/// Settings on top of the tests', over which they win. They count where they are given before the first use.
pub static MORE_SETTINGS: OnceLock<&[&str]> = OnceLock::new();

fn cluster() -> &'static Instance {
    CLUSTER.get_or_init(|| {
        let cluster = Instance::new();
        write_certificates(cluster.folder());
        for entry in std::fs::read_dir(cluster.folder()).unwrap() {
            cluster.give_to_user(&entry.unwrap().path());
        }
        cluster.init();
        let more = MORE_SETTINGS.get().copied().unwrap_or_default();
        cluster.start(&[&SETTINGS[..], more].concat());
        cluster
    })
}

/// The URL of one of its databases.
pub fn url(database: &str) -> String {
    cluster().url(database)
}

/// Where it listens.
pub fn address() -> String {
    cluster().address()
}

/// One of PostgreSQL's own commands.
pub fn command(name: &str) -> Command {
    cluster().command(name)
}

/// What the server logged about one database.
pub fn log(database: &str) -> Vec<String> {
    let prefix = format!("[{database}] ");
    let log = cluster().log();
    log.lines()
        .filter_map(|line| line.strip_prefix(&prefix))
        .map(str::to_owned)
        .collect()
}

/// The authority that issued the server's certificate, which is for `localhost` and for no address.
pub fn root_certificate() -> PathBuf {
    cluster().folder().join("root.crt")
}

/// Stops it, if it was started.
pub fn stop() {
    // What is static is never dropped.
    if let Some(cluster) = CLUSTER.get() {
        cluster.stop("immediate");
        let _ = std::fs::remove_dir_all(cluster.folder());
    }
}

impl Instance {
    /// A folder without any files of a server yet, and a port that nobody listens at.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("apikeys-postgres-")
            .tempdir()
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let instance = Self {
            binaries: find_binaries(),
            folder,
            user: unprivileged_user(),
            port: listener.local_addr().unwrap().port(),
            server: Mutex::default(),
        };
        instance.give_to_user(instance.folder());
        instance
    }

    /// Makes the files of a new server.
    pub fn init(&self) {
        let mut initdb = self.command("initdb");
        initdb.args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "-D",
        ]);
        run(initdb.arg(self.data()));
    }

    /// Starts the server, and waits until it takes connections. The settings win over those in its files.
    pub fn start(&self, settings: &[&str]) {
        let mut server = self.command("postgres");
        server.arg("-D").arg(self.data());
        server.arg("-p").arg(self.port.to_string());
        let always = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
        ];
        for setting in always.iter().chain(settings) {
            server.args(["-c", setting]);
        }
        let mut log = OpenOptions::new();
        let log = log.create(true).append(true);
        let log = log.open(self.folder().join("log")).unwrap();
        let server = server.stdout(Stdio::null()).stderr(log).spawn();
        *self.server.lock().unwrap() = Some(server.expect("postgres runs"));
        self.wait_until_ready();
    }

    /// Stops the server, if it runs, in one of the modes of `pg_ctl`.
    pub fn stop(&self, mode: &str) {
        let server = self.server.lock().unwrap().take();
        if let Some(mut server) = server {
            let _ = self
                .command("pg_ctl")
                .args(["stop", "--silent", "--mode", mode, "-D"])
                .arg(self.data())
                .status();
            let _ = server.wait();
        }
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@{}/{database}", self.address())
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the server's files.
    pub fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// One of PostgreSQL's own commands.
    pub fn command(&self, name: &str) -> Command {
        self.at_home(Command::new(self.binaries.join(name)))
    }

    /// A command in the server's folder, as the user whom the server runs as.
    pub fn at_home(&self, mut command: Command) -> Command {
        command.current_dir(self.folder()).stdin(Stdio::null());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Where the server's log is, and the folder of its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("log")).unwrap()
    }

    fn give_to_user(&self, path: &Path) {
        if let Some((uid, gid)) = self.user {
            chown(path, Some(uid), Some(gid)).unwrap();
        }
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
            assert!(
                Instant::now() < deadline,
                "PostgreSQL did not start: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.stop("immediate");
    }
}

/// Runs a command that must succeed.
pub fn run(command: &mut Command) {
    let done = command.stdout(Stdio::null()).output();
    let done = done.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        done.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
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
pub fn unprivileged_user() -> Option<(u32, u32)> {
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
