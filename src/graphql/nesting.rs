//! Refuses what nests too deep, before anything parses it.
//!
//! async-graphql's parser calls itself for each bracket in a value or a type, and limits only how deep selections nest: 1,800
//! brackets overflow a thread's stack, which ends the process.

use async_graphql::ServerError;
use serde_json::Value;

use super::error::{code, request_error};
use crate::bounds;

/// Checks how deep the brackets of a document nest, in one pass. Those in strings and comments do not count.
///
/// Where the document is malformed, this may see brackets that the parser does not reach, and never the other way round.
pub(super) fn check_document(document: &str) -> Result<(), ServerError> {
    let mut rest = document.as_bytes();
    let mut depth: usize = 0;
    // An open block string is read by the parser as an empty string and one that follows.
    let mut has_block_ends = true;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'{' | b'[' | b'(' => {
                depth += 1;
                if depth > bounds::NESTING {
                    let problem = format!(
                        "The document nests brackets more than {} levels deep.",
                        bounds::NESTING
                    );
                    return Err(request_error(code::GRAPHQL_VALIDATION_FAILED, problem));
                }
            }
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            b'#' => rest = after_comment(rest),
            b'"' => {
                let block = rest.strip_prefix(b"\"\"").filter(|_| has_block_ends);
                let after_block = block.and_then(after_block_string);
                has_block_ends &= block.is_none() || after_block.is_some();
                rest = after_block.unwrap_or_else(|| after_string(rest));
            }
            _ => {}
        }
    }
    Ok(())
}

fn after_comment(text: &[u8]) -> &[u8] {
    let end = memchr::memchr2(b'\n', b'\r', text);
    &text[end.unwrap_or(text.len())..]
}

/// What follows a string whose opening mark was read. A string ends with its line at the latest.
fn after_string(text: &[u8]) -> &[u8] {
    let mut position = 0;
    while let Some(byte) = text.get(position) {
        match byte {
            b'"' => return &text[position + 1..],
            b'\n' | b'\r' => return &text[position..],
            b'\\' => position += 2,
            _ => position += 1,
        }
    }
    &[]
}

/// What follows a block string whose opening mark was read; `None` where it has no end. `\"""` does not end it.
fn after_block_string(text: &[u8]) -> Option<&[u8]> {
    let mut ends = memchr::memmem::find_iter(text, b"\"\"\"");
    let is_end = |position: &usize| *position == 0 || text[position - 1] != b'\\';
    ends.find(is_end).map(|position| &text[position + 3..])
}

/// Checks how deep the variables nest. JSON that nests deeper than 127 levels was refused when it was read.
pub(super) fn check_variables(
    variables: &serde_json::Map<String, Value>,
) -> Result<(), ServerError> {
    match variables.values().map(depth_of).max() {
        Some(depth) if depth > bounds::NESTING => {
            let problem = format!(
                "`variables` nests more than {} levels deep.",
                bounds::NESTING
            );
            Err(request_error(code::BAD_USER_INPUT, problem))
        }
        _ => Ok(()),
    }
}

fn depth_of(value: &Value) -> usize {
    let deepest = match value {
        Value::Array(items) => items.iter().map(depth_of).max(),
        Value::Object(fields) => fields.values().map(depth_of).max(),
        _ => return 0,
    };
    deepest.unwrap_or(0) + 1
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use proptest::prelude::*;

    use super::*;

    fn passes(document: &str) -> bool {
        check_document(document).is_ok()
    }

    fn nested(before: &str, after: &str) -> String {
        let (open, close) = ("[".repeat(100), "]".repeat(100));
        format!("{before}{open}{close}{after}")
    }

    #[test]
    fn brackets_count_where_the_parser_meets_them_and_nowhere_else() {
        assert!(passes(&format!("{}{}", "[".repeat(64), "]".repeat(64))));
        assert!(!passes(&"[".repeat(65)));
        assert!(passes(&"[]{}()".repeat(1_000)));
        for (before, after) in [
            ("\"", "\""),
            ("\"\\\"", "\""),
            ("\"\\\\\\\"", "\""),
            ("\"\"\"", "\"\"\""),
            ("\"\"\"\n\\\"\"\"", "\n\"\"\""),
            ("\"\"\" \"\" ", "\"\"\""),
            ("# ", "\n"),
            ("#\" ", ""),
        ] {
            assert!(passes(&nested(before, after)), "{before}…{after}");
        }
        for (before, after) in [
            ("\"\"", ""),
            ("\"\\\\\"", ""),
            ("\"\"\"\"\"\"", ""),
            ("\"\"\"x\"", ""),
            ("\"\"\"\\\"\"\"\"\"\"", ""),
            ("\"open\n", ""),
            ("\"open\r", ""),
            ("# \n", ""),
            ("# \r", ""),
            ("\"#\"", ""),
        ] {
            assert!(!passes(&nested(before, after)), "{before}…{after}");
        }
    }

    proptest! {
        /// What is let pass is parsed on a stack of 512 KiB, a quarter of what a thread of the server has.
        #[test]
        fn what_is_let_pass_can_be_parsed(parts in prop::collection::vec(
            prop_oneof![
                Just("["), Just("{a:"), Just("{a"), Just("]"), Just("}"), Just("(a:"), Just(")"), Just("\""), Just("\"\"\""),
                Just("\\"), Just("#"), Just("\n"), Just("\r"), Just(" x "), Just("query($a:"), Just("=["), Just("@a(b:["), Just("...on A{"),
            ], 0..40), repeats in 1..400_usize) {
            let document: String = parts.iter().map(|part| part.repeat(repeats)).collect();
            if passes(&document) {
                let parsed = std::thread::Builder::new().stack_size(512 * 1024).spawn(move || drop(parse_query(&document)));
                parsed.unwrap().join().unwrap();
            }
        }
    }
}
