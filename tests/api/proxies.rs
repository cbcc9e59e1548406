//! The examples for proxies, as they are but for the ports, in the real nginx and the real Caddy.

use std::path::Path;

use crate::harness::{Backend, Database, Message, Proxy, Scene, Test, mistyped};

const INVALID_TOKEN: &str = "Bearer error=\"invalid_token\"";

pub async fn a_good_key_passes_with_its_owner(test: Test) {
    let scene = Scene::new(&test).await;
    let key = scene.key(&test, &["deploy", "read"]).await;
    let bearer = format!("Bearer {}", key.secret);
    let body = vec![b'x'; 100_000];
    for proxy in &scene.proxies {
        for header in [
            ("Authorization", bearer.as_str()),
            ("x-api-key", &key.secret),
        ] {
            let headers = [header, ("Cookie", "a=b"), ("X-Other", "kept")];
            let answer = proxy
                .send("POST /a/b?c=d&scope=none", &headers, &body)
                .await;
            assert_eq!(answer.status(), 200, "{}: {answer:?}", proxy.name);
            assert_eq!(answer.body, b"hello");
            let request = scene.only_request();
            assert!(request.start.starts_with("POST /a/b?c=d&scope=none "));
            assert_eq!(request.body.len(), body.len());
            assert_eq!(request.values("x-other"), ["kept"]);
            assert_eq!(request.values("cookie"), ["a=b"]);
            key.check_claims(&request, "deploy read", proxy);
            assert!(
                !format!("{:?}", request.headers).contains(&key.secret),
                "{}: the secret went on to the backend",
                proxy.name
            );
        }
    }
}

pub async fn what_the_client_claims_is_dropped(test: Test) {
    let scene = Scene::new(&test).await;
    let with_scopes = scene.key(&test, &["deploy"]).await;
    let without = scene.key(&test, &[]).await;
    for proxy in &scene.proxies {
        for (key, scopes) in [(&with_scopes, "deploy"), (&without, "")] {
            let bearer = format!("Bearer {}", key.secret);
            let headers = [
                ("Authorization", bearer.as_str()),
                ("Apikeys-Owner", "forged"),
                ("Apikeys-Owner", "forged"),
                ("aPIKEYS-KEY-iD", "forged"),
                ("apikeys-scopes", "forged"),
                ("Apikeys_Owner", "forged"),
                ("APIKEYS_KEY_ID", "forged"),
                ("Apikeys_Key-Id", "forged"),
                ("apikeys_scopes", "forged"),
            ];
            let answer = proxy.send("GET /", &headers, b"").await;
            assert_eq!(answer.status(), 200, "{}: {answer:?}", proxy.name);
            key.check_claims(&scene.only_request(), scopes, proxy);
        }
    }
}

pub async fn whoever_has_no_good_key_is_refused(test: Test) {
    let scene = Scene::new(&test).await;
    let client = scene.server.client();
    let good = scene.key(&test, &[]).await.secret;
    let mistyped = mistyped(&good);
    for proxy in &scene.proxies {
        let (id, deleted) = client.create("deleted").await;
        let bearer = format!("Bearer {deleted}");
        let answer = proxy
            .send("GET /", &[("Authorization", &bearer)], b"")
            .await;
        assert_eq!(answer.status(), 200);
        scene.only_request();
        assert_eq!(client.delete(&id).await.code(), "(no code)");

        for (headers, challenge) in [
            (vec![], "Bearer"),
            (vec![("Authorization", "Basic YTpi".to_owned())], "Bearer"),
            (vec![("Cookie", format!("key={good}"))], "Bearer"),
            (vec![("Authorization", bearer)], INVALID_TOKEN),
            (vec![("X-Api-Key", deleted)], INVALID_TOKEN),
            (
                vec![("Authorization", format!("Bearer {mistyped}"))],
                INVALID_TOKEN,
            ),
            (
                vec![
                    ("Authorization", format!("Bearer {good}")),
                    ("X-Api-Key", good.clone()),
                ],
                "Bearer error=\"invalid_request\"",
            ),
        ] {
            let mut sent = vec![("Apikeys-Owner", "forged")];
            sent.extend(headers.iter().map(|(name, value)| (*name, value.as_str())));
            for start in [
                "GET /",
                "POST /deploy",
                "OPTIONS /",
                "GET /_check/any",
                "GET /auth",
            ] {
                let answer = proxy.send(start, &sent, b"").await;
                let what = format!("{}: {start} {headers:?}: {answer:?}", proxy.name);
                // nginx keeps the location for its questions to itself.
                if proxy.name == "nginx" && start.ends_with("/_check/any") {
                    assert_eq!(answer.status(), 404, "{what}");
                    continue;
                }
                assert_eq!(answer.status(), 401, "{what}");
                assert_eq!(answer.values("www-authenticate"), [challenge], "{what}");
            }
        }
        assert!(scene.backend.take_requests().is_empty(), "{}", proxy.name);
    }
}

