//! Choice of a recovery point: by time and kind, never by the order of a list.

use super::Reason;
use super::item::Obstacle;
use jiff::{SignedDuration, Timestamp};

/// How consistent a point is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointKind {
    /// Taken with the applications' help.
    AppConsistent,
    /// As after a power cut.
    CrashConsistent,
    /// A word that this program does not know.
    Other,
}

impl PointKind {
    /// The word used in status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AppConsistent => "AppConsistent",
            Self::CrashConsistent => "CrashConsistent",
            Self::Other => "Other",
        }
    }
}

/// One recovery point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Full ARM id: what a call takes.
    pub id: String,
    /// When it was taken.
    pub time: Timestamp,
    /// How consistent it is.
    pub kind: PointKind,
}

impl Point {
    /// The last segment of the id: the only part that is the same everywhere.
    pub fn name(&self) -> &str {
        last_segment(&self.id)
    }
}

/// The last segment of an ARM id.
pub fn last_segment(id: &str) -> &str {
    id.trim_end_matches('/').rsplit('/').next().unwrap_or(id)
}

/// Which points a request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointType {
    /// Whatever Azure has not yet processed is processed first: no point is named in the call.
    Latest,
    /// The newest point.
    LatestProcessed,
    /// The newest app-consistent point.
    LatestAppConsistent,
    /// The newest crash-consistent point.
    LatestCrashConsistent,
    /// The point named, or the newest not after a time.
    Custom,
}

/// A request's wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointChoice {
    /// Which kind of choice.
    pub point_type: PointType,
    /// Custom only: the point's id or name.
    pub id: Option<String>,
    /// Not taken after this time.
    pub not_after: Option<Timestamp>,
    /// Refuse when more than this would be lost.
    pub max_data_loss: Option<SignedDuration>,
}

impl PointChoice {
    /// The default: everything that reached Azure.
    pub const LATEST: PointChoice =
        PointChoice { point_type: PointType::Latest, id: None, not_after: None, max_data_loss: None };

    /// Whether the list of points is needed to choose.
    pub fn needs_list(&self) -> bool {
        self.point_type != PointType::Latest
    }

    fn takes(&self, point: &Point) -> bool {
        let kind = match self.point_type {
            PointType::LatestAppConsistent => point.kind == PointKind::AppConsistent,
            PointType::LatestCrashConsistent => point.kind == PointKind::CrashConsistent,
            PointType::Latest | PointType::LatestProcessed => true,
            PointType::Custom => self.id.is_some() || self.not_after.is_some(),
        };
        let named = self.id.as_ref().is_none_or(|id| last_segment(id).eq_ignore_ascii_case(point.name()));
        // A point without a name cannot be called for.
        kind && named && !point.name().is_empty() && self.not_after.is_none_or(|limit| point.time <= limit)
    }
}

/// Chooses the newest point that fits.
///
/// `now` is Azure's time, against which the data loss is judged.
///
/// # Errors
/// `RecoveryPointNotFound` or `DataLossTooHigh`, naming the nearest points there are.
pub fn choose<'a>(choice: &PointChoice, points: &'a [Point], now: Timestamp) -> Result<&'a Point, Obstacle> {
    let rank = |p: &&Point| (p.time, p.kind == PointKind::AppConsistent, p.id.to_ascii_lowercase());
    let Some(best) = points.iter().filter(|p| choice.takes(p)).max_by_key(rank) else {
        let wanted = wanted(choice);
        return Err(Obstacle::new(
            Reason::RecoveryPointNotFound,
            format!(
                "No recovery point is {wanted}. {} Ask for one that is there, in a new request.",
                nearest(choice, points, now)
            ),
        ));
    };
    let loss = now.duration_since(best.time);
    match choice.max_data_loss {
        Some(limit) if loss > limit => Err(Obstacle::new(
            Reason::DataLossTooHigh,
            format!(
                "The newest recovery point that fits, {}, would lose {}, more than maxDataLoss {}. {} Allow more data loss or choose another point, in a new request.",
                describe(best),
                whole(loss),
                whole(limit),
                nearest(choice, points, now)
            ),
        )),
        _ => Ok(best),
    }
}

/// Judges `maxDataLoss` for Latest, where no point is chosen: by the replication lag that Azure last measured.
///
/// # Errors
/// `DataLossTooHigh` when the lag is larger, or not known.
pub fn judge_latest(choice: &PointChoice, lag: Option<(u64, Timestamp)>, now: Timestamp) -> Result<(), Obstacle> {
    let Some(limit) = choice.max_data_loss else {
        return Ok(());
    };
    let loss = lag.map(|(seconds, at)| {
        now.duration_since(at).saturating_add(SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)))
    });
    match loss {
        Some(loss) if loss <= limit => Ok(()),
        Some(loss) => Err(Obstacle::new(
            Reason::DataLossTooHigh,
            format!(
                "By the lag that Azure last measured, {} would be lost, more than maxDataLoss {}. Allow more in a new request, or wait until replication has caught up.",
                whole(loss),
                whole(limit)
            ),
        )),
        None => Err(Obstacle::new(
            Reason::DataLossTooHigh,
            format!(
                "Azure gives no replication lag, so that maxDataLoss {} cannot be judged. Choose a point by type or time, or leave maxDataLoss out, in a new request.",
                whole(limit)
            ),
        )),
    }
}

