"""What a user lets the senders group by, and how much of the topology is described."""

from collections.abc import Mapping, Sequence
from random import Random

import msgspec

from bot.domain.event import AlertEvent
from tests.benchmarks.storm.alerts import Sent

TOPOLOGIES = ("none", "half", "full")
GROUPINGS: Mapping[str, Sequence[str] | None] = {
    "own": None,
    "cluster": ("cluster",),
    "cluster,alertname": ("cluster", "alertname"),
    "cluster,service": ("cluster", "service"),
    "single": (),
}
"""``own`` leaves each sender its own groups; ``single`` is Alertmanager's ``group_by: ['...']``, one alert a group."""
CLUSTER = "eu-1"


def described(known: Mapping[str, list[str]], topology: str, seed: str) -> dict[str, list[str]]:
    """What tandem.yaml says of the topology: all that people know, of half of the services, or nothing."""
    if topology == "none":
        return {}
    if topology == "full":
        return dict(known)
    chosen = Random(seed).sample(sorted(known), len(known) // 2)
    return {name: known[name] for name in sorted(chosen)}


def grouped(sent: Sequence[Sent], grouping: str) -> list[Sent]:
    """The same deliveries, from an Alertmanager that groups by these labels."""
    by = GROUPINGS[grouping]
    if by is None:
        return list(sent)
    return [one._replace(event=_in_group(one.event, by)) for one in sent]


def _in_group(event: AlertEvent, by: Sequence[str]) -> AlertEvent:
    labels = {**event.labels, "cluster": CLUSTER}
    named = ", ".join(f'{name}="{labels[name]}"' for name in sorted(by or labels) if name in labels)
    return msgspec.structs.replace(event, source="alertmanager", labels=labels, group=f"{{}}:{{{named}}}")
