//! `/graphql`: GraphQL over HTTP ([draft specification](https://graphql.github.io/graphql-over-http/draft/)).
//!
//! POST takes `application/json`, GET runs queries only. Every refusal is a GraphQL body, typed by `Accept`.

use std::sync::Arc;
use std::time::Instant;

use poem::http::{Method, StatusCode, header};
use poem::web::Data;
use poem::{Body, Request, Response, handler};
use tokio::task::AbortHandle;
use tracing::Instrument;

use super::App;
use super::caller::caller;
use super::log::{OperationName, RequestId};
use super::media::MediaType;
use super::refusal::{Refusal, respond};
use super::{body, parameters};
use crate::graphql::{Answer, Operation, code};

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
    app: &App,
    media_type: MediaType,
    request_id: &str,
) -> Result<Response, Refusal> {
    // First the body, which may take its time, then who sends it: a credential that ended meanwhile does nothing.
    let body = match *request.method() {
        Method::POST => body::read(body).await,
        _ => Ok(Vec::new()),
    };
    let begun = Instant::now();
    let caller = caller(app, request).await?;
    let turn = app.turns.next().await.ok_or_else(|| {
        let message = "The service is busy; try again in a moment. Nothing was done.";
        Refusal::unavailable(message, "1")
    })?;
    let parameters = match *request.method() {
        Method::GET => parameters::of_query_string(request.uri().query().unwrap_or_default())?,
        Method::POST => parameters::of_body(request, body)?,
        _ => {
            let message = "Use POST, or GET for queries.";
            return Err(Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                code::BAD_USER_INPUT,
                message,
            )
            .with_header(header::ALLOW, "GET, POST"));
        }
    };
    let operation = match Operation::parse(parameters) {
        Ok(operation) => operation,
        Err(error) => {
            let answer = Answer::request_error(error);
            return Ok(respond(&answer, status_of(&answer, media_type), media_type));
        }
    };
    if request.method() == Method::GET && !operation.is_query() {
        let message = "GET runs queries only; send this operation with POST.";
        return Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            code::BAD_USER_INPUT,
            message,
        )
        .with_header(header::ALLOW, "POST"));
    }
    let name = operation.name().map(ToOwned::to_owned);
    // As a task of its own, so that a panic ends this request alone and is answered. A mutation goes to its end when its client
    // has gone; a query does not.
    let is_query = operation.is_query();
    let work = {
        let (schema, service) = (app.schema.clone(), app.service.clone());
        let request_id = request_id.to_owned();
        async move {
            let answer = operation.execute(&schema, service, caller, begun, &request_id);
            let answer = answer.await;
            drop(turn);
            answer
        }
    };
    let work = tokio::spawn(work.in_current_span());
    let _ends_with_its_client = is_query.then(|| EndsWithItsClient(work.abort_handle()));
    let mut response = match work.await {
        Ok(answer) => respond(&answer, status_of(&answer, media_type), media_type),
        Err(panic) => {
            tracing::error!(%panic, "a request ended in a panic");
            let answer = Answer::internal_error(request_id);
            respond(&answer, StatusCode::INTERNAL_SERVER_ERROR, media_type)
        }
    };
    if let Some(name) = name {
        response.extensions_mut().insert(OperationName(name));
    }
    Ok(response)
}

/// Ends a task when it is dropped, which for a request's is when the client goes away.
struct EndsWithItsClient(AbortHandle);

impl Drop for EndsWithItsClient {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A refused document is 400 in the new media type, and 200 in the old one, which has always been so.
fn status_of(answer: &Answer, media_type: MediaType) -> StatusCode {
    match media_type {
        MediaType::GraphqlResponse if answer.is_request_error() => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}
