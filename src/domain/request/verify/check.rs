//! Step 2 and 3 of one call, once the item is the right one and idle: its state, what lies around it, its point; then send.

use super::super::super::Reason;
use super::super::super::ids::{Kind, same};
use super::super::super::item::{Item, Obstacle, Side};
use super::super::super::job::{JobId, Phase};
use super::super::super::point::{self, PointChoice};
use super::super::super::record::{End, PointRef};
use super::super::super::verb::{Check, Scene};
use super::super::super::view::Precondition;
use super::super::{Decision, Effect, Next, wait};
use super::{Case, SOON, read};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// How long until what a person must mend is looked at again, at first and when it has waited for long: a tenth of its age.
const MENDED: Duration = Duration::from_secs(15);
const MENDED_LATE: Duration = Duration::from_secs(300);

/// How much later than the end of a failover's job the item may say that it was.
const SAME_FAILOVER: SignedDuration = SignedDuration::from_secs(30);

impl Case<'_> {
    /// What the item's state and surroundings mean for the call; the object shows each precondition.
    pub(super) fn check(&self, item: &Item, side: Side) -> Decision {
        let scene = Scene { item, side, vm: self.vm, around: self.azure.around.as_ref() };
        let check = self.allowed(&scene);
        let mut conditions = self.common(item, &check);
        conditions.extend(self.request.verb.preconditions(&scene));
        let decision = match check {
            Check::Go => self.prepared(&scene, &conditions),
            Check::Wait(obstacle) if self.started() => self.hold(obstacle, Next::After(SOON)),
            Check::Wait(obstacle) => *self.until_valid(obstacle, SOON),
            Check::End(end, obstacle) => self.end(end, obstacle),
            Check::TooEarly(obstacle, before) => self.too_early(obstacle, before),
        };
        let plan = self.request.verb.plan(&scene);
        let view = decision.view.map(|view| super::super::RequestView { preconditions: conditions, plan, ..view });
        Decision { view, ..decision }
    }

    fn allowed(&self, scene: &Scene<'_>) -> Check {
        if self.superseded(scene.item) {
            let text = "Another failover of this VM was made since; commit that one by its own request.";
            return Check::end(End::Refused, Reason::NoPendingFailover, text);
        }
        if let Some(job) = self.moved_away(scene.item) {
            return Check::wait(
                Reason::NotAllowedNow,
                format!(
                    "Job {job} moved the item to the other fabric since, and Azure still shows it at its old place."
                ),
            );
        }
        self.request.verb.check(self.step, scene)
    }

    /// The reprotect that ended after the item's last failover and put the item elsewhere: what is shown here is old. Whether
    /// the old place answers at all after a reprotect is not recorded.
    fn moved_away(&self, item: &Item) -> Option<&JobId> {
        let failed_over = item.last_failover?;
        let elsewhere = |path: &String| same(point::last_segment(path), &item.name) && !same(path, &item.id);
        let moved = self.jobs.iter().find(|job| {
            let since = job.started.is_some_and(|started| started > failed_over);
            let well = matches!(job.phase, Phase::Succeeded | Phase::SucceededWithWarning);
            since && well && job.moved_to.as_ref().is_some_and(elsewhere)
        });
        moved.map(|job| &job.id)
    }

    /// Whether another failover was made after this request's own: its commit is not this request's to make. Whether the
    /// item's time is the start of the failover or its end is not recorded of a single VM, and the job's end is cut to whole
    /// seconds; a commit, a reprotect and a copy lie before any other failover, which takes longer than this allows.
    fn superseded(&self, item: &Item) -> bool {
        let ended = self.record.finished.last().and_then(|d| d.ended);
        let since = |(ended, last): (Timestamp, Timestamp)| last.duration_since(ended) > SAME_FAILOVER;
        self.started() && ended.zip(item.last_failover).is_some_and(since)
    }

    /// Waits while what must come first is pending, or may be applied right behind: tools apply files in their own order.
    /// Then it is a refusal.
    fn too_early(&self, obstacle: Obstacle, before: &[Kind]) -> Decision {
        let grace = self.facts.limits.early_grace;
        if let Some(first) = self.facts.pending.iter().find(|key| before.contains(&key.kind)) {
            let text = format!("{} {} has not ended yet, and is waited for.", obstacle.message, first);
            return *self.until_valid(Obstacle::new(obstacle.reason, text), SOON);
        }
        if let Some(left) = grace.checked_sub(self.facts.request_age.unwrap_or(grace)).filter(|left| !left.is_zero()) {
            let text = format!(
                "{} A request that makes it possible may be applied right behind; if none comes, this one is refused.",
                obstacle.message
            );
            return *self.wait(obstacle.reason, text, left.saturating_add(Duration::from_millis(500)));
        }
        let text = format!("{} Nothing was sent; afterwards, create a new request.", obstacle.message);
        self.end(End::Refused, Obstacle::new(obstacle.reason, text))
    }

    fn until_valid(&self, obstacle: Obstacle, after: Duration) -> Box<Decision> {
        self.wait(obstacle.reason, format!("{} The request waits until its validUntil.", obstacle.message), after)
    }

    /// Each look reads some ten resources: many that wait for days must not use up what the others need.
    fn mended(&self) -> Duration {
        self.facts.request_age.map_or(MENDED, |age| (age / 10).clamp(MENDED, MENDED_LATE))
    }

    /// What holds for every verb: said without times, so that a status does not change while nothing happens.
    fn common(&self, item: &Item, check: &Check) -> Vec<Precondition> {
        let offers = format!("Azure offers {}.", item.allowed.join(", "));
        let allowed = match check {
            Check::Go => Precondition::met("VerbAllowed", offers),
            Check::Wait(_) | Check::End(..) | Check::TooEarly(..) => Precondition::unmet("VerbAllowed", offers),
        };
        let valid = format!("validUntil {} has not passed, by Azure's clock.", self.request.valid_until);
        vec![
            Precondition::met("ItemIdle", format!("Nothing runs on {}.", item.friendly_name)),
            allowed,
            Precondition::met("Valid", valid),
        ]
    }

    fn prepared(&self, scene: &Scene<'_>, conditions: &[Precondition]) -> Decision {
        let stopping: Vec<_> = conditions.iter().filter(|c| c.stops()).collect();
        if !stopping.is_empty() {
            let list: Vec<_> = stopping.iter().map(|c| format!("{}: {}", c.name, c.detail)).collect();
            let text = format!("Nothing is sent until this is so. {}", list.join(" "));
            return *self.until_valid(Obstacle::new(Reason::PreconditionsUnmet, text), self.mended());
        }
        match self.point(scene.item) {
            Ok(Some(point)) if self.request.verb.stands_at(scene.item, &point) => {
                let text = format!(
                    "The VM already stands at the recovery point {}: this request sent nothing.",
                    point::last_segment(&point.id)
                );
                self.end(End::NothingToDo, Obstacle::new(Reason::NothingToDo, text))
            }
            Ok(point) => self.send(scene, point),
            Err(decision) => *decision,
        }
    }

    fn send(&self, scene: &Scene<'_>, point: Option<PointRef>) -> Decision {
        let intent = self.intent(point);
        let Some(call) = self.request.verb.call(self.step, intent.point.as_ref(), scene) else {
            let text = "Something that the call needs is not known now; it is read again.";
            return wait(self.facts, &Obstacle::new(Reason::Pending, text), Next::After(SOON));
        };
        self.open(intent, |record| Effect::Send(record, call))
    }

    /// The point to freeze in the intent. One that a call which never left had frozen is kept while it still fits.
    fn point(&self, item: &Item) -> Result<Option<PointRef>, Box<Decision>> {
        let Some(choice) = self.request.verb.point_choice(self.step) else {
            return Ok(None);
        };
        let refuse = |obstacle| Box::new(self.end(End::Refused, obstacle));
        if !choice.needs_list() {
            point::judge_latest(choice, item.rpo_seconds.zip(item.rpo_at), self.now).map_err(refuse)?;
            return Ok(None);
        }
        let points = read(self.azure.points.as_ref(), "the recovery points")
            .map_err(|(obstacle, next)| Box::new(self.hold(obstacle, next)))?;
        let until = self.request.verb.lost_until(item, self.now);
        let frozen = self.before().and_then(|i| i.point.as_ref()).and_then(|p| {
            let same_point = PointChoice { id: Some(p.id.clone()), ..choice.clone() };
            point::choose(&same_point, points, until).ok()
        });
        let chosen = frozen.map_or_else(|| point::choose(choice, points, until), Ok).map_err(refuse)?;
        Ok(Some(PointRef { id: chosen.id.clone(), time: Some(chosen.time), kind: Some(chosen.kind) }))
    }
}
