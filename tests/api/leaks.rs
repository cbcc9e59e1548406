//! For the day on which something leaked.

use crate::forward_auth::status;
use crate::harness::{Test, mistyped};

pub async fn every_key_of_an_owner_can_be_revoked(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let mut secrets = Vec::new();
    for i in 0..120 {
        secrets.push(client.create(&format!("key {i}")).await.1);
    }
    let other = test.key("other", &[]).await;
    for (arguments, code) in [
        (vec!["revoke", "--owner", "local"], 2),
        (vec!["revoke", "--all"], 2),
        (vec!["revoke", "--owner", "", "--all"], 2),
    ] {
        let refused = test.run(&arguments, &[]).await;
        assert_eq!(
            (refused.code, refused.stdout.as_str()),
            (Some(code), ""),
            "{arguments:?}"
        );
    }
    assert_eq!(test.database.count("api_keys").await, 121);
    let done = test
        .run(&["revoke", "--owner", "local", "--all"], &[])
        .await;
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (Some(0), "120 keys deleted\n"),
        "{}",
        done.stderr
    );
    for secret in &secrets {
        assert_eq!(
            crate::forward_auth::ask(&client, secret)
                .send()
                .await
                .unwrap()
                .status(),
            401
        );
    }
    assert_eq!(status(&server, &other).await, 200);
    let events = "api_key_events WHERE action = 'DELETED' AND owner = 'local' AND credential = 'COMMAND_LINE' AND actor = 'command-line'";
    assert_eq!(test.database.count(events).await, 120);
    let again = test
        .run(&["revoke", "--owner", "local", "--all"], &[])
        .await;
    assert_eq!(
        (again.code, again.stdout.as_str()),
        (Some(0), "0 keys deleted\n")
    );
    let one = test
        .run(&["revoke", "--owner", "other", "--all"], &[])
        .await;
    assert_eq!(one.stdout, "1 key deleted\n");
}

pub async fn a_scan_finds_secrets_and_tells_which_are_live(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let (id, live) = client.create("live").await;
    let (dead_id, dead) = client.create("dead").await;
    client.delete(&dead_id).await;
    let folder = test.folder().join("repository");
    std::fs::create_dir_all(folder.join("deep/er")).unwrap();
    std::fs::write(
        folder.join("a.env"),
        format!("# settings\nKEY={live}\n\nOTHER=\"{dead}\"\n"),
    )
    .unwrap();
    std::fs::write(
        folder.join("deep/er/binary"),
        [b"\0\xff\xfe".as_slice(), live.as_bytes(), b"\n\0"].concat(),
    )
    .unwrap();
    let typo = mistyped(&live);
    std::fs::write(
        folder.join("typo.txt"),
        format!("{typo} ak_ acme_{}", &live[3..]),
    )
    .unwrap();
    std::os::unix::fs::symlink(folder.join("a.env"), folder.join("link")).unwrap();
    let repository = folder.to_str().unwrap();

    let hint = |secret: &str| format!("{}…", &secret[..7]);
    let lines = |verdicts: [&str; 2]| {
        format!(
            "{repository}/a.env:2: {}{}\n{repository}/a.env:4: {}{}\n{repository}/deep/er/binary:1: {}{}\n",
            hint(&live),
            verdicts[0],
            hint(&dead),
            verdicts[1],
            hint(&live),
            verdicts[0],
        )
    };
    // Offline: nothing is asked of a database that is not there.
    let offline = [("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing")];
    let found = test.run(&["scan", repository], &offline).await;
    assert_eq!(
        (found.code, found.stdout),
        (Some(1), lines(["", ""])),
        "{}",
        found.stderr
    );
    assert!(found.stderr.contains("found 3 secrets"), "{}", found.stderr);
    let checked = test.run(&["scan", "--check", repository], &[]).await;
    let live_verdict = format!(" live: key {id} of local");
    assert_eq!(
        (checked.code, checked.stdout.clone()),
        (Some(1), lines([&live_verdict, " not live"])),
        "{}",
        checked.stderr
    );
    for output in [checked.stdout, checked.stderr, found.stderr] {
        assert!(!output.contains(&live[7..]) && !output.contains(&dead[7..]));
    }
    let unreachable = test.run(&["scan", "--check", repository], &offline).await;
    assert_eq!(
        (unreachable.code, unreachable.stdout.as_str()),
        (Some(1), ""),
        "an outage is no verdict"
    );

    let clean = test
        .run(&["scan", &format!("{repository}/typo.txt")], &offline)
        .await;
    assert_eq!(
        (clean.code, clean.stdout.as_str(), clean.stderr.as_str()),
        (Some(0), "", "")
    );
    let other_prefix = test
        .run(&["scan", repository, "--key-prefix", "acme"], &offline)
        .await;
    assert_eq!(
        (other_prefix.code, other_prefix.stdout.as_str()),
        (Some(0), "")
    );
    let missing = test.run(&["scan", "nowhere"], &offline).await;
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.contains("nowhere"), "{}", missing.stderr);
    assert_eq!(test.run(&["scan"], &[]).await.code, Some(2));

    // What is named is read, also through a link or a pipe; and no empty database answers in place of a missing one.
    let link = test
        .run(&["scan", &format!("{repository}/link")], &offline)
        .await;
    assert_eq!(
        (link.code, link.stdout.lines().count()),
        (Some(1), 2),
        "{}",
        link.stderr
    );
    let missing = [("DATABASE_URL", "sqlite://missing.db")];
    for arguments in [
        vec!["scan", "--check", repository],
        vec!["revoke", "--owner", "local", "--all"],
    ] {
        let refused = test.run(&arguments, &missing).await;
        assert_eq!(
            (refused.code, refused.stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}"
        );
        assert!(
            refused.stderr.contains("DATABASE_URL names"),
            "{}",
            refused.stderr
        );
    }
    assert!(!test.folder().join("missing.db").exists());

    // The rule finds what is a secret, in the words of the other scanner.
    let rule = test.run(&["scan", "--rule", "gitleaks"], &offline).await;
    assert_eq!(rule.code, Some(0));
    let regex = rule.stdout.split("'''").nth(1).unwrap();
    assert_eq!(regex, r"\bak_[0-9A-Za-z]{38}\b");
    assert!(
        rule.stdout.contains("[[rules]]\nid = \"apikeys-ak\"\n"),
        "{}",
        rule.stdout
    );
    assert!(
        rule.stdout.contains("keywords = [\"ak_\"]\n"),
        "{}",
        rule.stdout
    );
}
