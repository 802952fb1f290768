"""A check of a window by season: the rows of each are compared with the reference's rows of their own.

Each season has a test of its own, and they share ``alpha``: of n seasons each has a part in n, so that the monitor
keeps its promise over all of them. What it finds in a season stands until rows of that season are as before, or for a
day if none come.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from bot.domain.watched.reference import ReferenceRules
from bot.watches.models.kinds.registry import Check, CheckInput, CheckSkipped, Outcome, few
from bot.watches.models.seasons.calendar import Season, Seasons, codes_of
from bot.watches.models.window import LoadedReference, Table, Window, chosen, without
from detectors.drift.categories import Categorical
from detectors.drift.packing import Array
from detectors.drift.profile import Profile, build

STANDS_FOR = timedelta(days=1)
_MOST_FOUND = 200
_MOST_LINES = 20


class Found(msgspec.Struct):
    """What was found in a season, and when that was seen last."""

    at: datetime
    summary: str
    features: list[str] = []


class Standing(msgspec.Struct):
    """A monitor's findings by season."""

    found: dict[str, Found] = {}


class Made(NamedTuple):
    """The check of a season, and in words that a wider one stands in for others."""

    season: Season
    outcome: Outcome | None
    problem: str = ""
    note: str = ""


class BySeason(NamedTuple):
    """How a reference is split, and what earlier checks learnt by season."""

    rules: ReferenceRules
    states: Mapping[str, bytes]
    now: datetime


def check_by_season(check: Check, monitor: Any, given: CheckInput, by: BySeason) -> Outcome:
    """Raises CheckSkipped where no season could be checked."""
    loaded, window = given.loaded(), given.window
    seasons = _seasons(loaded, by.rules)
    if seasons is None:
        note = f"the reference {loaded.version} has no timestamps and so no seasons: all of it is compared with"
        return _noted(check(monitor, _of(given, window, loaded, given.state)), [note])
    alpha, monitor = monitor.alpha, monitor.model_copy(update={"alpha": monitor.alpha / seasons.apart})
    codes = codes_of(_moments(window.table), by.rules.zone)
    made = []
    for season, mask in seasons.split(codes).items():
        part, state = _part(loaded, seasons, season), by.states.get(season.key, b"")
        note = _stands_in(seasons, season, codes[mask], loaded.version)
        try:
            outcome = check(monitor, _of(given, _some(window, mask), part, state))
            made.append(Made(season, outcome, note=note))
        except CheckSkipped as error:
            made.append(Made(season, None, str(error), note))
    if not any(one.outcome for one in made):
        raise CheckSkipped(f"{made[0].season.in_words}: {made[0].problem}")
    outcome = _together(made, _standing(given.state), by.now)
    promise = f"{outcome.guarantee}; over all {seasons.apart} seasons with one of {alpha:.2g}"
    return msgspec.structs.replace(outcome, guarantee=promise if outcome.guarantee else "")


def _of(given: CheckInput, window: Window, loaded: LoadedReference, state: bytes) -> CheckInput:
    return CheckInput(given.model, state, window, without(loaded, given.model.ignore))


def _moments(table: Table) -> Array:
    assert table.moments is not None, "a window's rows have a moment each"
    return table.moments


def _seasons(loaded: LoadedReference, rules: ReferenceRules) -> Seasons | None:
    """The reference by season; None where it does not say when its rows were."""
    if loaded.table.moments is None:
        return None
    name = f"seasons {rules.seasons} {rules.zone}"
    if name not in loaded.fitted:
        loaded.fitted[name] = Seasons.of(codes_of(loaded.table.moments, rules.zone), rules.seasons)
    found: Seasons = loaded.fitted[name]
    return found


