//! The scalar for instants.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use jiff::Timestamp;

/// An instant as RFC 3339 writes it, in UTC with `Z` and always six fraction digits: `2026-11-24T09:30:00.000000Z`.
pub struct DateTime(pub(super) Timestamp);

/// An instant as RFC 3339 writes it, in UTC with `Z` and always six fraction digits: `2026-11-24T09:30:00.000000Z`.
#[Scalar(specified_by_url = "https://datatracker.ietf.org/doc/html/rfc3339")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => {
                let at: Timestamp = text.parse().map_err(InputValueError::custom)?;
                // As the database keeps it.
                let micros = Timestamp::from_microsecond(at.as_microsecond());
                Ok(Self(micros.unwrap_or(at)))
            }
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(text) if text.parse::<Timestamp>().is_ok())
    }

    fn to_value(&self) -> Value {
        Value::String(format!("{:.6}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_fraction_digits_are_always_there() {
        let written = |micros| DateTime(Timestamp::from_microsecond(micros).unwrap()).to_value();
        assert_eq!(written(0), Value::from("1970-01-01T00:00:00.000000Z"));
        assert_eq!(
            written(1_800_000_000_120_000),
            Value::from("2027-01-15T08:00:00.120000Z")
        );
    }
}
