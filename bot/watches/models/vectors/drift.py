"""The check of vectors: whether they are as in the reference, and which of its clusters gained or lost."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from bot.domain.event import Chart
from bot.domain.watched.monitor import MonitorRules
from bot.watches.models.data_checks import seed_of
from bot.watches.models.kinds.registry import CheckInput, CheckSkipped, Outcome, few
from bot.watches.models.vectors.quality import vector_findings
from bot.watches.models.vectors.reading import Sound, features_of, sound_vectors
from detectors.embeddings.clusters import Moved, moved
from detectors.embeddings.profile import name_of
from detectors.embeddings.sequential import Look, VectorMonitor
from detectors.embeddings.space import NO_CLUSTER

_NAMED, _SHOWN = 2, 6


class Watched(msgspec.Struct):
    """What a monitor has learnt of a feature: ``since`` is when what may be a drift began."""

    packed: bytes
    since: datetime | None = None


_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(dict[str, Watched]).decode


def check_vectors(monitor: MonitorRules, given: CheckInput) -> Outcome:
    """Whether the vectors of any feature are other than the reference's. Raises CheckSkipped."""
    loaded, window = given.loaded(), given.window
    references = features_of(given.model, loaded)
    states = _decode(given.state) if given.state else {}
    looks = list[tuple[Sound, Look]]()
    for name, reference in references.items():
        sound = sound_vectors(given.model, name, reference, window.table)
        if sound is None:
            continue
        known = states.get(name)
        alpha = monitor.alpha / len(references)
        fresh = VectorMonitor.against(reference, alpha, seed_of(monitor))
        test = VectorMonitor.restore(known.packed) if known else fresh
        look = test.update(reference, sound.read)
        since = (known.since if known else None) or window.since
        states[name] = Watched(test.state(), since if look.rises else None)
        looks.append((sound, look))
    if not looks:
        return _of_other_sizes(given, list(references))
    return _outcome(monitor, given, states, looks)


def _of_other_sizes(given: CheckInput, names: Sequence[str]) -> Outcome:
    """No vector can be compared: an alert where that is because they have another size. Raises CheckSkipped."""
    found = [one for one in vector_findings(given.model, given.window.table, given.reference) if one.kind == "size"]
    if not found:
        raise CheckSkipped(f"no row has vectors of {few(names)} of the reference's size")
    lines = [f"{one.text}: nothing can be compared with the reference" for one in found]
    return Outcome(given.state, True, lines[0], lines, [one.column for one in found if one.column])


def _outcome(
    monitor: MonitorRules, given: CheckInput, states: dict[str, Watched], looks: Sequence[tuple[Sound, Look]]
) -> Outcome:
    version = given.loaded().version
    guarantee = f"a false alarm in its whole life with a chance of {monitor.alpha:.2g} at most"
    found = [(sound, look) for sound, look in looks if look.drifted]
    if not found:
        rows = max(len(sound.ids) for sound, _ in looks)
        named = few([sound.called for sound, _ in looks])
        summary = f"{rows} {named} are as in the reference {version}"
        return Outcome(_encode(states), False, summary, guarantee=guarantee)
    lines, summaries = list[str](), list[str]()
    for sound, look in found:
        changes = moved(sound.reference.shares, sound.read)
        since = in_words(states[sound.name].since, given.window.since)
        how = _how(changes, look)
        summaries.append(f"the {sound.called} look different from the reference {version}{since}: {how}")
        lines += [line_of(sound, one) for one in changes[:_SHOWN]]
        lines += [_apart(look)] if look.apart > 0.5 else []
    first = found[0][0]
    chart = chart_of(first, version)
    names = [sound.name for sound, _ in found]
    return Outcome(_encode(states), True, "; ".join(summaries), lines, names, chart, guarantee)


def in_words(since: datetime | None, window: datetime | None) -> str:
    """When it began: the hour alone where it was on the day of the window."""
    if since is None:
        return ""
    same_day = window is not None and since.date() == window.date()
    return f" since {since:%H:%M} UTC" if same_day else f" since {since:%Y-%m-%d %H:%M} UTC"


def _how(changes: Sequence[Moved], look: Look) -> str:
    within = f"within its clusters (a classifier tells them apart, ROC AUC {look.apart:.2f})"
    return shares_in_words(changes) or within


def shares_in_words(changes: Sequence[Moved]) -> str:
    """The clusters that moved farthest; empty where none moved."""
    return ", ".join(f"{one.name} from {_percent(one.before)} to {_percent(one.now)}" for one in changes[:_NAMED])


def line_of(sound: Sound, one: Moved) -> str:
    """A cluster that gained or lost, with some rows of it."""
    before = sound.reference.examples[one.cluster] if one.cluster < len(sound.reference.examples) else []
    now = [name_of(sound.ids.__getitem__, place) for place in one.examples]
    shown = [f"{when} {', '.join(some)}" for when, some in (("in the reference", before), ("now", now)) if some]
    line = f"{sound.called}: {one.name} {_percent(one.before)} → {_percent(one.now)}"
    return f"{line}, such as {'; '.join(shown)}" if shown else line


def _apart(look: Look) -> str:
    return f"a classifier tells new ones from the reference's with a ROC AUC of {look.apart:.2f}"


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %" if share >= 0.01 or not share else f"{share * 100:.1f} %"


def chart_of(sound: Sound, version: str) -> Chart:
    """The share of each cluster in the reference and now."""
    shares = sound.reference.shares
    counts = [0] * len(shares)
    for cluster in sound.read.cluster.tolist():
        counts[cluster] += 1
    order = [*range(1, len(shares)), NO_CLUSTER]
    return Chart(
        title=f"{sound.called}: clusters of the reference {version} and now",
        x=["none" if cluster == NO_CLUSTER else f"cluster {cluster}" for cluster in order],
        lines={
            "reference": [round(float(shares[cluster]) * 100, 2) for cluster in order],
            "now": [round(counts[cluster] / max(len(sound.ids), 1) * 100, 2) for cluster in order],
        },
        unit="% of rows",
    )
