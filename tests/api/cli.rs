//! The command line.

use serde_json::json;

use crate::harness::Test;

pub async fn create_key_prints_the_secret_alone(test: Test) {
    let made = test
        .run(
            &["create-key", "--owner", "acme", "--name", " nightly "],
            &[],
        )
        .await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let secret = made.stdout.strip_suffix('\n').unwrap();
    assert!(
        secret.starts_with("ak_") && secret.len() == 41 && !secret.contains(char::is_whitespace)
    );
    assert!(!made.stderr.contains(&secret[7..]));
    let there =
        "api_keys WHERE owner = 'acme' AND name = 'nightly' AND created_by = 'command-line'";
    assert_eq!(test.database.count(there).await, 1);
    let event = "api_key_events WHERE owner = 'acme' AND action = 'CREATED' AND credential = 'COMMAND_LINE'";
    assert_eq!(test.database.count(event).await, 1);

    let other = test
        .run(
            &[
                "create-key",
                "--owner=a",
                "--name=b",
                "--key-prefix",
                "acme1",
            ],
            &[],
        )
        .await;
    assert!(other.stdout.starts_with("acme1_"), "{}", other.stderr);

    for (arguments, named) in [
        (["create-key", "--owner", "", "--name", "x"], "`owner`"),
        (["create-key", "--owner", "x", "--name", " "], "`name`"),
        (["create-key", "--owner", "x\ny", "--name", "x"], "`owner`"),
    ] {
        let refused = test.run(&arguments, &[]).await;
        assert_eq!(
            (refused.code, refused.stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}"
        );
        assert!(refused.stderr.contains(named), "{}", refused.stderr);
    }
    assert_eq!(test.database.count("api_keys").await, 2);
}

pub async fn migrate_runs_the_migrations_and_stops(test: Test) {
    for _ in 0..2 {
        let done = test.run(&["migrate"], &[]).await;
        assert_eq!(
            (done.code, done.stdout.as_str()),
            (Some(0), ""),
            "{}",
            done.stderr
        );
    }
    for table in ["api_keys", "api_key_secrets", "api_key_events"] {
        assert_eq!(test.database.count(table).await, 0);
    }
}

