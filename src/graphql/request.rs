//! From the parameters of a request to its answer: choose the operation, execute it, and see to it that every error
//! carries a code.

use std::sync::Arc;
use std::time::Instant;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, VariableDefinition,
};
use async_graphql::{Name, Response, ServerError, Value, Variables};

use super::Schema;
use super::completion::{Order, complete};
use super::error::{code, code_of, request_error, set};
use super::questions::Questions;
use super::size::Size;
use super::{input, limit, nesting};
use crate::auth::Caller;
use crate::bounds;
use crate::key::service::Service;

/// The parameters of a GraphQL request, however they were transported.
pub struct Parameters {
    /// The document.
    pub query: String,
    /// Which of its operations to execute.
    pub operation_name: Option<String>,
    /// The values of its variables.
    pub variables: serde_json::Map<String, serde_json::Value>,
}

/// An operation that can be executed.
pub struct Operation {
    request: async_graphql::Request,
    /// A second copy, to explain errors with: executing takes the first.
    query: String,
    name: Option<String>,
    /// Variables that are declared and have no value.
    unset: Vec<Name>,
    order: Order,
    is_query: bool,
}

/// What came of a request.
pub struct Answer {
    response: Response,
    is_request_error: bool,
    is_query: bool,
}

impl Operation {
    /// Parses the document, finds the operation in it, and checks that its required variables are there.
    pub fn parse(parameters: Parameters) -> Result<Self, ServerError> {
        let Parameters {
            query,
            operation_name,
            variables,
        } = parameters;
        nesting::check_document(&query)?;
        nesting::check_variables(&variables)?;
        let variables = Variables::from_json(serde_json::Value::Object(variables));
        let mut request = async_graphql::Request::new(query.clone());
        request.operation_name = operation_name;
        let name = request.operation_name.clone();
        let document = match request.parsed_query() {
            Ok(document) => document,
            Err(error) => return Err(syntax_error(&error)),
        };
        limit::check(document)?;
        let (name, operation) = choose(document, name.as_deref())?;
        if let Some(error) = missing_variable(document, operation, &variables) {
            return Err(error);
        }
        let declared = operation.variable_definitions.iter();
        let unset = declared
            .map(|definition| &definition.node)
            .filter(|variable| has_no_value(variable, &variables))
            .map(|variable| variable.name.node.clone())
            .collect();
        let order = Order::of(document, &operation.selection_set.node);
        let is_query = operation.ty == OperationType::Query;
        let name = name.map(ToString::to_string);
        request.variables = variables;
        Ok(Self {
            request,
            query,
            name,
            unset,
            order,
            is_query,
        })
    }

    /// The operation's name in the document.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether it is a query, which changes nothing.
    pub fn is_query(&self) -> bool {
        self.is_query
    }

    /// Executes the operation for a caller, in what is left of the time of a request that began at `begun`. `request_id` is told to
    /// the client where the fault is ours.
    pub async fn execute(
        self,
        schema: &Schema,
        service: Arc<Service>,
        caller: Caller,
        begun: Instant,
        request_id: &str,
    ) -> Answer {
        let Self {
            mut request,
            query,
            name,
            unset,
            order,
            is_query,
        } = self;
        request = request.data(caller).data(Questions::new(service, begun));
        let size = Arc::new(Size::default());
        if is_query {
            request = request.data(size.clone());
        }
        let mut response = schema.execute(request).await;
        if size.is_too_large() {
            return Answer::too_large();
        }
        // What has a path happened during execution; what has none was found before it.
        let is_request_error = response.data == Value::Null
            && !response.errors.is_empty()
            && response.errors.iter().all(|error| error.path.is_empty());
        let has_invalid_value =
            |error: &ServerError| error.message.starts_with(input::INVALID_VALUE);
        if is_request_error && response.errors.iter().any(has_invalid_value) {
            // Reckoning the complexity reads the arguments too, and says once more what validation has said.
            response.errors.retain(|error| {
                let message = &error.message;
                !message.starts_with("Expected input type")
                    && !message.starts_with("Failed to parse")
            });
        }
        if is_request_error {
            // A document may have as many mistakes as it has words. Fields that failed are all told of: one that is null
            // without an error is one that does not exist.
            response.errors.truncate(bounds::MISTAKES);
        } else if !response.errors.is_empty()
            && let Ok(document) = parse_query(&query)
            && let Ok((_, operation)) = choose(&document, name.as_deref())
        {
            complete(&mut response.data, &response.errors, &document, operation);
        }
        order.apply(&mut response.data);
        let mut explainer = input::Explainer::new(&query, &unset);
        for error in &mut response.errors {
            match code_of(error) {
                Some(Value::String(code)) if code == code::INTERNAL => {
                    set(error, "requestId", request_id)
                }
                Some(_) => {}
                None => explainer.explain(error),
            }
        }
        Answer {
            response,
            is_request_error,
            is_query,
        }
    }
}

