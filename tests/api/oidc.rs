//! OIDC mode: whose tokens are taken, and what happens when the issuer's keys change or cannot be had.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::harness::{
    AUDIENCE, Answer, Client, Issuer, Server, SigningKey, Test, eventually, now, text,
};

const VIEWER: &str = "{ viewer { owner subject credential } }";

async fn viewer(server: &Server, token: &str) -> Answer {
    let client = Client::new(&server.base, Some(token));
    client.graphql(VIEWER, json!({})).await
}

fn assert_refused(answer: &Answer, what: &str) {
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (401, "UNAUTHENTICATED"),
        "{what}: {}",
        answer.body
    );
    let challenge = answer.header("www-authenticate");
    assert_eq!(challenge, "Bearer error=\"invalid_token\"", "{what}");
}

pub async fn tokens_of_every_listed_algorithm_are_taken(test: Test) {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let algorithms = [
        RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA,
    ];
    let keys: Vec<SigningKey> = algorithms
        .into_iter()
        .map(|algorithm| SigningKey::new(algorithm, &format!("{algorithm:?}")))
        .collect();
    let issuer = Issuer::with(&keys.iter().collect::<Vec<_>>()).await;
    // What this server does not understand stands in the way of nothing.
    issuer.publish_too(json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "new", "pub": "AA"}));
    issuer.publish_too(json!({"kty": "RSA"}));
    let server = test.server_with(&issuer.variables()).await;
    for key in &keys {
        let answer = viewer(&server, &issuer.token(key, "anna")).await;
        assert_eq!(
            answer.body,
            json!({"data": {"viewer": {"owner": "anna", "subject": "anna", "credential": "OIDC"}}}),
            "{:?}",
            key.algorithm
        );
    }

    // The forms that RFC 7519 and RFC 9068 allow.
    let key = &keys[6];
    for (claim, value) in [
        ("aud", json!(["https://other.example.com", AUDIENCE])),
        ("exp", json!(now() - 50)),
        ("nbf", json!(now() + 50)),
        ("exp", json!(now() as f64 + 100.5)),
    ] {
        let mut claims = issuer.claims("anna");
        claims[claim] = value.clone();
        let answer = viewer(&server, &key.sign(&claims)).await;
        assert_eq!(answer.status, 200, "{claim}: {value}: {}", answer.body);
    }
    for kind in [
        None,
        Some("at+jwt"),
        Some("application/AT+JWT"),
        Some("jwt"),
    ] {
        let mut header = key.header();
        header.typ = kind.map(str::to_owned);
        let token = key.sign_with(&header, &issuer.claims("anna"));
        assert_eq!(viewer(&server, &token).await.status, 200, "{kind:?}");
    }
    // A token may leave its key unnamed where one alone fits.
    let mut header = key.header();
    header.kid = None;
    let token = key.sign_with(&header, &issuer.claims("anna"));
    assert_eq!(viewer(&server, &token).await.status, 200);
}

