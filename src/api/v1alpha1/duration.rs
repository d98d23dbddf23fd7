//! Durations as they stand in a manifest: Go's notation (`1h30m`, `45s`), and whole days (`90d`) where a field says so.

use std::time::Duration;

use thiserror::Error;

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not a duration: write a number and a unit for each part, such as 45s, 15m, 1h30m or 90d")]
pub struct DurationError {
    /// The text as it was given, cut to 40 characters.
    pub text: String,
}

const DAY_SECONDS: u64 = 86_400;

/// Reads a duration such as `45s`, `1h30m`, `0.5h` or `90d`. Zero is a duration; a sign is not allowed.
///
/// # Errors
/// [`DurationError`] when the text has another form or is beyond what [`Duration`] can hold.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let refuse = || DurationError { text: text.chars().take(40).collect() };
    if let Some(days) = text.strip_suffix('d') {
        let days = days.parse::<u32>().map_err(|_| refuse())?;
        return Ok(Duration::from_secs(u64::from(days) * DAY_SECONDS));
    }
    if text.is_empty() {
        return Err(refuse());
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (part, after) = parse_part(rest).ok_or_else(refuse)?;
        total = total.checked_add(part).ok_or_else(refuse)?;
        rest = after;
    }
    Ok(total)
}

fn parse_part(text: &str) -> Option<(Duration, &str)> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, rest) = text.split_at(unit_at);
    if !number.starts_with(|c: char| c.is_ascii_digit()) || number.ends_with('.') {
        return None;
    }
    let unit_end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, after) = rest.split_at(unit_end);
    let unit_seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let value = number.parse::<f64>().ok()?;
    Duration::try_from_secs_f64(value * unit_seconds).ok().map(|part| (part, after))
}

/// Writes a duration as Go does, in whole seconds: `2h5m0s`, `45s`, `0s`. Parts of a second are dropped.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_manifests_are_read() {
        for (text, seconds) in
            [("0s", 0.0), ("45s", 45.0), ("1h30m", 5400.0), ("1.5h", 5400.0), ("250ms", 0.25), ("90d", 7_776_000.0)]
        {
            assert_eq!(parse_duration(text).map(|d| d.as_secs_f64()), Ok(seconds), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused_with_the_text() {
        for text in
            ["", "5", "s", "-5s", "+5s", "5x", "1d2h", "1.5d", "5 s", ".s", "1..2s", "5.s", "99999999999999999999h"]
        {
            assert_eq!(parse_duration(text), Err(DurationError { text: text.to_owned() }), "{text:?}");
        }
        assert!(parse_duration("bad").is_err_and(|e| e.to_string().contains("\"bad\"")));
    }

    #[test]
    fn durations_print_as_go_prints_them() {
        for (seconds, text) in [(0, "0s"), (59, "59s"), (60, "1m0s"), (3600, "1h0m0s"), (7505, "2h5m5s")] {
            assert_eq!(format_duration(Duration::from_secs(seconds)), text);
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)));
        }
    }
}
