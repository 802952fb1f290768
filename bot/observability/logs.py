"""Structured logs of Tandem and of its libraries, on stderr: one event a line, secrets masked.

JSON for machines, ``{"event": …, "level": …, "time": …}`` and what belongs to the event; plainer lines for a terminal.
"""

import logging
import os
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any, Literal
from urllib.parse import unquote

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import Processor

from bot.observability import tracing
from detectors.logs.secrets import mask_secrets

Format = Literal["json", "text"]

MASK = "[secret]"
_NAMES_A_SECRET = re.compile(
    r"(?i)(?:^|[_-])(?:password|passwd|secret|token|authorization|cookie|api[_-]?key|private[_-]?key)s?$"
)
_SECRET_VARIABLE = re.compile(r"(?:TOKEN|SECRET|PASSWORD|KEY)(?:_|$)|^TANDEM_DEADMAN_URL$")
_IN_ADDRESS = re.compile(r"://([^/?#:@\s]*):([^/?#@\s]+)@")
"""The user and the password in an address."""
_SHORTEST = 8
"""A shorter value is a word that lines hold anyhow."""
_DEEPEST = 8
_MOST_LINES = 200


def secret_values(environ: Mapping[str, str] = os.environ) -> list[str]:
    """The values of the environment that no line may hold, the longest first."""
    found = {value for name, value in environ.items() if _SECRET_VARIABLE.search(name)}
    words = [word for value in environ.values() for user, word in _IN_ADDRESS.findall(value) if word != user]
    found |= {*words, *map(unquote, words)}
    return sorted((value for value in found if len(value) >= _SHORTEST), key=len, reverse=True)


class Masking:
    """A processor that leaves no secret in an event: known values, what a key calls secret, what looks like one."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._known = re.compile("|".join(map(re.escape, secrets))) if secrets else None

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key, value in event.items():
            if not key.startswith("_"):
                event[key] = self._masked(value, key)
        return event

    def _masked(self, value: Any, key: str = "", depth: int = 0) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if key and _NAMES_A_SECRET.search(key):
            return MASK
        if isinstance(value, Mapping) and depth < _DEEPEST:
            return {self._text(str(k)): self._masked(v, str(k), depth + 1) for k, v in value.items()}
        if isinstance(value, list | tuple | set | frozenset) and depth < _DEEPEST:
            return [self._masked(item, "", depth + 1) for item in value]
        return self._text(value if isinstance(value, str) else str(value))

    def _text(self, text: str) -> str:
        if self._known:
            text = self._known.sub(MASK, text)
        return "\n".join(mask_secrets(line) for line in text.split("\n")[:_MOST_LINES])


def set_up_logging(
    level: int = logging.INFO,
    form: Format | None = None,
    secrets: Iterable[str] | None = None,
) -> None:
    """From now on everything is said in this form; by default text on a terminal, else JSON.

    ``secrets`` are values to be masked wherever they stand; by default those of the environment.
    """
    as_text = form == "text" or (form is None and sys.stderr.isatty())
    shared = _shared(Masking(list(secrets) if secrets is not None else secret_values()), as_text)
    renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), timestamp_key="time") if as_text else _JSON
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _take_libraries(level, shared, renderer)


_JSON = structlog.processors.JSONRenderer(ensure_ascii=False)


def _shared(masking: Masking, as_text: bool) -> list[Processor]:
    """The traceback comes before the masking, and without the variables of its frames: those hold anything."""
    traceback: Processor = (
        structlog.processors.ExceptionRenderer()
        if as_text
        else structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
    )
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _add_trace,
        traceback,
        masking,
    ]


def _add_trace(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if tracing.on():
        event.update(tracing.ids())
    return event


def _take_libraries(level: int, shared: Sequence[Processor], renderer: Processor) -> None:
    """What the standard library's loggers are told, by aiohttp, slack_sdk, SQLAlchemy, DBOS …, goes the same way.

    Their warnings and errors; more of it only where DEBUG is asked for.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name],
            processors=[ProcessorFormatter.remove_processors_meta, *shared, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level if level <= logging.DEBUG else max(level, logging.WARNING))
    logging.captureWarnings(True)
    dbos = logging.getLogger("dbos")
    dbos.handlers, dbos.propagate = [logging.NullHandler()], True  # or it writes lines of its own
    logging.getLogger("slack_bolt").setLevel(logging.ERROR)  # it warns that we give it a client of our own
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # a lost connection is an error anyway
    if level <= logging.DEBUG:  # these say every statement and every byte
        for name in ("aiosqlite", "asyncio", "matplotlib"):
            logging.getLogger(name).setLevel(logging.WARNING)