pub async fn a_mistake_in_the_configuration_is_one_line_and_exit_code_2(test: Test) {
    let folder = test.folder().join("empty");
    std::fs::create_dir(&folder).unwrap();
    let file = test.folder().join("a file");
    std::fs::write(&file, "this is not a database, whatever its name says").unwrap();
    let not_a_database = format!("sqlite://{}", file.display());
    let below_a_file = format!("sqlite://{}/x.db", file.display());
    let a_folder = format!("sqlite://{}", test.folder().display());
    let secret = "hunter2-hunter2-hunter2";
    for (variable, value) in [
        ("DATABASE_URL", "postgress://u:hunter2-hunter2-hunter2@h/d"),
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "apikeys.db"),
        ("DATABASE_URL", "sqlite:apikeys.db"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite://:memory:"),
        ("DATABASE_URL", "sqlite://no/such/folder/apikeys.db"),
        ("DATABASE_URL", &below_a_file),
        ("DATABASE_URL", &a_folder),
        ("DATABASE_URL", &not_a_database),
        (
            "DATABASE_URL",
            "postgres://u:hunter2-hunter2-hunter2@h/d?sslmode=maybe",
        ),
        (
            "DATABASE_URL",
            "postgres://u:hunter2-hunter2-hunter2@h:port/d",
        ),
        (
            "DATABASE_URL",
            "postgres://u@h/d?sslmode=verify-full&sslrootcert=/no/such/file",
        ),
        ("DATABASE_URL", "postgres://u@h/d?sslrootcert=/no/such/file"),
        (
            "DATABASE_URL",
            "postgres://u:Passw0rd@hunter2-hunter2-hunter2@127.0.0.1/d",
        ),
        (
            "DATABASE_URL",
            "postgres://u:1234?hunter2-hunter2-hunter2@h/d",
        ),
        ("DATABASE_URL", "postgresql:///d"),
        ("APIKEYS_GRAPHIQL", "maybe"),
        ("APIKEYS_ALLOWED_ORIGINS", "*"),
        ("APIKEYS_ALLOWED_ORIGINS", "https://a.example,*"),
        ("APIKEYS_ALLOWED_ORIGINS", "app.example.com"),
        ("APIKEYS_ALLOWED_ORIGINS", "https://app.example.com/"),
        ("APIKEYS_ALLOWED_ORIGINS", "https://App.example.com"),
        ("APIKEYS_ALLOWED_ORIGINS", "https://app.example.com:443"),
        ("APIKEYS_ALLOWED_ORIGINS", "ftp://app.example.com"),
        ("APIKEYS_KEY_HEADER", "not a header"),
        ("APIKEYS_KEY_HEADER", "Authorization"),
        ("APIKEYS_OIDC_ISSUER", ""),
        ("APIKEYS_OIDC_ISSUER", "login.example.com"),
        ("APIKEYS_OIDC_ISSUER", "ftp://login.example.com"),
        ("APIKEYS_OIDC_ISSUER", "https://login.example.com/?tenant=1"),
        (
            "APIKEYS_OIDC_ISSUER",
            "https://u:hunter2-hunter2-hunter2@login.example.com",
        ),
        ("APIKEYS_OIDC_AUDIENCE", "an audience without an issuer"),
        ("APIKEYS_OIDC_CLIENT_ID", "a client without an issuer"),
        ("APIKEYS_OIDC_OWNER_CLAIM", "sub"),
        ("APIKEYS_OIDC_OWNER_CLAIM", " "),
        ("APIKEYS_OIDC_SCOPE", "openid"),
        ("APIKEYS_LISTEN", "8080"),
        ("APIKEYS_LISTEN", "127.0.0.1:99999"),
        ("APIKEYS_LISTEN", ""),
        ("APIKEYS_PUBLIC_URL", "keys.example.com"),
        ("APIKEYS_PUBLIC_URL", "ftp://keys.example.com"),
        ("APIKEYS_PUBLIC_URL", "https://keys.example.com/path"),
        (
            "APIKEYS_PUBLIC_URL",
            "https://u:hunter2-hunter2-hunter2@keys.example.com",
        ),
        ("APIKEYS_LOCAL_TOKEN", secret),
        ("APIKEYS_LOCAL_TOKEN", ""),
        (
            "APIKEYS_LOCAL_TOKEN",
            "hunter2-hunter2-hunter2 hunter2-hunter2-hunter2",
        ),
        ("APIKEYS_KEY_PREFIX", "AK"),
        ("APIKEYS_KEY_PREFIX", ""),
        ("APIKEYS_LOG", "xml"),
        ("RUST_LOG", "apikeys=loud"),
    ] {
        // What is wrong with one may only be seen beside others.
        let beside: &[(&str, &str)] = match variable {
            "APIKEYS_OIDC_ISSUER" => &[("APIKEYS_OIDC_AUDIENCE", "x")],
            "APIKEYS_OIDC_OWNER_CLAIM" if value.trim().is_empty() => &[
                ("APIKEYS_OIDC_ISSUER", "https://login.example.com"),
                ("APIKEYS_OIDC_AUDIENCE", "x"),
            ],
            _ => &[],
        };
        let variables = [&[(variable, value)], beside].concat();
        let output = crate::harness::run(&folder, &[], &variables).await;
        assert_eq!(
            output.code,
            Some(2),
            "{variable}={value}: {}",
            output.stderr
        );
        assert_eq!(output.stdout, "");
        let lines: Vec<&str> = output.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "{variable}={value}: {}", output.stderr);
        assert!(
            lines[0].starts_with(&format!("apikeys: {variable} ")),
            "{variable}={value}: {}",
            output.stderr
        );
        assert!(
            !output.stderr.contains(secret),
            "{variable}={value}: {}",
            output.stderr
        );
    }
    assert_eq!(
        std::fs::read_dir(&folder).unwrap().count(),
        0,
        "nothing was opened"
    );
    assert_eq!(
        std::fs::read(&file).unwrap(),
        b"this is not a database, whatever its name says"
    );

    // An issuer alone would take the tokens of every service; and there is one mode or the other.
    let issuer = ("APIKEYS_OIDC_ISSUER", "https://login.example.com");
    for (variables, named) in [
        (vec![issuer], "apikeys: APIKEYS_OIDC_AUDIENCE "),
        (
            vec![issuer, ("APIKEYS_OIDC_AUDIENCE", "")],
            "apikeys: APIKEYS_OIDC_AUDIENCE ",
        ),
        (
            vec![
                issuer,
                ("APIKEYS_OIDC_AUDIENCE", "x"),
                ("APIKEYS_LOCAL_TOKEN", "0123456789-0123456789-0123456789"),
            ],
            "apikeys: APIKEYS_LOCAL_TOKEN ",
        ),
    ] {
        let output = crate::harness::run(&folder, &[], &variables).await;
        assert_eq!(output.code, Some(2), "{}", output.stderr);
        assert!(output.stderr.starts_with(named), "{}", output.stderr);
        assert!(!output.stderr.contains("0123456789"), "{}", output.stderr);
    }

    // Not a mistake, but a server that is not there.
    let variables = [(
        "DATABASE_URL",
        "postgres://u:hunter2-hunter2-hunter2@127.0.0.1:1/d",
    )];
    let output = crate::harness::run(&folder, &[], &variables).await;
    assert_eq!(output.code, Some(1));
    assert!(
        output
            .stderr
            .contains("cannot reach PostgreSQL at 127.0.0.1:1"),
        "{}",
        output.stderr
    );
    assert!(!output.stderr.contains(secret));

    let output = crate::harness::run(&folder, &["create-key", "--owner"], &[]).await;
    assert_eq!(output.code, Some(2));
}

