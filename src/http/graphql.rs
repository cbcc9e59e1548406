//! `/graphql`: GraphQL over HTTP ([draft specification](https://graphql.github.io/graphql-over-http/draft/)).
//!
//! POST takes `application/json`, GET runs queries only. Every refusal is a GraphQL body, typed by `Accept`.

use std::sync::Arc;
use std::time::Instant;

use poem::http::{Method, StatusCode, header};
use poem::web::Data;
use poem::{Body, Request, Response, handler};
use tokio::sync::oneshot;
use tracing::Instrument;

use super::App;
use super::caller::{caller, is_nobody};
use super::log::{OperationName, RequestId};
use super::media::MediaType;
use super::refusal::{Refusal, respond};
use super::{body, parameters};
use crate::auth::Caller;
use crate::graphql::{Answer, Operation, Parameters, code};

/// `/graphql`, whatever the method.
#[handler]
pub(super) async fn graphql(
    request: &Request,
    body: Body,
    app: Data<&Arc<App>>,
    request_id: Data<&RequestId>,
) -> Response {
    let Some(media_type) = MediaType::negotiate(request).await else {
        let message = "The answer is application/graphql-response+json or application/json; `Accept` takes neither.";
        return Refusal::new(StatusCode::NOT_ACCEPTABLE, code::BAD_USER_INPUT, message)
            .into_response(MediaType::Json);
    };
    match handle(request, body, &app, media_type, &request_id.0.0).await {
        Ok(response) => response,
        Err(refusal) if refusal.code == code::INTERNAL => {
            let answer = Answer::internal_error(&request_id.0.0);
            respond(&answer, refusal.status, media_type)
        }
        Err(refusal) => refusal.into_response(media_type),
    }
}

async fn handle(
    request: &Request,
    body: Body,
    app: &Arc<App>,
    media_type: MediaType,
    request_id: &str,
) -> Result<Response, Refusal> {
    // First the body, which may take its time, then who sends it: a credential that ended meanwhile does nothing.
    let body = match *request.method() {
        Method::POST if !is_nobody(app, request) => body::read(body).await,
        _ => Ok(Vec::new()),
    };
    let begun = Instant::now();
    let caller = caller(app, request).await?;
    let parameters = match *request.method() {
        Method::GET => parameters::of_query_string(request.uri().query().unwrap_or_default())?,
        Method::POST => parameters::of_body(request, body)?,
        _ => {
            return Err(method_not_allowed(
                "Use POST, or GET for queries.",
                "GET, POST",
            ));
        }
    };
    let turn = app.turns.next().await.ok_or_else(|| {
        let message = "The service is busy; try again in a moment. Nothing was done.";
        Refusal::unavailable(message, "1")
    })?;
    let execution = Execution {
        app: app.clone(),
        caller,
        begun,
        may_change: request.method() == Method::POST,
        media_type,
        request_id: request_id.to_owned(),
    };
    let (answer, answered) = oneshot::channel();
    // As a task of its own, so that a panic ends this request alone and is answered.
    turn.spawn(execution.run(parameters, answer).in_current_span());
    answered.await.unwrap_or_else(|_| {
        tracing::error!("a request ended in a panic");
        let answer = Answer::internal_error(request_id);
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Ok(respond(&answer, status, media_type))
    })
}

fn method_not_allowed(message: &str, allowed: &'static str) -> Refusal {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    Refusal::new(status, code::BAD_USER_INPUT, message).with_header(header::ALLOW, allowed)
}

/// A request whose turn it is.
struct Execution {
    app: Arc<App>,
    caller: Caller,
    begun: Instant,
    may_change: bool,
    media_type: MediaType,
    request_id: String,
}

impl Execution {
    /// Parses, executes and answers. A query ends when its client has gone; a mutation goes to its end.
    async fn run(
        self,
        parameters: Parameters,
        mut answer: oneshot::Sender<Result<Response, Refusal>>,
    ) {
        let media_type = self.media_type;
        let respond = |answer: Answer| {
            let status = status_of(&answer, media_type);
            respond(&answer, status, media_type)
        };
        let operation = match Operation::parse(parameters) {
            Ok(operation) => operation,
            Err(error) => {
                let error = Answer::request_error(error);
                return drop(answer.send(Ok(respond(error))));
            }
        };
        let is_query = operation.is_query();
        if !is_query && !self.may_change {
            let message = "GET runs queries only; send this operation with POST.";
            return drop(answer.send(Err(method_not_allowed(message, "POST"))));
        }
        let name = operation
            .name()
            .filter(|name| self.app.verifier.may_be_logged(name));
        let name = name.map(ToOwned::to_owned);
        let (schema, service) = (&self.app.schema, self.app.service.clone());
        let work = operation.execute(schema, service, self.caller, self.begun, &self.request_id);
        let executed = tokio::select! {
            () = answer.closed(), if is_query => return,
            executed = work => executed,
        };
        let mut response = respond(executed);
        if let Some(name) = name {
            response.extensions_mut().insert(OperationName(name));
        }
        drop(answer.send(Ok(response)));
    }
}

/// A refused document is 400 in the new media type, and 200 in the old one, which has always been so.
fn status_of(answer: &Answer, media_type: MediaType) -> StatusCode {
    match media_type {
        MediaType::GraphqlResponse if answer.is_request_error() => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}
