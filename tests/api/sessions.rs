//! The sign-in link of local mode, and the session it opens.

use serde_json::json;

use crate::harness::{Answer, Test};

pub async fn the_link_opens_a_session_and_signing_out_ends_it(test: Test) {
    let server = test.server().await;
    let browser = server.stranger();
    let opened = Answer::of(browser.http.get(&server.link)).await.unwrap();
    assert_eq!(
        (opened.status.as_u16(), opened.header("location")),
        (303, "/")
    );
    assert_eq!(opened.header("referrer-policy"), "no-referrer");
    let set_cookie = opened.header("set-cookie");
    for part in ["apikeys_session=", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(set_cookie.contains(part), "{part} in {set_cookie}");
    }
    assert!(
        !set_cookie.contains("Secure"),
        "it must work on http://127.0.0.1"
    );
    assert!(!set_cookie.contains(&server.token));
    let cookie = set_cookie.split(';').next().unwrap().to_owned();

    let owner = async |cookie: &str| {
        let request = browser
            .request("{ viewer { owner } }", &json!({}))
            .header("cookie", cookie);
        let answer = Answer::of(request).await.unwrap();
        (
            answer.status.as_u16(),
            answer.body["data"]["viewer"]["owner"]
                .as_str()
                .map(str::to_owned),
        )
    };
    assert_eq!(owner(&cookie).await, (200, Some("local".to_owned())));
    assert_eq!(owner("apikeys_session=made-up").await, (401, None));
    // Signing in again gives a session of its own, so that nobody can prepare one for somebody else.
    let again = Answer::of(browser.http.get(&server.link).header("cookie", &cookie))
        .await
        .unwrap();
    let second = again
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    assert_ne!(second, cookie);
    assert_eq!(owner(&cookie).await, (401, None), "the first is gone");

    // Signing out is not a link that another page could make somebody follow, and it ends every copy.
    let get = browser
        .http
        .get(browser.url("/sign-out"))
        .header("cookie", &second);
    assert_eq!(Answer::of(get).await.unwrap().status, 405);
    assert_eq!(owner(&second).await.0, 200);
    let out = Answer::of(
        browser
            .http
            .post(browser.url("/sign-out"))
            .header("cookie", &second),
    )
    .await
    .unwrap();
    assert_eq!((out.status.as_u16(), out.header("location")), (303, "/"));
    assert_eq!(owner(&second).await, (401, None));

    // Behind https the cookie is for https alone.
    let token = "0123456789-0123456789.0123456789=";
    let variables = [
        ("APIKEYS_PUBLIC_URL", "https://keys.example.com"),
        ("APIKEYS_LOCAL_TOKEN", token),
    ];
    let server = test.server_with(&variables).await;
    let link = "https://keys.example.com/sign-in?token=0123456789-0123456789.0123456789%3D";
    assert_eq!(server.link, link);
    let url = format!("http://{}/sign-in", server.address().await);
    let opened = Answer::of(browser.http.get(url).query(&[("token", token)])).await;
    let opened = opened.unwrap();
    assert_eq!(opened.status, 303);
    assert!(opened.header("set-cookie").contains("Secure"));
}

pub async fn a_wrong_link_opens_nothing(test: Test) {
    let server = test.server().await;
    let browser = server.stranger();
    for query in [
        "",
        "?token=",
        "?token=wrong",
        "?other=1",
        "?token=%ff",
        "?token=a&token=b",
    ] {
        let answer = Answer::of(browser.http.get(browser.url(&format!("/sign-in{query}"))))
            .await
            .unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.header("set-cookie")),
            (401, "(none)"),
            "{query}"
        );
        assert!(answer.body.as_str().unwrap().contains("not valid"));
    }
    let other = test.server().await;
    let token = other.link.split_once('?').unwrap().1;
    let answer = Answer::of(browser.http.get(browser.url(&format!("/sign-in?{token}"))))
        .await
        .unwrap();
    assert_eq!(answer.status, 401, "the link of another start");
}
