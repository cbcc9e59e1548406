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
                let at = parse(&text);
                at.map(Self)
                    .ok_or_else(|| InputValueError::custom("it is not a time"))
            }
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(text) if parse(text).is_some())
    }

    fn to_value(&self) -> Value {
        Value::String(format!("{:.6}", self.0))
    }
}

/// Reads RFC 3339 (section 5.6), and nothing else that looks like a time: the years are those of four digits. It is cut to
/// microseconds, as the database keeps it.
fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let is = |at: usize, any_of: &[u8]| bytes.get(at).is_some_and(|byte| any_of.contains(byte));
    let has_date = bytes.iter().take(4).all(u8::is_ascii_digit) && is(4, b"-") && is(7, b"-");
    let has_time = is(10, b"Tt") && is(13, b":") && is(16, b":");
    let zone = bytes.len().checked_sub(6)?;
    let has_zone =
        matches!(bytes.last(), Some(b'Z' | b'z')) || (is(zone, b"+-") && is(zone + 3, b":"));
    if !(has_date && has_time && has_zone) {
        return None;
    }
    let at: Timestamp = text.parse().ok()?;
    Timestamp::from_microsecond(at.as_microsecond()).ok()
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

    #[test]
    fn what_rfc_3339_does_not_write_is_refused() {
        for good in [
            "2026-11-24T09:30:00Z",
            "2026-11-24t09:30:00.5z",
            "2026-11-24T09:30:00.123456789+02:00",
            "0001-01-01T00:00:00-00:30",
        ] {
            assert!(parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "2026-11-24",
            "2026-11-24 09:30:00Z",
            "2026-11-24T09:30Z",
            "2026-11-24T09:30:00",
            "2026-11-24T09:30:00+02",
            "2026-11-24T09:30:00+01:00[Europe/Paris]",
            "-009999-06-01T00:00:00Z",
            "+012026-11-24T09:30:00Z",
            "2026-13-24T09:30:00Z",
            "20261124T093000Z",
            "ééé",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
