//! How deep a document and its variables may nest. What nests deeper is refused before anything parses it.

use serde_json::json;

use crate::harness::{Answer, Client, Test};

/// The levels that are let pass. Between them and the next of [`DEPTHS`] there is room for what stands around.
const MOST: usize = 64;

const DEPTHS: [usize; 8] = [10, 60, 70, 100, 1_000, 1_800, 10_000, 30_000];

/// The bytes of a body, beyond which it is refused for its size.
const BODY: usize = 65_000;

/// The bytes of a document for GET: percent-encoding makes three of one, and a request line has 64 KiB.
const LINE: usize = 20_000;

/// The rules of GraphQL's grammar that contain themselves. Between `~`: what stands before, opens, stands inside, closes, and
/// stands after.
const RULES: [&str; 21] = [
    "{ apiKey(id: ~[~1~]~) { id } }",
    "{ apiKey(id: ~[~~]~) { id } }",
    "{ apiKey(id: ~{a:~1~}~) { id } }",
    "{ apiKey(id: ~[{a: ~1~}]~) { id } }",
    "{ apiKeys(filter: {scope: ~[~\"a\"~]~}) { totalCount } }",
    // Default values, types and directives.
    "query($a: ID = ~[~1~]~) { apiKey(id: $a) { id } }",
    "query($a: ApiKeyFilter = ~{scope: ~\"a\"~}~) { apiKeys(filter: $a) { totalCount } }",
    "query($a: ~[~Int~]~) { viewer { owner } }",
    "query($a: ~[~Int!~]!~) { viewer { owner } }",
    "{ viewer @skip(if: ~[~true~]~) { owner } }",
    "query @skip(if: ~{a: ~true~}~) { viewer { owner } }",
    "query($a: Int @skip(if: ~[~true~]~)) { viewer { owner } }",
    "{ viewer { ...on Viewer @skip(if: ~[~true~]~) { owner } } }",
    // Selections.
    "{ __type(name: \"Query\") ~{ ofType ~{ name }~ }~ }",
    "~{a~{a}~}~",
    "{ ~...on Query { ~viewer { owner }~ }~ }",
    "~{ a(b: [1]) ~{ a }~ }~",
    // What is not executed: a fragment that nobody spreads, another operation.
    "{ ...f } fragment f on Query { viewer { owner } } fragment g on Query { apiKey(id: ~[~1~]~) { id } }",
    "{ viewer { owner } } fragment f on Query ~{ viewer ~{ owner }~ }~",
    "query A { viewer { owner } } query B { apiKey(id: ~[~1~]~) { id } }",
    // No rule, but it looks like one.
    "{ a~(a: ~1~)~ }",
];

/// What is no GraphQL, or looks like something else: what stands before brackets that are never closed, or closed too late.
const TRICKS: [&str; 22] = [
    "",
    "{",
    "{ apiKey(id: ",
    "]]]]]]]]]])))))))))}}}}}}}}}} ",
    "query($a: ",
    "query($a: ID = ",
    // An open block string is an empty string, and what follows stands outside of it.
    "{ apiKey(id: [\"\"\"x\" ",
    "{ apiKey(id: \"\"\"x\" ",
    "{ apiKey(id: [\"\"\"\\\\\"\"\" ",
    "{ apiKey(id: [\"\"\"\\\"\"\" ",
    "{ apiKey(id: [\"\"\" \"\"\" \"\"\"x\" ",
    // Closed ones of every length.
    "{ apiKey(id: [\"\" ",
    "{ apiKey(id: [\"\"\"\" ",
    "{ apiKey(id: [\"\"\"\"\"\" ",
    "{ apiKey(id: [\"\"\"\"\"\"\"\" ",
    "{ apiKey(id: [\"\"\"\\\"\"\"\"\"\" ",
    // Escapes, and strings that end with their line.
    "{ apiKey(id: [\"\\\"\" ",
    "{ apiKey(id: [\"\\\\\" ",
    "{ apiKey(id: [\"x\n",
    // Comments end with their line too, and what looks like a string in them is none.
    "{ apiKey(id: [ # \"\r ",
    "{ apiKey(id: [ # \"\"\"\n ",
    "\u{feff}{ apiKey(id: [ #\r\n ",
];