impl Answer {
    /// An answer without data, because nothing was executed.
    pub fn request_error(error: ServerError) -> Self {
        Self {
            response: Response::from_errors(vec![error]),
            is_request_error: true,
            is_query: false,
        }
    }

    /// An answer that tells of a fault of ours.
    pub fn internal_error(request_id: &str) -> Self {
        let mut error = request_error(code::INTERNAL, "Something went wrong on our side.");
        set(&mut error, "requestId", request_id);
        Self::request_error(error)
    }

    /// In place of an answer to a query of which only a part was made, or which is too large to be sent.
    fn too_large() -> Self {
        let message = "The answer is larger than 1 MiB, which is the most; ask for less, or in several requests.";
        Self {
            response: Response::from_errors(vec![request_error(code::LIMIT_REACHED, message)]),
            is_request_error: false,
            is_query: false,
        }
    }

    /// Whether the request was refused before anything was executed.
    pub fn is_request_error(&self) -> bool {
        self.is_request_error
    }

    /// The body of the answer. A request error has no `data` at all (GraphQL specification, section 7.1).
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        #[derive(serde::Serialize)]
        struct RequestError<'a> {
            errors: &'a [ServerError],
        }
        if self.is_request_error {
            let errors = &self.response.errors;
            return serde_json::to_vec(&RequestError { errors });
        }
        let body = serde_json::to_vec(&self.response)?;
        if body.len() <= bounds::ANSWER_LEN || !self.is_query {
            return Ok(body);
        }
        Self::too_large().to_json()
    }
}

/// The parser's message, without the picture of the line that it draws: a line may be the whole document.
fn syntax_error(error: &ServerError) -> ServerError {
    let last_line = error.message.lines().last().unwrap_or_default();
    let expected = last_line.trim_start_matches([' ', '=']);
    let mut answer = request_error(
        code::GRAPHQL_PARSE_FAILED,
        format!("The document is not GraphQL: {expected}."),
    );
    answer.locations.clone_from(&error.locations);
    answer
}

/// Finds the operation to execute (GraphQL specification, section 6.1).
fn choose<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<(Option<&'a Name>, &'a OperationDefinition), ServerError> {
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Ok((None, &operation.node)),
        (DocumentOperations::Multiple(operations), None) => {
            let mut all = operations.iter();
            match (all.next(), all.next()) {
                (Some((name, operation)), None) => Ok((Some(name), &operation.node)),
                _ => Err(request_error(
                    code::BAD_USER_INPUT,
                    "The document has several operations; say which to execute with `operationName`.",
                )),
            }
        }
        (DocumentOperations::Multiple(operations), Some(name)) if operations.contains_key(name) => {
            let (name, operation) = operations
                .get_key_value(name)
                .ok_or_else(|| unknown_operation(name))?;
            Ok((Some(name), &operation.node))
        }
        (_, Some(name)) => Err(unknown_operation(name)),
    }
}

fn unknown_operation(name: &str) -> ServerError {
    let message =
        format!("The document has no operation named `{name}`, which `operationName` asks for.");
    request_error(code::BAD_USER_INPUT, message)
}

/// Whether a variable is null, or neither given nor has a default.
fn has_no_value(variable: &VariableDefinition, variables: &Variables) -> bool {
    match variables.get(&variable.name.node) {
        None => variable.default_value.is_none(),
        Some(value) => *value == Value::Null,
    }
}

/// A variable that must have a value and has none (GraphQL specification, section 6.1.2).
fn missing_variable(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: &Variables,
) -> Option<ServerError> {
    let definition = operation.variable_definitions.iter().find(|definition| {
        !definition.node.var_type.node.nullable && has_no_value(&definition.node, variables)
    })?;
    let VariableDefinition { name, var_type, .. } = &definition.node;
    let name = &name.node;
    let problem = match variables.contains_key(name) {
        true => "must not be null",
        false => "was not given",
    };
    let message = format!("The variable `${name}` of type `{var_type}` {problem}.");
    let mut error = request_error(code::BAD_USER_INPUT, message);
    error.locations = vec![definition.pos];
    if let Some(field) = input::argument_of_variable(document, name) {
        set(&mut error, "field", &field);
    }
    Some(error)
}
