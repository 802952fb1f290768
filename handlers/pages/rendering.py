"""Templates to pages. Every text is escaped, cut, and without characters that nobody sees; a page is 100 kB at most."""

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from jinja2 import Environment

MOST_BYTES = 100_000
ROWS = 100
_SIZES = ((ROWS, 400), (30, 400), (8, 200), (2, 80))
"""How many rows a list has and characters a text: the first with which the page is small enough. The last always is."""
_MOST_LINK = 400
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_TEMPLATES = Path(__file__).parent / "templates"


def page(template: str, content: Mapping[str, Any]) -> bytes:
    """The whole page, encoded. It takes its time: not for the event loop's thread."""
    made = b""
    for rows, characters in _SIZES:
        made = _environment(characters).get_template(template).render(rows=rows, **content).encode(errors="replace")
        if len(made) <= MOST_BYTES:
            break
    return made


@cache
def policy() -> str:
    """The Content-Security-Policy: our own style and forms, and nothing else. https://www.w3.org/TR/CSP3/"""
    style = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


@cache
def _style() -> str:
    return (_TEMPLATES / "style.css").read_text(encoding="utf-8")


@cache
def _environment(most: int) -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        autoescape=True,
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        finalize=partial(_shown, most=most),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"moment": _moment, "web_address": _web_address}
    made.globals["style"] = _markup(_style())
    return made


def _shown(value: Any, most: int) -> Any:
    """What is written where a template names a value."""
    if value is None:
        return ""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    seen = _UNSEEN.sub(" ", value)
    return seen if len(seen) <= most else f"{seen[:most]}…"


def _moment(at: datetime | None) -> Any:
    """A moment in UTC, as programs and as people read it."""
    if at is None:
        return ""
    utc = at.astimezone(UTC)
    return _markup(f'<time datetime="{utc:%Y-%m-%dT%H:%M:%SZ}">{utc:%Y-%m-%d %H:%M:%S}</time>')


def _web_address(link: str) -> Any:
    """A link that a browser may follow, escaped and whole; empty for any other, as ``javascript:``.

    >>> str(_web_address("https://grafana.example/d/1")), str(_web_address("javascript:alert(1)"))
    ('https://grafana.example/d/1', '')
    """
    from markupsafe import escape

    try:
        return escape(link if len(link) <= _MOST_LINK and urlsplit(link).scheme in ("http", "https") else "")
    except ValueError:
        return escape("")


def _markup(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)
