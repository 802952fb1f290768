"""The alerts about a pull: its data is not as it was, or it fails."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.domain.event import AlertEvent, AlertStatus, fingerprint_of
from bot.domain.severity import Severity
from bot.domain.watched.finding import FindingKind
from bot.model_store.pulls import Firing

COLUMNS = FindingKind.QUALITY.alertname
FAILED = "PullFailed"
ADOPTED_AFTER = timedelta(days=1)
"""Columns that have been otherwise for so long are the usual ones."""
_MOST_TEXT = 1000
_SOURCE = "tandem"


class Troubles:
    """Of a pull ``key`` of a model; ``labels`` are those of its rows."""

    def __init__(self, model: str, key: str, what: str, labels: Mapping[str, str]) -> None:
        self._model, self._key, self._what, self._labels = model, key, what, labels

    def with_problems(
        self, known: Mapping[str, Firing] | None, problems: Sequence[str], now: datetime
    ) -> tuple[dict[str, Firing], list[AlertEvent]]:
        """What fires once a page was taken, with these problems of its columns and rows."""
        return self._with(known, {COLUMNS: "; ".join(problems), FAILED: ""}, now)

    def with_success(
        self, known: Mapping[str, Firing] | None, now: datetime
    ) -> tuple[dict[str, Firing], list[AlertEvent]]:
        """What fires once the database answered."""
        return self._with(known, {FAILED: ""}, now)

    def with_failure(
        self, known: Mapping[str, Firing] | None, reason: str, now: datetime
    ) -> tuple[dict[str, Firing], list[AlertEvent]]:
        """What fires once the pull failed so often that people are to know."""
        return self._with(known, {FAILED: reason}, now)

    def _with(
        self, known: Mapping[str, Firing] | None, told: Mapping[str, str], now: datetime
    ) -> tuple[dict[str, Firing], list[AlertEvent]]:
        firing, alerts = dict(known or {}), list[AlertEvent]()
        for name, says in told.items():
            before = firing.get(name)
            if says and (before is None or before.says != says):
                firing[name] = Firing(before.since if before else now, says[:_MOST_TEXT])
                alerts.append(self._alert(name, firing[name], AlertStatus.FIRING, None))
            elif not says and before is not None:
                alerts.append(self._alert(name, firing.pop(name), AlertStatus.RESOLVED, now))
        return firing, alerts

    def _alert(self, name: str, one: Firing, status: AlertStatus, ended: datetime | None) -> AlertEvent:
        labels = {"alertname": name, "service": self._model, "model": self._model, "monitor": "pull"}
        fingerprint = fingerprint_of({"alertname": name, "model": self._model, "pull": self._key})
        firing = status is AlertStatus.FIRING
        verb = "fails" if name == FAILED else "gives other rows than usual"
        summary = (
            f"the pull of {self._what} of {self._model} {verb}: {one.says}" if firing else "the pull is as usual again"
        )
        return AlertEvent(
            _SOURCE,
            fingerprint,
            status,
            {**self._labels, **labels, **({"severity": Severity.WARNING.value} if firing else {})},
            one.since,
            {"summary": summary, "monitor": "pull"},
            ends_at=ended,
            group=self._model,
        )