pub async fn a_scope_is_required_however_the_path_is_spelt(test: Test) {
    let scene = Scene::new(&test).await;
    let with_scope = scene.key(&test, &["deploy"]).await;
    let without = scene.key(&test, &["read"]).await;
    for proxy in &scene.proxies {
        for path in [
            "/deploy",
            "/deploy/",
            "/deploy/now?scope=read",
            "/deploy?scope=",
            "//deploy/now",
            "/%64eploy/now",
            "/a/../deploy/now",
            "/./deploy",
        ] {
            let start = format!("GET {path}");
            let answer = proxy.send_with_key(&start, &without).await;
            assert_eq!(answer.status(), 403, "{}: {path}: {answer:?}", proxy.name);
            assert!(scene.backend.take_requests().is_empty());
            let answer = proxy.send_with_key(&start, &with_scope).await;
            assert_eq!(answer.status(), 200, "{}: {path}: {answer:?}", proxy.name);
            let request = scene.only_request();
            with_scope.check_claims(&request, "deploy", proxy);
        }
        let answer = proxy
            .send_with_key("GET /elsewhere?scope=deploy", &without)
            .await;
        assert_eq!(answer.status(), 200, "{}: {answer:?}", proxy.name);
        without.check_claims(&scene.only_request(), "read", proxy);
    }
}

pub async fn an_outage_opens_nothing(test: Test) {
    let mut scene = Scene::new(&test).await;
    let key = scene.key(&test, &["deploy"]).await;
    for proxy in &scene.proxies {
        assert_eq!(proxy.send_with_key("GET /", &key).await.status(), 200);
    }
    scene.backend.take_requests();
    let closed = async |scene: &Scene, expected: [u16; 2]| {
        for (proxy, status) in scene.proxies.iter().zip(expected) {
            for start in ["GET /", "POST /deploy"] {
                let answer = proxy.send_with_key(start, &key).await;
                assert_eq!(answer.status(), status, "{}: {answer:?}", proxy.name);
            }
        }
        assert!(scene.backend.take_requests().is_empty());
    };
    // nginx knows no other answer than 200, 401 and 403.
    match &test.database {
        Database::Postgres(_) => test.database.forbid_connections().await,
        Database::Sqlite(path) => std::fs::rename(path, test.folder().join("away")).unwrap(),
    }
    closed(&scene, [500, 503]).await;
    scene.server.kill().await;
    closed(&scene, [500, 502]).await;
}

pub async fn the_question_has_the_key_in_it_and_nothing_else(test: Test) {
    let backend = Backend::start().await;
    let check = Backend::start().await;
    let address = format!("127.0.0.1:{}", check.port);
    for proxy in Proxy::both(&test, &address, &backend).await {
        let headers = [
            ("Authorization", "Bearer key"),
            ("Apikeys-Owner", "forged"),
            ("Apikeys_Owner", "forged"),
        ];
        for (path, question) in [("/a?scope=b", "/auth"), ("/deploy?x", "/auth?scope=deploy")] {
            let start = format!("POST {path}");
            let answer = proxy.send(&start, &headers, &[b'x'; 50_000]).await;
            assert_eq!(answer.status(), 200, "{}: {answer:?}", proxy.name);
            let asked = check.take_requests();
            // Caddy asks about the scope on top.
            let target = |asked: &Message| asked.start.split(' ').nth(1).unwrap().to_owned();
            let last = target(asked.last().unwrap());
            assert_eq!(last.trim_end_matches('?'), question, "{}", proxy.name);
            for asked in asked {
                assert!(["/auth", "/auth?", question].contains(&target(&asked).as_str()));
                assert_eq!(asked.values("authorization"), ["Bearer key"]);
                assert_eq!(asked.body.len(), 0, "{}: {asked:?}", proxy.name);
                assert!(asked.values("transfer-encoding").is_empty());
                assert!(matches!(asked.values("content-length")[..], [] | ["0"]));
            }
            // Of a check that says nothing of an owner, nothing is known.
            let passed = backend.take_requests();
            assert_eq!(passed[0].body.len(), 50_000);
            assert!(!format!("{passed:?}").contains("forged"), "{}", proxy.name);
        }
    }
}

pub async fn the_readme_shows_the_examples_as_they_are(_: Test) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Indentation, comments and empty lines may differ.
    let lines = |text: &str| {
        let trimmed = text.lines().map(str::trim);
        let kept = trimmed.filter(|line| !line.is_empty() && !line.starts_with('#'));
        kept.map(str::to_owned).collect::<Vec<_>>()
    };
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    for path in [
        "examples/nginx/nginx.conf",
        "examples/caddy/Caddyfile",
        "examples/traefik/dynamic.yaml",
        "examples/envoy/envoy.yaml",
    ] {
        // The block that comes after the link.
        let (_, after) = readme
            .split_once(&format!("]({path})"))
            .unwrap_or_else(|| panic!("README.md has no link to {path}"));
        let (_, after) = after.split_once("\n\n").unwrap();
        let block = after
            .lines()
            .take_while(|line| line.is_empty() || line.starts_with("    "));
        let shown = lines(&block.collect::<Vec<_>>().join("\n"));
        assert!(shown.len() >= 5, "README.md shows nothing of {path}");
        let example = lines(&std::fs::read_to_string(root.join(path)).unwrap());
        assert!(
            example.windows(shown.len()).any(|window| window == shown),
            "{path} has not, one after the other: {shown:#?}"
        );
    }
}
