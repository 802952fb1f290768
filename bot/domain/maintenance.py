"""Maintenance windows: silences that come by themselves, once or again and again."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from bot.domain.matcher import Matcher, parse_matcher
from bot.domain.silence import Silence
from bot.domain.window import TimeWindow


def _check_matchers(matchers: list[str]) -> list[str]:
    for matcher in matchers:
        parse_matcher(matcher)
    return matchers


class MaintenanceWindow(TimeWindow):
    """Alerts that all ``matchers`` match call nobody while the window is open."""

    matchers: Annotated[list[str], Field(min_length=1), AfterValidator(_check_matchers)]
    """Which alerts: all must match, in Alertmanager's notation."""

    def silence_at(self, name: str, now: datetime) -> Silence | None:
        """The window that is open at a moment, as a silence; each opening has a name of its own."""
        span = self.open_at(now)
        if span is None:
            return None
        return Silence(
            id=f"{name}-{span.begins:%Y%m%dT%H%M}",
            matchers=self._parsed(),
            starts_at=span.begins,
            ends_at=span.ends,
            created_by="tandem",
            comment=f"maintenance window {name}",
        )

    def _parsed(self) -> list[Matcher]:
        return [parse_matcher(matcher) for matcher in self.matchers]
