"""How any JSON becomes alerts: a source of one's own, described in tandem.yaml by JMESPath expressions.

https://jmespath.org/specification.html
"""

from typing import Annotated, Any

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _check_expression(text: str) -> str:
    try:
        jmespath.compile(text)
    except JMESPathError as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{text!r} is no JMESPath expression: {why}") from error
    return text


Expression = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_check_expression)]


class SourceMapping(BaseModel):
    """``events`` picks the alerts out of a delivery, one or a list of them; the others are asked of each alert.

    ``firing`` is true or false (as JMESPath counts: also empty and missing are false); without it, what comes fires.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    events: Expression = "@"
    """The alerts in a delivery; the default is the whole body as one."""
    name: Expression
    """The alert's name."""
    firing: Expression | None = None
    """True while it fires; without this, everything fires."""
    id: Expression | None = None
    """What names the alert for ever; without it, its labels do."""
    service: Expression | None = None
    """Its service."""
    severity: Expression | None = None
    """Its severity."""
    summary: Expression | None = None
    """Its text."""
    starts_at: Expression | None = None
    """When it began."""
    ends_at: Expression | None = None
    """When it ended."""
    group: Expression | None = None
    """What it was grouped by."""
    link: Expression | None = None
    """Where to look."""
    labels: dict[str, Expression] = {}
    """Further labels, an expression each."""


def search(expression: str | None, within: Any) -> Any:
    """What an expression finds; None where it finds nothing or is not given. Raises ValueError with its reason."""
    if expression is None:
        return None
    try:
        return jmespath.search(expression, within)
    except (JMESPathError, TypeError, ArithmeticError) as error:  # ceil(to_number('1e400')) overflows
        raise ValueError(f"{expression!r}: {error}") from error