pub async fn the_schema_in_the_repository_is_the_one_served(test: Test) {
    // Without a database, and whatever the variables say.
    let printed = test
        .run(
            &["schema"],
            &[("DATABASE_URL", "nonsense"), ("APIKEYS_LISTEN", "nonsense")],
        )
        .await;
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    let kept =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql")).unwrap();
    assert!(
        printed.stdout == kept,
        "schema.graphql is not what the server serves; update it with: make schema"
    );
    let server = test.server().await;
    let stranger = server.stranger();
    let served = stranger
        .http
        .get(stranger.url("/schema.graphql"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(served, kept);
    assert!(served.contains("specifiedBy(url: \"https://datatracker.ietf.org/doc/html/rfc3339\")"));

    // Everything is described, for whoever sees it in GraphiQL alone.
    let query = "{ __schema { types { name description
        fields { name description args { name description } } inputFields { name description }
        enumValues { name description } } } }";
    let types = server.client().data(query, json!({})).await["__schema"]["types"].take();
    for kind in types.as_array().unwrap() {
        let name = kind["name"].as_str().unwrap();
        if name.starts_with("__") || ["ID", "Int", "String", "Boolean"].contains(&name) {
            continue;
        }
        let described = |what: &serde_json::Value| {
            let description = what["description"].as_str().unwrap_or_default();
            assert!(
                description.len() > 10,
                "{name}.{} is not described",
                what["name"]
            );
        };
        described(kind);
        for part in ["fields", "inputFields", "enumValues"] {
            for member in kind[part].as_array().into_iter().flatten() {
                described(member);
                member["args"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .for_each(described);
            }
        }
    }
}

pub async fn help_names_every_variable(test: Test) {
    let secret = "0123456789-0123456789-0123456789-0123456789";
    let variables = [
        ("APIKEYS_LOCAL_TOKEN", secret),
        ("APIKEYS_KEY_PREFIX", "acme"),
    ];
    for arguments in [
        &["--help"][..],
        &["serve", "--help"],
        &["create-key", "--help"],
    ] {
        let help = test.run(arguments, &variables).await;
        assert_eq!(help.code, Some(0));
        for variable in [
            "DATABASE_URL",
            "APIKEYS_LISTEN",
            "APIKEYS_PUBLIC_URL",
            "APIKEYS_LOCAL_TOKEN",
            "APIKEYS_OIDC_ISSUER",
            "APIKEYS_OIDC_AUDIENCE",
            "APIKEYS_OIDC_CLIENT_ID",
            "APIKEYS_OIDC_OWNER_CLAIM",
            "APIKEYS_OIDC_SCOPE",
            "APIKEYS_KEY_PREFIX",
            "APIKEYS_KEY_HEADER",
            "APIKEYS_ALLOWED_ORIGINS",
            "APIKEYS_GRAPHIQL",
            "APIKEYS_LOG",
            "RUST_LOG",
        ] {
            assert!(
                help.stdout.contains(variable),
                "{variable} in {arguments:?}"
            );
        }
        assert!(
            !help.stdout.contains(secret),
            "help shows what the variables are, not what they hold"
        );
    }
}