pub async fn a_token_that_is_not_good_is_refused(test: Test) {
    let rsa = SigningKey::new(Algorithm::RS256, "rsa");
    let ec = SigningKey::new(Algorithm::ES256, "ec");
    let stranger = SigningKey::new(Algorithm::RS256, "rsa");
    let unknown = SigningKey::new(Algorithm::RS256, "unknown");
    let encryption = SigningKey::new(Algorithm::RS256, "encryption");
    let issuer = Issuer::with(&[&rsa, &ec]).await;
    let mut jwk = encryption.jwk();
    jwk["use"] = json!("enc");
    issuer.publish_too(jwk);
    let server = test.server_with(&issuer.variables()).await;
    let good = issuer.token(&rsa, "anna");
    assert_eq!(viewer(&server, &good).await.status, 200);

    let mut table: Vec<(&str, String)> = Vec::new();
    let with = |claim: &str, value: Value| {
        let mut claims = issuer.claims("anna");
        claims[claim] = value;
        rsa.sign(&claims)
    };
    let without = |claim: &str| {
        let mut claims = issuer.claims("anna");
        claims.as_object_mut().unwrap().remove(claim);
        rsa.sign(&claims)
    };
    table.push(("wrong issuer", with("iss", json!("https://evil.example"))));
    table.push((
        "issuer and a slash",
        with("iss", json!(format!("{}/", issuer.url))),
    ));
    table.push(("a list of issuers", with("iss", json!([issuer.url]))));
    table.push((
        "wrong audience",
        with("aud", json!("https://other.example")),
    ));
    table.push(("wrong audiences", with("aud", json!(["a", "b"]))));
    table.push(("no audience in the list", with("aud", json!([]))));
    table.push(("part of the audience", with("aud", json!(&AUDIENCE[..8]))));
    table.push(("expired", with("exp", json!(now() - 70))));
    table.push(("an end that is no number", with("exp", json!("tomorrow"))));
    table.push(("not valid yet", with("nbf", json!(now() + 70))));
    table.push(("a beginning that is no number", with("nbf", json!("soon"))));
    for claim in ["iss", "aud", "exp", "sub"] {
        table.push(("a claim is missing", without(claim)));
    }
    for owner in [
        json!(""),
        json!("  "),
        json!(7),
        json!(null),
        json!(["anna"]),
        json!("a\u{0}b"),
    ] {
        table.push(("a claim that names nobody", with("sub", owner)));
    }
    table.push((
        "an owner that is too long",
        with("sub", json!("x".repeat(256))),
    ));

    let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    let parts: Vec<&str> = good.split('.').collect();
    let claims = encode(issuer.claims("anna").to_string().as_bytes());
    for alg in ["none", "None", "", "HS999", "RS256 "] {
        let header = encode(
            json!({"alg": alg, "typ": "JWT", "kid": "rsa"})
                .to_string()
                .as_bytes(),
        );
        table.push(("an algorithm that is none", format!("{header}.{claims}.")));
        table.push((
            "signed with another",
            format!("{header}.{claims}.{}", parts[2]),
        ));
    }
    // Whoever takes HMAC takes what anybody signs who has the public key.
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let jwk = rsa.jwk().to_string();
        for secret in [
            rsa.public_pem.as_str(),
            &jwk,
            rsa.jwk()["n"].as_str().unwrap(),
        ] {
            let mut header = Header::new(algorithm);
            header.kid = Some("rsa".to_owned());
            let secret = EncodingKey::from_secret(secret.as_bytes());
            let token = jsonwebtoken::encode(&header, &issuer.claims("anna"), &secret);
            table.push(("HMAC with the public key", token.unwrap()));
        }
    }
    table.push(("a key of the same name", issuer.token(&stranger, "anna")));
    table.push(("a key for encryption", issuer.token(&encryption, "anna")));
    let mut header = rsa.header();
    header.kid = Some("ec".to_owned());
    table.push((
        "a key of another type",
        rsa.sign_with(&header, &issuer.claims("anna")),
    ));
    let mut header = ec.header();
    header.kid = Some("rsa".to_owned());
    table.push((
        "a key of another type",
        ec.sign_with(&header, &issuer.claims("anna")),
    ));
    // The token brings its own key, or says where one is to be had.
    let mut header = unknown.header();
    header.jwk = serde_json::from_value(unknown.jwk()).unwrap();
    header.jku = Some("https://evil.example/keys".to_owned());
    table.push((
        "a key that it brings",
        unknown.sign_with(&header, &issuer.claims("anna")),
    ));
    let mut header = rsa.header();
    header.crit = Some(vec!["b64".to_owned()]);
    table.push((
        "critical headers",
        rsa.sign_with(&header, &issuer.claims("anna")),
    ));
    for kind in ["logout+jwt", "dpop+jwt", "JWE", ""] {
        let mut header = rsa.header();
        header.typ = Some(kind.to_owned());
        table.push((
            "another kind of JWT",
            rsa.sign_with(&header, &issuer.claims("anna")),
        ));
    }
    let other = encode(issuer.claims("ben").to_string().as_bytes());
    table.push(("tampered", format!("{}.{other}.{}", parts[0], parts[2])));
    table.push(("no signature", format!("{}.{}.", parts[0], parts[1])));
    table.push(("half a signature", good[..good.len() - 20].to_owned()));
    table.push(("four parts", format!("{good}.x")));
    table.push(("two parts", format!("{}.{}", parts[0], parts[1])));
    table.push(("claims that are no object", rsa.sign(&json!(["anna"]))));
    for garbage in ["..", "...", "a.b.c", "ü.ü.ü", "e30.e30.e30", "null", "."] {
        table.push(("garbage", garbage.to_owned()));
    }
    let long = with("padding", json!("x".repeat(20_000)));
    table.push(("longer than is looked at", long));
    for (what, token) in &table {
        let answer = viewer(&server, token).await;
        assert_refused(&answer, &format!("{what}: {token:.200}"));
    }
    // 1 MiB is more than the headers of a request may have.
    let huge = with("padding", json!("x".repeat(1 << 20)));
    let client = Client::new(&server.base, Some(&huge));
    match client.try_graphql(VIEWER, json!({})).await {
        Ok(answer) => assert_eq!(answer.status, 431, "{}", answer.body),
        Err(error) => assert!(error.is_request(), "the connection was closed: {error}"),
    }
    assert_refused(
        &viewer(&server, &issuer.token(&unknown, "anna")).await,
        "unknown kid",
    );
    assert_eq!(viewer(&server, &good).await.status, 200);
    // The log says why, and repeats nothing of any token.
    let log = server.whole_log().await;
    for reason in [
        "it has expired",
        "it is for another audience",
        "its signature is wrong",
    ] {
        assert!(log.contains(reason), "{reason}");
    }
    for part in good.split('.') {
        assert!(!log.contains(part), "{part}");
    }
}

