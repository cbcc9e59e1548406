//! One request: what is sent, and what comes back.

use std::fmt::Write;

use serde_json::json;

use crate::Result;
use crate::seed::Known;

#[derive(Clone)]
pub struct Request {
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    /// Without one it is a GET, with one a POST.
    body: String,
    /// Whose key it asks about, if it asks about one.
    pub owner: String,
}

/// What came back, as far as it is looked at.
pub struct Answer {
    pub status: u16,
    /// The owner that a header names.
    pub owner: Option<String>,
    pub body: String,
}

impl Request {
    pub fn livez() -> Self {
        Self {
            path: "/livez",
            headers: Vec::new(),
            body: String::new(),
            owner: String::new(),
        }
    }

    /// Is this key good?
    pub fn auth(known: &Known) -> Self {
        Self {
            path: "/auth",
            headers: vec![bearer(&known.secret)],
            body: String::new(),
            owner: known.owner.clone(),
        }
    }

    /// Whose key is it? Asked with a key that may.
    pub fn introspect(known: &Known, caller: &str) -> Self {
        let form = ("Content-Type", "application/x-www-form-urlencoded".into());
        Self {
            path: "/introspect",
            headers: vec![bearer(caller), form],
            body: format!("token={}", known.secret),
            owner: known.owner.clone(),
        }
    }

    /// A GraphQL document without variables.
    pub fn graphql(document: &str, token: &str) -> Self {
        let json = ("Content-Type", "application/json".to_owned());
        Self {
            path: "/graphql",
            headers: vec![bearer(token), json],
            body: json!({ "query": document }).to_string(),
            owner: String::new(),
        }
    }

    /// The same, on the keys of another owner. The token has to be that of a key that may act for them.
    pub fn acting_for(mut self, owner: String) -> Self {
        self.headers.push(("Apikeys-Owner", owner));
        self
    }

    /// The request as it is sent.
    pub fn text(&self, host: &str) -> Result<String> {
        let method = if self.body.is_empty() { "GET" } else { "POST" };
        let mut text = format!("{method} {} HTTP/1.1\r\nHost: {host}\r\n", self.path);
        for (name, value) in &self.headers {
            write!(text, "{name}: {value}\r\n")?;
        }
        if !self.body.is_empty() {
            write!(text, "Content-Length: {}\r\n", self.body.len())?;
        }
        Ok(format!("{text}\r\n{}", self.body))
    }

    /// Sends it to the server at `base`, and waits for all of the answer.
    pub async fn send(&self, client: &reqwest::Client, base: &str) -> Result<Answer> {
        let url = format!("{base}{}", self.path);
        let mut sent = if self.body.is_empty() {
            client.get(url)
        } else {
            client.post(url).body(self.body.clone())
        };
        for (name, value) in &self.headers {
            sent = sent.header(*name, value);
        }
        let response = sent.send().await?;
        let owner = response.headers().get("apikeys-owner");
        let owner = owner.and_then(|owner| owner.to_str().ok());
        Ok(Answer {
            status: response.status().as_u16(),
            owner: owner.map(str::to_owned),
            body: response.text().await?,
        })
    }
}

fn bearer(token: &str) -> (&'static str, String) {
    ("Authorization", format!("Bearer {token}"))
}
