"""``assistant`` of tandem.yaml: a language model that answers questions in the thread."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot.config.checks import check_timeout, check_url
from bot.domain.duration import Duration


class AssistantSection(BaseModel):
    """A language model that answers questions beside the rules; without this section none is called. Its key is read
    from `TANDEM_LLM_API_KEY`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, AfterValidator(check_url)]
    """The address before `/chat/completions` of an endpoint that speaks OpenAI's protocol."""
    model: Annotated[str, Field(min_length=1, max_length=200)]
    """The model's name there; it must be able to call tools."""
    per_hour: Annotated[int, Field(ge=1, le=100_000)] = 60
    """Most requests an hour, of all replicas together; a question takes up to `steps`."""
    steps: Annotated[int, Field(ge=1, le=20)] = 6
    """Most requests for one question."""
    timeout: Annotated[Duration, AfterValidator(check_timeout)] = timedelta(seconds=30)
    """How long one question may take; 100ms to 2m."""
    tokens: Annotated[int, Field(ge=1000, le=1_000_000)] = 30_000
    """Most tokens for one question, as the endpoint counts them."""
