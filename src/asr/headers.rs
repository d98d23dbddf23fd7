//! What is read from the headers of an ARM answer: the job, the server's clock, the time to wait.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use super::ids::JobId;

const SHORTEST_WAIT: u64 = 1;
const LONGEST_WAIT: u64 = 600;
const USUAL_WAIT: Duration = Duration::from_secs(30);

/// The job that an accepted call started. The request id of a 202 is the job's ARM id and may come twice, the second
/// time as another text (recorded: net-UnplannedFailover seq 3); the two polling URLs end in the same GUID.
pub fn job_id(headers: &HeaderMap) -> Option<JobId> {
    texts(headers, "x-ms-request-id")
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .filter(|text| text.to_ascii_lowercase().contains("/replicationjobs/"))
        .find_map(JobId::from_path)
        .or_else(|| texts(headers, "azure-asyncoperation").find_map(JobId::from_path))
        .or_else(|| texts(headers, "location").find_map(JobId::from_path))
}

/// ARM's own clock when it answered.
pub fn date(headers: &HeaderMap) -> Option<Timestamp> {
    texts(headers, "date").find_map(http_date)
}

/// How many calls of a kind ARM has left for this identity, by the header of that name.
pub(crate) fn calls_left(headers: &HeaderMap, name: &'static str) -> Option<u32> {
    texts(headers, name).find_map(|text| text.trim().parse().ok())
}

/// How long the server asks to be left alone: 1 to 600 s, 30 s when it does not say.
pub fn retry_after(headers: &HeaderMap) -> Duration {
    asked_wait(headers).unwrap_or(USUAL_WAIT)
}

/// The wait the server asked for, if it did. A date is compared with the same answer's `Date`, never with a local clock.
pub(crate) fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    let text = texts(headers, "retry-after").next()?.trim();
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => LONGEST_WAIT,
        Err(_) => {
            let wait = http_date(text)?.as_second() - date(headers)?.as_second();
            u64::try_from(wait).unwrap_or(SHORTEST_WAIT)
        }
    };
    Some(Duration::from_secs(seconds.clamp(SHORTEST_WAIT, LONGEST_WAIT)))
}

fn http_date(text: &str) -> Option<Timestamp> {
    const PARSER: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);
    PARSER.parse_timestamp(text).ok()
}

fn texts<'a>(headers: &'a HeaderMap, name: &'static str) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUID: &str = "695176b6-2f3b-4611-bdbb-0e1554e5b46b";
    const OTHER: &str = "bcc070e1-0012-4350-89a0-c2d99fe3e361";

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    #[test]
    fn the_job_is_the_first_request_id_that_names_one() {
        let job = format!("/Subscriptions/s/resourceGroups/g/providers/p/vaults/v/replicationJobs/{GUID}");
        let stamp = "6efffda2-64f5-478f-a250-b3a651d04f9c 5/15/2017 2:17:03 PM";
        for lines in [
            vec![("x-ms-request-id", job.as_str()), ("x-ms-request-id", stamp)],
            vec![("x-ms-request-id", stamp), ("x-ms-request-id", job.as_str())],
            vec![("x-ms-request-id", job.as_str()), ("x-ms-request-id", job.as_str())],
        ] {
            assert_eq!(job_id(&headers(&lines)).unwrap().as_str(), GUID);
        }
        let joined = format!("{stamp}, {job}");
        assert_eq!(job_id(&headers(&[("x-ms-request-id", &joined)])).unwrap().as_str(), GUID);
    }

    #[test]
    fn without_a_usable_request_id_the_polling_urls_name_the_job() {
        let status = format!("https://h/a/replicationOperationStatus/{GUID}?api-version=1&t=2&s=a/b");
        let location = format!("https://h/a/operationresults/{OTHER}?api-version=1");
        let both = [
            ("x-ms-request-id", "/Subscriptions/s/replicationJobs/None"),
            ("azure-asyncoperation", status.as_str()),
            ("location", location.as_str()),
        ];
        assert_eq!(job_id(&headers(&both)).unwrap().as_str(), GUID);
        assert_eq!(job_id(&headers(&both[2..])).unwrap().as_str(), OTHER);
        assert_eq!(job_id(&headers(&[("location", "https://h/login")])), None);
    }

    #[test]
    fn the_servers_clock_is_read_from_date() {
        let at = date(&headers(&[("date", "Mon, 16 Jan 2023 09:27:19 GMT")])).unwrap();
        assert_eq!(at.to_string(), "2023-01-16T09:27:19Z");
        assert_eq!(date(&headers(&[("date", "yesterday")])), None);
    }

    #[test]
    fn the_calls_left_are_read_or_not_known() {
        let name = "x-ms-ratelimit-remaining-subscription-reads";
        for (value, left) in [("249", Some(249)), (" 0 ", Some(0)), ("-1", None), ("many", None), ("", None)] {
            assert_eq!(calls_left(&headers(&[(name, value)]), name), left, "{value}");
        }
        assert_eq!(calls_left(&headers(&[]), name), None);
    }

    #[test]
    fn retry_after_is_read_in_both_forms_and_bounded() {
        let now = ("date", "Mon, 16 Jan 2023 09:27:19 GMT");
        for (value, seconds) in [
            ("17", 17),
            ("0", 1),
            ("86400", 600),
            ("99999999999999999999999", 600),
            ("Mon, 16 Jan 2023 09:27:59 GMT", 40),
            ("Mon, 16 Jan 2023 09:00:00 GMT", 1),
            ("soon", 30),
            ("-5", 30),
        ] {
            let wait = retry_after(&headers(&[now, ("retry-after", value)]));
            assert_eq!(wait.as_secs(), seconds, "{value}");
        }
        assert_eq!(retry_after(&headers(&[])).as_secs(), 30);
        assert_eq!(retry_after(&headers(&[("retry-after", "Mon, 16 Jan 2023 09:27:59 GMT")])).as_secs(), 30);
    }
}