def _part(loaded: LoadedReference, seasons: Seasons, season: Season) -> LoadedReference:
    """The reference's rows of a season, as a reference of its own."""
    name = f"season {season.key}"
    known: LoadedReference | None = loaded.fitted.get(name)
    if known is not None and known.fitted["seasons"] is seasons:
        return known
    table = chosen(loaded.table, season.holds(seasons.codes))
    columns = loaded.features.columns
    categorical = [name for name, column in columns.items() if isinstance(column, Categorical)]
    features = build({name: table.features[name] for name in columns if name in table.features}, categorical)
    features = Profile(features.rows, features.columns, texts=loaded.features.texts)  # texts are those of all hours
    outputs = build(table.outputs()) if table.outputs() else loaded.outputs
    loaded.fitted[name] = LoadedReference(loaded.reference, features, table, outputs, {"seasons": seasons})
    part: LoadedReference = loaded.fitted[name]
    return part


def _some(window: Window, mask: Array) -> Window:
    return window if mask.all() else window._replace(table=chosen(window.table, mask), ids=())


def _stands_in(seasons: Seasons, season: Season, codes: Array, version: str) -> str:
    """In words which seasons are compared with a wider one."""
    narrow = seasons.replaced(season, codes)
    if not narrow:
        return ""
    rows = [f"{one.in_words} ({seasons.rows(one)} rows)" for one in narrow]
    return f"the reference {version} has too little of {few(rows)}: compared with {season.in_words}"


def _standing(blob: bytes) -> Standing:
    try:
        return msgspec.msgpack.decode(blob, type=Standing) if blob else Standing()
    except msgspec.MsgspecError:  # of a time when the monitor had no seasons
        return Standing()


def _together(made: list[Made], standing: Standing, now: datetime) -> Outcome:
    """One outcome of all seasons: what was found now, and what still stands of the last day."""
    found = {key: one for key, one in standing.found.items() if now - one.at < STANDS_FOR}
    for one in made:
        if one.outcome is not None:
            found.pop(one.season.key, None)
    before = dict(found)
    checked = [(one.season, one.outcome) for one in made if one.outcome is not None]
    firing = [(season, outcome) for season, outcome in checked if outcome.firing]
    for season, outcome in firing:
        found[season.key] = Found(now, f"{season.in_words}: {outcome.summary}", outcome.features)
    found = dict(sorted(found.items(), key=lambda item: item[1].at, reverse=True)[:_MOST_FOUND])
    shown = firing or checked
    blob = msgspec.msgpack.encode(Standing(found))
    whole = msgspec.structs.replace(
        shown[0][1],
        state=blob,
        firing=bool(found),
        summary=_summary(shown, before if not firing else {}),
        details=_lines(shown, before),
        features=list(dict.fromkeys(name for one in found.values() for name in one.features)),
        seasons={season.key: outcome.state for season, outcome in checked},
    )
    notes = [one.note for one in made if one.note]
    notes += [f"{one.season.in_words} is not checked: {one.problem}" for one in made if one.outcome is None]
    return _noted(whole, notes)


def _summary(shown: list[tuple[Season, Outcome]], before: Mapping[str, Found]) -> str:
    """The first season's words; where nothing is found now, what was found in the last day comes first."""
    if before:
        newest = max(before.values(), key=lambda one: one.at)
        return f"{newest.summary} (at {newest.at:%Y-%m-%d %H:%M} UTC, no rows of it since)"
    more = few([season.in_words for season, _ in shown[1:]])
    return f"{shown[0][0].in_words}: {shown[0][1].summary}" + (f"; so is {more}" if more else "")


def _lines(shown: list[tuple[Season, Outcome]], before: Mapping[str, Found]) -> list[str]:
    lines = [f"{season.in_words}: {line}" for season, one in shown for line in (one.details or [one.summary])]
    lines += [f"still stands: {one.summary}" for one in before.values()]
    return lines[:_MOST_LINES]


def _noted(outcome: Outcome, notes: list[str]) -> Outcome:
    if not notes:
        return outcome
    summary = f"{outcome.summary} ({notes[0]})"
    return msgspec.structs.replace(outcome, summary=summary, details=[*outcome.details, *notes])