pub async fn keys_are_kept_and_asked_for_when_they_change(test: Test) {
    let first = SigningKey::new(Algorithm::ES256, "first");
    let second = SigningKey::new(Algorithm::ES256, "second");
    let issuer = Issuer::with(&[&first]).await;
    let server = test.server_with(&issuer.variables()).await;
    for _ in 0..20 {
        let answer = viewer(&server, &issuer.token(&first, "anna")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    assert_eq!(issuer.asked(), 1);

    issuer.publish(&[&first, &second]);
    let token = issuer.token(&second, "anna");
    // Within ten seconds the issuer is not asked again, whoever tries how often.
    let tries = join_all((0..64).map(|_| viewer(&server, &token))).await;
    let early = tries.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((early, issuer.asked()), (0, 1));
    // After them it is asked once, for all who wait. The ten seconds may end between two of those who ask together, once.
    let mut divided = 0;
    eventually("the new key", async || {
        let answers = join_all((0..16).map(|_| viewer(&server, &token))).await;
        let good = answers.iter().filter(|answer| answer.status == 200).count();
        divided += i32::from(good > 0 && good < 16);
        (good == 16).then_some(())
    })
    .await;
    assert!(divided <= 1, "some of those who asked were left out again");
    assert_eq!(issuer.asked(), 2);
    assert_eq!(
        viewer(&server, &issuer.token(&first, "anna")).await.status,
        200
    );
}

pub async fn an_issuer_that_is_down_is_an_outage(test: Test) {
    let first = SigningKey::new(Algorithm::EdDSA, "first");
    let second = SigningKey::new(Algorithm::EdDSA, "second");
    let issuer = Issuer::stopped().await;
    issuer.publish(&[&first]);
    let server = test.server_with(&issuer.variables()).await;
    let token = issuer.token(&first, "anna");
    let answer = viewer(&server, &token).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (503, "UNAVAILABLE"),
        "{}",
        answer.body
    );
    assert_eq!(answer.header("retry-after"), "10");
    assert!(text(&answer.body["errors"][0]["message"]).contains("identity provider"));
    assert!(
        server
            .whole_log()
            .await
            .contains("the identity provider's keys cannot be had")
    );
    // What does not need the issuer works, and garbage is garbage.
    let made = test
        .run(&["create-key", "--owner=acme", "--name=x"], &[])
        .await;
    let answer = viewer(&server, made.stdout.trim_end()).await;
    assert_eq!(text(&answer.body["data"]["viewer"]["owner"]), "acme");
    assert_refused(&viewer(&server, "a.b.c").await, "garbage");
    let ready = Answer::of(
        server
            .stranger()
            .http
            .get(format!("{}/readyz", server.base)),
    )
    .await;
    assert_eq!(ready.unwrap().status, 200);

    issuer.start().await;
    eventually("the issuer is found", async || {
        let answer = viewer(&server, &token).await;
        (answer.status == 200).then_some(())
    })
    .await;
    // Down again: the keys that are known go on working, the others cannot be told.
    issuer.set_up(false);
    issuer.publish(&[&first, &second]);
    let unknown = issuer.token(&second, "anna");
    eventually("the outage is seen", async || {
        let answer = viewer(&server, &unknown).await;
        (answer.status == 503).then_some(())
    })
    .await;
    assert_eq!(viewer(&server, &token).await.status, 200);
    issuer.set_up(true);
    eventually("the issuer is back", async || {
        let answer = viewer(&server, &unknown).await;
        (answer.status == 200).then_some(())
    })
    .await;
}

pub async fn an_issuer_with_another_name_is_not_believed(test: Test) {
    let key = SigningKey::new(Algorithm::ES256, "key");
    let issuer = Issuer::with(&[&key]).await;
    let other = issuer.url.replace("127.0.0.1", "localhost");
    let variables = [
        ("APIKEYS_OIDC_ISSUER", other.as_str()),
        ("APIKEYS_OIDC_AUDIENCE", AUDIENCE),
    ];
    let server = test.server_with(&variables).await;
    let mut claims = issuer.claims("anna");
    claims["iss"] = json!(other);
    let answer = viewer(&server, &key.sign(&claims)).await;
    assert_eq!(answer.code(), "UNAVAILABLE", "{}", answer.body);
    assert!(
        server
            .whole_log()
            .await
            .contains("APIKEYS_OIDC_ISSUER must be exactly that")
    );
}

pub async fn the_claim_names_the_owner_and_sub_the_actor(test: Test) {
    let key = SigningKey::new(Algorithm::PS256, "key");
    let issuer = Issuer::with(&[&key]).await;
    let mut variables = issuer.variables();
    let claim = "https://example.com/organisation";
    variables.push(("APIKEYS_OIDC_OWNER_CLAIM", claim));
    let server = test.server_with(&variables).await;
    let member = |subject: &str, organisation: Value| {
        let mut claims = issuer.claims(subject);
        claims[claim] = organisation;
        Client::new(&server.base, Some(&key.sign(&claims)))
    };
    let (anna, ben) = (member("anna", json!("acme")), member("ben", json!("acme")));
    let stranger = member("anna", json!("other"));
    let (id, secret) = anna.create("shared").await;
    let query = "query($id: ID!) { apiKey(id: $id) { owner createdBy } viewer { owner subject } }";
    assert_eq!(
        ben.data(query, json!({"id": id})).await,
        json!({
            "apiKey": {"owner": "acme", "createdBy": "anna"},
            "viewer": {"owner": "acme", "subject": "ben"},
        })
    );
    let seen = stranger.data(query, json!({"id": id})).await;
    assert_eq!(seen["apiKey"], Value::Null);
    assert_eq!(stranger.delete(&id).await.code(), "NOT_FOUND");
    for nobody in [json!(""), json!(null), json!(0), json!({}), json!(["acme"])] {
        let answer = member("anna", nobody.clone())
            .graphql(VIEWER, json!({}))
            .await;
        assert_refused(&answer, &nobody.to_string());
    }
    let no_claim = Client::new(&server.base, Some(&issuer.token(&key, "anna")));
    assert_refused(&no_claim.graphql(VIEWER, json!({})).await, "no claim");
    // The key that was made so is as good as any.
    assert_eq!(viewer(&server, &secret).await.status, 200);
    assert_eq!(ben.delete(&id).await.status, 200);
    for (action, actor) in [("CREATED", "anna"), ("DELETED", "ben")] {
        let event = format!(
            "api_key_events WHERE owner = 'acme' AND action = '{action}' AND actor = '{actor}' AND credential = 'OIDC'"
        );
        assert_eq!(test.database.count(&event).await, 1, "{event}");
    }
}

pub async fn nothing_of_local_mode_is_there(test: Test) {
    let key = SigningKey::new(Algorithm::ES256, "key");
    let issuer = Issuer::with(&[&key]).await;
    let mut variables = issuer.variables();
    variables.push(("APIKEYS_OIDC_CLIENT_ID", "the page"));
    variables.push(("APIKEYS_OIDC_SCOPE", "openid offline_access"));
    let server = test.server_with(&variables).await;
    assert_eq!(server.link, format!("{}/", server.base));
    let stranger = server.stranger();
    let get = async |path: &str| {
        let request = stranger.http.get(stranger.url(path));
        Answer::of(request).await.unwrap()
    };
    for path in ["/sign-in", "/sign-in?token=x", "/sign-out", "/graphiql"] {
        assert_eq!(get(path).await.status, 404, "{path}");
    }
    let sign_out = stranger.http.post(stranger.url("/sign-out"));
    assert_eq!(Answer::of(sign_out).await.unwrap().status, 404);
    let cookie = stranger
        .request(VIEWER, &json!({}))
        .header("cookie", "apikeys_session=x");
    let answer = Answer::of(cookie).await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), answer.header("set-cookie")),
        (401, "(none)")
    );
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    assert_eq!(
        get("/console.json").await.body,
        json!({
            "mode": "oidc",
            "issuer": issuer.url,
            "clientId": "the page",
            "audience": AUDIENCE,
            "scope": "openid offline_access",
            "redirectUri": format!("{}/", server.base),
        })
    );
    // Once the issuer was asked, the page may speak to its endpoints, and to nobody else.
    assert_eq!(
        viewer(&server, &issuer.token(&key, "anna")).await.status,
        200
    );
    let policy = get("/").await.header("content-security-policy").to_owned();
    let origin = issuer.url.strip_suffix("/realm").unwrap();
    let connect = format!("connect-src 'self' {origin} https://token.example.com");
    assert!(policy.ends_with(&connect), "{policy}");

    // A token where only keys are taken, and two credentials at once.
    let token = issuer.token(&key, "anna");
    let request = stranger
        .request(VIEWER, &json!({}))
        .header("x-api-key", &token);
    assert_refused(&Answer::of(request).await.unwrap(), "a token as a key");
    let request = Client::new(&server.base, Some(&token)).request(VIEWER, &json!({}));
    let answer = Answer::of(request.header("x-api-key", "x")).await.unwrap();
    assert_eq!(answer.status, 400);

    let variables = [("APIKEYS_GRAPHIQL", "on")];
    let variables: Vec<_> = issuer.variables().into_iter().chain(variables).collect();
    let server = test.server_with(&variables).await;
    let page = Answer::of(stranger.http.get(format!("{}/graphiql", server.base))).await;
    assert_eq!(page.unwrap().status, 200);
    let local = test.server().await;
    let page = Answer::of(stranger.http.get(format!("{}/console.json", local.base))).await;
    assert_eq!(page.unwrap().body, json!({"mode": "local"}));
    assert_refused(&viewer(&local, &token).await, "a token in local mode");
}
