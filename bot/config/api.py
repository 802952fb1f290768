"""``api`` of tandem.yaml: the tokens of programs."""

from collections import Counter
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from bot.domain.access.scope import Scope


class ApiToken(BaseModel):
    """A program that uses the API; its name is the actor in timelines and the audit log."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
    """Who it is."""
    secret: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,99}$")]
    """The secret's name: the token is in `TANDEM_SECRET_NAME`, or in the file that `TANDEM_SECRET_NAME_FILE` names."""
    scopes: Annotated[list[Scope], Field(min_length=1)]
    """What it may do."""
    domains: Annotated[list[str], Field(min_length=1, max_length=100)] | None = None
    """The correlation domains that it sees; default: all."""
    expires: AwareDatetime | None = None
    """From when on it is refused, as in `2027-01-01T00:00Z`; default: never."""
    per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 600
    """Most requests a minute, of each replica; beyond, 429."""

    def expired(self, now: datetime) -> bool:
        return self.expires is not None and now >= self.expires


class ApiSection(BaseModel):
    """The JSON API."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: Annotated[list[ApiToken], Field(max_length=1000)] = []
    """Tokens beside `TANDEM_API_TOKEN`, which reads everything and changes nothing."""

    @field_validator("tokens")
    @classmethod
    def _are_unique(cls, tokens: list[ApiToken]) -> list[ApiToken]:
        for what in ("name", "secret"):
            twice = [value for value, count in Counter(getattr(one, what) for one in tokens).items() if count > 1]
            if twice:
                raise ValueError(f"two tokens have the {what} {twice[0]!r}")
        return tokens