/// A document that nests by one of the rules.
fn document(rule: &str, depth: usize) -> String {
    let parts: Vec<&str> = rule.split('~').collect();
    let [before, open, inside, close, after] = parts[..] else {
        panic!("not five parts: {rule}");
    };
    let opened = open.matches(['[', '{', '(']).count();
    let closed = open.matches([']', '}', ')']).count();
    let times = depth.div_ceil(opened - closed);
    let (open, close) = (open.repeat(times), close.repeat(times));
    format!("{before}{open}{inside}{close}{after}")
}

/// The answers to a document by POST and by GET, where it is not too long for them.
async fn send(client: &Client, document: &str, what: &str) -> Vec<Answer> {
    let mut body = json!({"query": document});
    let mut parameters = vec![("query", document)];
    if document.starts_with("query A ") {
        body["operationName"] = json!("A");
        parameters.push(("operationName", "A"));
    }
    let body = body.to_string();
    let mut answers = Vec::new();
    if body.len() <= BODY {
        answers.push(post(client, body, what).await);
    }
    if document.len() <= LINE {
        answers.push(get(client, &parameters, what).await);
    }
    answers
}

async fn post(client: &Client, body: String, what: &str) -> Answer {
    let request = client.http.post(client.url("/graphql")).body(body);
    let request = request.header("content-type", "application/json");
    whole_answer(client, request, what).await
}

async fn get(client: &Client, parameters: &[(&str, &str)], what: &str) -> Answer {
    let request = client.http.get(client.url("/graphql")).query(parameters);
    whole_answer(client, request, what).await
}

/// The answer to a request; and another one is answered after it.
async fn whole_answer(client: &Client, request: reqwest::RequestBuilder, what: &str) -> Answer {
    let request = client.with_token(request);
    let answer = Answer::of(request.header("accept", "application/graphql-response+json")).await;
    let answer = answer.unwrap_or_else(|error| panic!("{what}: {error}"));
    let next = client.try_graphql("{ viewer { owner } }", json!({})).await;
    let next = next.unwrap_or_else(|error| panic!("after {what}: {error}"));
    assert_eq!(next.status, 200, "after {what}: {}", next.body);
    answer
}

fn is_refused(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 400, "{what}: {}", answer.body);
    let codes = ["GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"];
    assert!(codes.contains(&answer.code()), "{what}: {}", answer.body);
}

fn is_answered(answer: &Answer, what: &str) {
    let status = answer.status.as_u16();
    assert!([200, 400].contains(&status), "{what}: {answer:?}");
}

pub async fn brackets_deeper_than_64_are_refused_before_they_are_parsed(test: Test) {
    let server = test.server().await;
    let key = test.key("owner", &[]).await;
    let client = Client::new(&server.base, Some(&key));
    for rule in RULES {
        for depth in DEPTHS {
            let what = format!("{depth} levels of {rule}");
            for answer in send(&client, &document(rule, depth), &what).await {
                match depth > MOST {
                    true => is_refused(&answer, &what),
                    false => is_answered(&answer, &what),
                }
            }
        }
    }
    for before in TRICKS {
        let what = format!("brackets after {before:?}");
        let open = "[".repeat(1_800);
        let closed = format!("{before}{open}{}]) {{ id }} }}", "]".repeat(1_800));
        let long = format!("{before}{}", "{a:[".repeat(13_000));
        for document in [format!("{before}{open}"), closed, long] {
            for answer in send(&client, &document, &what).await {
                is_refused(&answer, &what);
            }
        }
    }
    // The least that is too much, and the most that is not: with the two around them, 64 and 65 levels.
    for (depth, named) in [(62, "argument"), (63, "64")] {
        let what = format!("{depth} levels and 2");
        for answer in send(&client, &document(RULES[0], depth), &what).await {
            is_refused(&answer, &what);
            let message = answer.body["errors"][0]["message"].as_str().unwrap();
            assert!(message.contains(named), "{what}: {message}");
        }
    }
}

