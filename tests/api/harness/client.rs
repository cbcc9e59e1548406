//! A GraphQL client as plain as can be.

use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// Sends requests to one server with one token.
#[derive(Clone)]
pub struct Client {
    pub http: reqwest::Client,
    pub base: String,
    pub token: Option<String>,
}

/// The parts of an answer that scenarios look at.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Client {
    pub fn new(base: &str, token: Option<&str>) -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            http,
            base: base.to_owned(),
            token: token.map(str::to_owned),
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A request with the token, where there is one.
    pub fn with_token(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// The request that carries an operation.
    pub fn request(&self, query: &str, variables: &Value) -> RequestBuilder {
        let request = self
            .http
            .post(self.url("/graphql"))
            .json(&json!({"query": query, "variables": variables}));
        self.with_token(request)
            .header("accept", "application/graphql-response+json")
    }

    /// Executes an operation; `Err` where no whole answer came.
    pub async fn try_graphql(&self, query: &str, variables: Value) -> reqwest::Result<Answer> {
        Answer::of(self.request(query, &variables)).await
    }

    /// Executes an operation.
    pub async fn graphql(&self, query: &str, variables: Value) -> Answer {
        self.try_graphql(query, variables).await.unwrap()
    }

    /// Executes an operation that must succeed, and gives its data.
    pub async fn data(&self, query: &str, variables: Value) -> Value {
        let answer = self.graphql(query, variables).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body.get("errors"), None, "{}", answer.body);
        answer.body["data"].clone()
    }

    /// Creates a key; its id and secret.
    pub async fn create(&self, name: &str) -> (String, String) {
        let answer = self.try_create(name).await.unwrap();
        created(&answer).unwrap_or_else(|| panic!("{}", answer.body))
    }

    pub async fn try_create(&self, name: &str) -> reqwest::Result<Answer> {
        let query = "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } secret } }";
        self.try_graphql(query, json!({"input": {"name": name}}))
            .await
    }

    pub async fn delete(&self, id: &str) -> Answer {
        let query = "mutation($input: DeleteApiKeyInput!) { deleteApiKey(input: $input) { deletedApiKeyId } }";
        self.graphql(query, json!({"input": {"id": id}})).await
    }

    /// The ids of all keys, read in pages.
    pub async fn all_ids(&self) -> Vec<String> {
        let query = "query($after: String) { apiKeys(first: 100, after: $after) {
            nodes { id } pageInfo { hasNextPage endCursor } } }";
        let mut ids = Vec::new();
        let mut after = Value::Null;
        loop {
            let page = self.data(query, json!({"after": after})).await["apiKeys"].take();
            ids.extend(
                page["nodes"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|node| text(&node["id"])),
            );
            if page["pageInfo"]["hasNextPage"] == false {
                return ids;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
    }
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> reqwest::Result<Self> {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Self {
            status,
            headers,
            body,
        })
    }

    /// The code and the field of the first error.
    pub fn error(&self) -> (&str, Option<&str>) {
        let extensions = &self.body["errors"][0]["extensions"];
        (
            extensions["code"].as_str().unwrap_or("(no code)"),
            extensions["field"].as_str(),
        )
    }

    pub fn code(&self) -> &str {
        self.error().0
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("(none)", |value| value.to_str().unwrap())
    }
}

/// The id and secret in the answer of a creation.
pub fn created(answer: &Answer) -> Option<(String, String)> {
    let payload = &answer.body["data"]["createApiKey"];
    let id = payload["apiKey"]["id"].as_str()?;
    Some((id.to_owned(), payload["secret"].as_str()?.to_owned()))
}

/// A JSON string as a string.
pub fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a string: {value}"))
        .to_owned()
}
