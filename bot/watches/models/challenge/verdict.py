"""Whether a version of a model is worse than another: by labels where there are any, else by what is predicted."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.duration import format_duration
from bot.domain.watched.contest import Asked, Contest
from bot.domain.watched.monitor import WatchedModel
from bot.model_store import serving
from bot.model_store.frames import Frames
from bot.storage.database import Database
from bot.watches.models.challenge.course import Course, Courses
from detectors.performance.challenge import ALPHA

MOST_APART = 0.1
"""Distributions of predictions that lie no further apart count as alike: the Kolmogorov-Smirnov distance."""
LEAST_LABELLED = 30
"""Units of labelled rows from which on labels decide, and predictions no more."""
_BEFORE = timedelta(days=7)


@dataclass(frozen=True)
class Challenged:
    """``ok`` is None where it is too early to say; ``confidence`` is 0 then."""

    ok: bool | None
    confidence: float
    reasons: list[str]


class Challenges:
    """Answers how a version of a model does beside another."""

    def __init__(self, database: Database, frames: Frames) -> None:
        self._database, self._frames = database, frames
        self._courses = Courses(database, frames)

    async def verdict(self, contest: Contest, model: WatchedModel | None, asked: Asked) -> Challenged:
        """``contest.against`` may be empty: then it is the version that predicts most beside it."""
        now = asked.now
        if not contest.against:
            contest = contest._replace(against=await self._champion(contest, now))
        if not contest.against:
            seen = await self._serves(contest, now)
            if not seen and model is None:
                return _none(f"nothing is known of the model {contest.model}")
            what = "there is nothing to compare it with" if seen else f"{_named(contest.version)} did not either"
            return _none(f"no other version of {contest.model} predicted anything {_since(contest)}: {what}")
        course = await self._courses.of(contest, model or WatchedModel(), asked.worse_by, now)
        return judged(course, contest.since + asked.settle - now)

    async def _champion(self, contest: Contest, now: datetime) -> str:
        """The version that predicted most in the week before, or else since then."""
        for span in ((contest.since - _BEFORE, contest.since), (contest.since, now + timedelta(days=1))):
            found = await serving.versions(self._database, self._frames, contest.model, span, contest.domains)
            others = [version.strip() for version, _ in found.most_common() if version.strip() != contest.version]
            if others:
                return others[0]
        return ""

    async def _serves(self, contest: Contest, now: datetime) -> bool:
        span = (contest.since, now + timedelta(days=1))
        found = await serving.versions(self._database, self._frames, contest.model, span, contest.domains)
        return contest.version in {version.strip() for version in found}


def judged(course: Course, early_for: timedelta = timedelta(0)) -> Challenged:
    """How a contest stands. For so long predictions that are alike are not enough: labels may yet come."""
    contest = course.contest
    for version, predicted in zip(contest.sides, course.predicted, strict=True):
        if not predicted:
            return _none(f"{_named(version)} of {contest.model} predicted nothing {_since(contest)}")
    found = _by_labels(course)
    if found is None or (found.ok is None and course.versus is not None and course.versus.units < LEAST_LABELLED):
        by_predictions = _by_predictions(course)
        if by_predictions.ok and early_for > timedelta(0):
            wait = f"labels may yet come for another {format_duration(early_for)}"
            by_predictions = _none(f"{by_predictions.reasons[0]}: {wait}")
        found = _with(by_predictions, *(found.reasons if found else ["no labels of both came so far"]))
    return _with(found, "not all rows are read yet") if course.more and found.ok is None else found


def _by_labels(course: Course) -> Challenged | None:
    """None where no labels of both have come."""
    yard, versus, (ours, theirs) = course.yard, course.versus, course.labels
    if yard is None or versus is None or not versus.units:
        return None
    contest = course.contest
    values = f"{yard.value(ours.total / ours.rows)} beside {yard.value(theirs.total / theirs.rows)}"
    rows = f"of {ours.rows} and {theirs.rows} labelled rows"
    paired = f", {course.paired} of them predicted by both" if course.paired else ""
    measured = f"{yard.metric} is {values} of {_named(contest.against)}, {rows}{paired}"
    confidence = round(versus.confidence, 4)
    version, more = _named(contest.version), f"worse by more than {yard.tolerated}"
    if versus.worse:
        return Challenged(False, confidence, [f"{version} is {more}: {measured}"])
    if versus.not_worse:
        return Challenged(True, confidence, [f"{version} is not {more}: {measured}"])
    return _none(f"too early to say whether {version} is {more}: {measured}")


def _by_predictions(course: Course) -> Challenged:
    contest, apart = course.contest, course.alike.found()
    ours, theirs = course.predicted
    if apart is None:
        return _none(f"too few predictions so far: {ours} of {_named(contest.version)}, {theirs} of {contest.against}")
    beside = f"what {_named(contest.version)} predicts is {apart.distance:.2g} from what {contest.against} does"
    bounds = f"{beside} (between {apart.low:.2g} and {apart.high:.2g}; 0 is alike, {MOST_APART:g} is tolerated)"
    if apart.low > MOST_APART:
        return Challenged(False, 1 - ALPHA, [f"{bounds}: labels would tell whether that is worse"])
    if apart.high <= MOST_APART:
        return Challenged(True, 1 - ALPHA, [bounds])
    return _none(f"too early to say: {bounds}")


def _none(reason: str) -> Challenged:
    return Challenged(None, 0.0, [reason])


def _with(found: Challenged, *reasons: str) -> Challenged:
    return Challenged(found.ok, found.confidence, [*found.reasons, *reasons])


def _named(version: str) -> str:
    return f"version {version}"


def _since(contest: Contest) -> str:
    return f"since {contest.since:%Y-%m-%d %H:%M} UTC"
