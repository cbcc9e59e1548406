//! Spans of time as people write them: `90d`, `12h`, `1w 2d`.

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

/// Reads a span of at least a second. A day has 24 hours; months and years have no length, and are refused.
///
/// The error is a sentence that follows the name of what was read.
pub fn parse(text: &str) -> Result<SignedDuration, &'static str> {
    const RIGHT: &str = "must be a time such as 90d, 12h or 30m";
    let span: Span = text.trim().parse().map_err(|_| RIGHT)?;
    let duration = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| RIGHT)?;
    if duration < SignedDuration::from_secs(1) {
        return Err("must be a second or longer, such as 90d");
    }
    // A time that goes beyond the calendar from now on is a slip.
    Timestamp::now()
        .checked_add(duration)
        .map_err(|_| "is longer than the calendar")?;
    Ok(duration)
}

/// A span for people: in days where it is some.
pub fn words(duration: SignedDuration) -> String {
    const DAY: i64 = 24 * 60 * 60;
    match (duration.as_secs(), duration.subsec_nanos()) {
        (DAY, 0) => "1 day".to_owned(),
        (seconds, 0) if seconds % DAY == 0 => format!("{} days", seconds / DAY),
        _ => format!("{duration:#}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_length() {
        let day = SignedDuration::from_hours(24);
        for (text, duration) in [
            ("90d", day * 90),
            ("1w 2d", day * 9),
            ("36h", day + day / 2),
            (" 30m ", SignedDuration::from_mins(30)),
            ("365 days", day * 365),
            ("P1D", day),
            ("1s", SignedDuration::from_secs(1)),
        ] {
            assert_eq!(parse(text), Ok(duration), "{text}");
        }
        for bad in [
            "", "d", "90", "1mo", "1y", "-1d", "0s", "500ms", "90x", "9999999w", "1d ago",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