pub async fn brackets_in_strings_and_comments_are_no_nesting(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let brackets = "[{(".repeat(500);
    for string in [
        format!("\"{brackets}\""),
        format!("\"\\\"{brackets}\""),
        format!("\"\\\\\\\"{brackets}\""),
        format!("\"#{brackets}\""),
        format!("\"\"\"{brackets}\"\"\""),
        format!("\"\"\"\n# \"\" {brackets}\n\"\"\""),
        format!("\"\"\"\\\"\"\"{brackets}\"\"\""),
    ] {
        let what = &string[..10];
        let document = format!("{{ apiKey(id: {string}) {{ id }} }}");
        for answer in send(&client, &document, what).await {
            // It was executed, and only then found to be no id.
            assert_eq!(
                answer.error(),
                ("BAD_USER_INPUT", Some("id")),
                "{what}: {}",
                answer.body
            );
        }
    }
    let viewer = "{ viewer { owner } }";
    for document in [
        format!("# {brackets}\n{viewer}"),
        format!("# {brackets}\r{viewer}"),
        format!("# \"\"\"\r\n{viewer} # \" {brackets}"),
        format!("{{ # \u{2028} {brackets}\n viewer {{ owner }} }} #"),
        // Nor are those that stand beside each other.
        format!(
            "{{ viewer {{ owner }} {} }}",
            (0..500)
                .map(|i| format!("a{i}: viewer {{ owner }} "))
                .collect::<String>()
        ),
    ] {
        for answer in send(&client, &document, &document[..4]).await {
            assert_eq!(answer.status, 200, "{}", answer.body);
            assert_eq!(answer.body.get("errors"), None, "{}", answer.body);
            assert_eq!(answer.body["data"]["viewer"]["owner"], "local");
        }
    }
}

pub async fn variables_that_nest_too_deep_are_refused(test: Test) {
    let server = test.server().await;
    let key = test.key("owner", &[]).await;
    let client = Client::new(&server.base, Some(&key));
    let viewer = "{ viewer { owner } }";
    for (open, close) in [("[", "]"), ("{\"scope\":", "}")] {
        for depth in [10, 60, 70, 100, 127, 200, 1_000, 10_000, 30_000] {
            let nested = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let what = format!("{depth} of {open}");
            let is_right = |answer: &Answer| match depth > MOST {
                false => is_answered(answer, &what),
                true => assert_eq!(
                    (answer.status.as_u16(), answer.code()),
                    (400, "BAD_USER_INPUT"),
                    "{what}: {}",
                    answer.body
                ),
            };
            for query in [
                viewer,
                "query($v: ID!) { apiKey(id: $v) { id } }",
                "query($v: ApiKeyFilter) { apiKeys(filter: $v) { totalCount } }",
            ] {
                let variables = format!("{{\"v\":{nested}}}");
                let body = format!("{{\"query\":{},\"variables\":{variables}}}", json!(query));
                if body.len() <= BODY {
                    is_right(&post(&client, body, &what).await);
                }
                if variables.len() <= LINE {
                    let parameters = [("query", query), ("variables", variables.as_str())];
                    is_right(&get(&client, &parameters, &what).await);
                }
            }
            // What is not looked at may nest as it likes, as long as it is answered.
            for body in [
                format!("{{\"query\":\"{viewer}\",\"extensions\":{{\"v\":{nested}}}}}"),
                format!("{{\"query\":\"{viewer}\",\"more\":{nested}}}"),
                format!("{{\"query\":\"{viewer}\",\"operationName\":{nested}}}"),
                format!("{{\"query\":{nested}}}"),
                nested,
            ] {
                if body.len() <= BODY {
                    is_answered(&post(&client, body, &what).await, &what);
                }
            }
        }
    }
}
