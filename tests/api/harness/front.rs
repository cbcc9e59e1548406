//! What the examples for proxies are tried in: a server on one side, a backend on the other, and between the two the real nginx and
//! the real Caddy with the examples as they are, but for the ports.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::{Backend, Client, Message, Program, Server, Test, command, free_port, send};

/// A server, a backend, and each proxy between the two.
pub struct Scene {
    pub server: Server,
    pub backend: Backend,
    pub proxies: Vec<Proxy>,
}

pub struct Proxy {
    pub name: &'static str,
    port: u16,
    _program: Program,
}

/// A key of somebody, and what the backend must hear of it.
pub struct Key {
    pub secret: String,
    id: String,
}

/// An owner whom a header cannot hold as it is, and whom a proxy might take for a variable of its own.
const OWNER: &str = "Zoë {env.PATH} $host";
const OWNER_IN_HEADERS: &str = "Zo%C3%AB%20{env.PATH}%20$host";

impl Scene {
    pub async fn new(test: &Test) -> Self {
        let server = test.server().await;
        let backend = Backend::start().await;
        let address = server.base.strip_prefix("http://").unwrap();
        let proxies = Proxy::both(test, address, &backend).await;
        Self {
            server,
            backend,
            proxies,
        }
    }

    pub async fn key(&self, test: &Test, scopes: &[&str]) -> Key {
        let mut arguments = vec!["create-key", "--owner", OWNER, "--name", "key"];
        arguments.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
        let output = test.run(&arguments, &[]).await;
        let secret = output.stdout.trim().to_owned();
        let client = Client::new(&self.server.base, Some(&secret));
        let data = client.data("{ viewer { apiKey { id } } }", json!({})).await;
        let id = data["viewer"]["apiKey"]["id"].as_str().unwrap().to_owned();
        Key { secret, id }
    }

    /// What the backend was sent since it was last asked, which is one request.
    pub fn only_request(&self) -> Message {
        let mut requests = self.backend.take_requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }
}

impl Key {
    /// The backend hears whose key it is from the check alone, once, whatever it thinks of underscores.
    pub fn check_claims(&self, request: &Message, scopes: &str, proxy: &Proxy) {
        let headers = request.headers.iter();
        let mut claims: Vec<(String, &str)> = headers
            .map(|(name, value)| (name.to_lowercase().replace('_', "-"), value.as_str()))
            .filter(|(name, value)| name.starts_with("apikeys-") && !value.is_empty())
            .collect();
        claims.sort();
        let mut expected = vec![
            ("apikeys-key-id".to_owned(), self.id.as_str()),
            ("apikeys-owner".to_owned(), OWNER_IN_HEADERS),
            ("apikeys-scopes".to_owned(), scopes),
        ];
        expected.retain(|(_, value)| !value.is_empty());
        assert_eq!(claims, expected, "{}", proxy.name);
    }
}

impl Proxy {
    /// nginx and Caddy.
    pub async fn both(test: &Test, apikeys: &str, backend: &Backend) -> Vec<Self> {
        let backend = format!("127.0.0.1:{}", backend.port);
        let folder = |name: &str| {
            let folder = tempfile::Builder::new()
                .prefix(name)
                .tempdir_in(test.folder());
            folder.unwrap().keep()
        };

        let (port, home) = (free_port(), folder("nginx"));
        let own = format!("127.0.0.1:{port}");
        let replaced = [
            ("127.0.0.1:8080", apikeys),
            ("127.0.0.1:3000", &backend),
            ("127.0.0.1:8081", &own),
        ];
        let file = example("nginx/nginx.conf", &replaced, &home);
        let mut nginx = command("nginx");
        nginx
            .args(["-e", "stderr", "-p"])
            .arg(&home)
            .arg("-c")
            .arg(file);
        let nginx = Self::start("nginx", port, &home, nginx).await;

        let (port, home) = (free_port(), folder("caddy"));
        let own = format!("http://:{port}");
        let replaced = [
            ("127.0.0.1:8080", apikeys),
            ("127.0.0.1:3000", &backend),
            ("http://:8081", &own),
        ];
        let file = example("caddy/Caddyfile", &replaced, &home);
        let mut caddy = command("caddy");
        caddy.args(["run", "--config"]).arg(file).env("HOME", &home);
        let caddy = Self::start("caddy", port, &home, caddy).await;
        vec![nginx, caddy]
    }

    async fn start(name: &'static str, port: u16, folder: &Path, command: Command) -> Self {
        let mut program = Program::start(folder, command);
        program.listens_at(port).await;
        Self {
            name,
            port,
            _program: program,
        }
    }

    pub async fn send(&self, start: &str, headers: &[(&str, &str)], body: &[u8]) -> Message {
        send(self.port, start, headers, body).await
    }

    pub async fn send_with_key(&self, start: &str, key: &Key) -> Message {
        let bearer = format!("Bearer {}", key.secret);
        self.send(start, &[("Authorization", &bearer)], b"").await
    }
}

/// Writes an example into a folder with other addresses in it, each of which must be there outside of the comments.
fn example(path: &str, replaced: &[(&str, &str)], folder: &Path) -> PathBuf {
    let mut text = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("examples")
            .join(path),
    )
    .unwrap();
    for (from, to) in replaced {
        let mut lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'));
        assert!(lines.any(|line| line.contains(from)), "{from} in {path}");
        text = text.replace(from, to);
    }
    let file = folder.join(Path::new(path).file_name().unwrap());
    std::fs::write(&file, text).unwrap();
    file
}