/// A length of time as people say it: in whole seconds.
fn whole(length: SignedDuration) -> String {
    format!("{:#}", SignedDuration::from_secs(length.as_secs()))
}

fn wanted(choice: &PointChoice) -> String {
    let kind = match choice.point_type {
        PointType::LatestAppConsistent => "app-consistent",
        PointType::LatestCrashConsistent => "crash-consistent",
        _ => "usable",
    };
    let id = choice.id.as_ref().map(|id| format!(" and named {}", last_segment(id))).unwrap_or_default();
    let limit = choice.not_after.map(|t| format!(" and not after {t}")).unwrap_or_default();
    format!("{kind}{id}{limit}")
}

fn describe(point: &Point) -> String {
    format!("{} of {} ({})", point.name(), point.time, point.kind.as_str())
}

/// The three points nearest to the wish, for a person who must choose again.
fn nearest(choice: &PointChoice, points: &[Point], now: Timestamp) -> String {
    if points.is_empty() {
        return "The VM has no recovery points at all.".into();
    }
    let aim = choice.not_after.unwrap_or(now);
    let mut by_distance: Vec<&Point> = points.iter().collect();
    by_distance.sort_by_key(|p| (p.time.duration_since(aim).abs(), p.id.clone()));
    let names: Vec<String> = by_distance.into_iter().take(3).map(describe).collect();
    format!("The nearest are {}.", names.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn point(name: &str, time: &str, kind: PointKind) -> Point {
        Point { id: format!("/x/recoveryPoints/{name}"), time: at(time), kind }
    }

    fn points() -> Vec<Point> {
        vec![
            point("b", "2026-06-01T08:05:00Z", PointKind::CrashConsistent),
            point("d", "2026-06-01T08:15:00Z", PointKind::CrashConsistent),
            point("a", "2026-06-01T08:00:00Z", PointKind::AppConsistent),
            point("c", "2026-06-01T08:10:00Z", PointKind::Other),
        ]
    }

    fn of(point_type: PointType) -> PointChoice {
        PointChoice { point_type, ..PointChoice::LATEST }
    }

    #[test]
    fn chooses_by_time_and_kind_whatever_the_order() {
        let now = at("2026-06-01T08:16:00Z");
        let custom = |id: Option<&str>, not_after: Option<&str>| PointChoice {
            id: id.map(Into::into),
            not_after: not_after.map(at),
            ..of(PointType::Custom)
        };
        let table = [
            (of(PointType::LatestProcessed), "d"),
            (of(PointType::LatestAppConsistent), "a"),
            (of(PointType::LatestCrashConsistent), "d"),
            (custom(Some("/other/container/recoveryPoints/B"), None), "b"),
            (custom(None, Some("2026-06-01T08:12:00Z")), "c"),
            (PointChoice { not_after: Some(at("2026-06-01T08:12:00Z")), ..of(PointType::LatestCrashConsistent) }, "b"),
        ];
        for (choice, want) in table {
            let mut list = points();
            for _ in 0..list.len() {
                list.rotate_left(1);
                assert_eq!(choose(&choice, &list, now).map(Point::name), Ok(want), "{choice:?}");
            }
        }
    }

    #[test]
    fn refusals_name_the_nearest_points() {
        let now = at("2026-06-01T08:16:00Z");
        let strict =
            PointChoice { max_data_loss: Some(SignedDuration::from_mins(10)), ..of(PointType::LatestAppConsistent) };
        let refusal = choose(&strict, &points(), now).unwrap_err();
        assert_eq!(refusal.reason, Reason::DataLossTooHigh);
        assert!(refusal.message.contains("d of 2026-06-01T08:15:00Z"), "{}", refusal.message);
        let early = PointChoice { not_after: Some(at("2026-06-01T07:00:00Z")), ..of(PointType::Custom) };
        let refusal = choose(&early, &points(), now).unwrap_err();
        assert_eq!(refusal.reason, Reason::RecoveryPointNotFound);
        assert!(refusal.message.contains("a of 2026-06-01T08:00:00Z"), "{}", refusal.message);
    }

    #[test]
    fn latest_is_judged_by_the_measured_lag() {
        let now = at("2026-06-01T08:16:00Z");
        let choice = PointChoice { max_data_loss: Some(SignedDuration::from_mins(5)), ..PointChoice::LATEST };
        assert!(judge_latest(&choice, Some((60, at("2026-06-01T08:15:00Z"))), now).is_ok());
        assert!(judge_latest(&choice, Some((600, at("2026-06-01T08:15:00Z"))), now).is_err());
        assert!(judge_latest(&choice, None, now).is_err());
        assert!(judge_latest(&choice, Some((u64::MAX, at("2026-06-01T08:15:00Z"))), now).is_err());
        assert!(judge_latest(&choice, Some((i64::MAX as u64, at("2026-06-01T08:15:00Z"))), now).is_err());
        assert!(judge_latest(&PointChoice::LATEST, None, now).is_ok());
    }
}
