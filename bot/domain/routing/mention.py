"""Whom a message reaches: a person, a user group, or whoever is on call."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bot.domain.access.person import check_slack_id


class OnCall(BaseModel):
    """Whoever is on call now in a schedule."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schedule: Annotated[str, Field(min_length=1)]
    """The schedule's name."""

    def __str__(self) -> str:
        return f"on call in {self.schedule}"


def _read(value: Any) -> Any:
    """Raises ValueError with what may stand here."""
    if isinstance(value, str):
        return check_slack_id(value)
    if isinstance(value, OnCall):
        return value
    try:
        return OnCall.model_validate(value)
    except ValidationError:
        why = 'write a Slack id ("U…" of a person, "S…" of a user group) or {schedule: NAME}'
        raise ValueError(why) from None


Mention = Annotated[str | OnCall, BeforeValidator(_read)]
"""A Slack id (``U…``, ``S…``) or :class:`OnCall`."""
