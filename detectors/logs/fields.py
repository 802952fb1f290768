"""Structured lines: a line in JSON or logfmt names its statement by its message, not by the values beside it."""

import re
from collections.abc import Iterator, Mapping

import msgspec

from detectors.logs.levels import ERROR_LEVELS
from detectors.logs.traces import event_of

LONGEST = 65_536  # characters of a structured line that are parsed
DEEPEST = 4  # objects within objects that are looked into
WRAPPED = 2  # lines that are wrapped in lines, as by container runtimes
MOST_FIELDS = 40

_MESSAGES = ("message", "msg", "short_message", "@message", "event", "body", "log", "text", "MESSAGE", "Message", "@mt")
_NESTED_MESSAGES = (("log", "message"), ("event", "message"), ("error", "message"), ("fields", "message"))
_LEVELS = ("level", "severity", "lvl", "levelname", "log.level", "loglevel", "severity_text", "@l", "priority")
_LEAST_ERROR = 50  # where levels are numbers, as of pino and bunyan
_ERRORS = ("error", "err", "exception", "exc_info", "exc", "error.message", "exception.message", "error_message")
_STACKS = (
    *("stack_trace", "stacktrace", "stackTrace", "error.stack_trace", "exception.stacktrace", "stack", "traceback"),
    *("thrown", "StackTrace", "@x"),
)
_RAISED = re.compile(r"Traceback |(?:[\w$]+(?:\.|::))*[\w$]+: \S")
_ERROR_PARTS = ("type", "kind", "class", "name", "message", "msg")
_PAIR = re.compile(r'([A-Za-z_@][\w.\-/@]*)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?:\s+|$)')
_CUT = re.compile(
    r'"(?:' + "|".join(map(re.escape, _MESSAGES)) + r')"\s*:\s*"((?:[^"\\]|\\.)*)'
)  # of a JSON line whose end is missing
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\n"}


def statement_of(line: str) -> str:
    """What of a line names the statement that wrote it.

    Of an object in JSON, and of pairs in logfmt with a message, it is the message, and the error where one is beside
    it, behind "ERROR" where its level is that or worse; time, ids and whatever else a statement was given are left
    out, so their order and number make no difference. A message that is itself such a line is opened, too. An object
    without a message is its fields by name.

    Parameters
    ----------
    line
        As it came.

    Returns
    -------
    The message, or the line itself where it is not structured.

    Examples
    --------
    >>> statement_of('{"level": "info", "msg": "cart saved", "user": "u-17"}')
    'cart saved'
    >>> statement_of('ts=17 level=warn msg="write failed" err="disk full"')
    'write failed error=disk full'
    >>> statement_of("cart saved")
    'cart saved'
    """
    for _ in range(WRAPPED):
        found = _of_object(line) if line[:1] == "{" else _of_pairs(line)
        if found is None:
            return line
        line = found
    return line


def _of_object(line: str) -> str | None:
    try:
        fields = msgspec.json.decode(line[:LONGEST].encode(errors="replace"))
    except (msgspec.DecodeError, RecursionError):
        cut = _CUT.search(line)
        return _unescaped(cut[1]) if cut else None
    return _text_of(fields) if isinstance(fields, dict) and fields else None


def _text_of(fields: Mapping[str, object]) -> str:
    message = _message(fields)
    if message is None:
        pairs = [f"{name}={value}" for name, value in sorted(_flat(fields, "", DEEPEST))]
        return " ".join(pairs[:MOST_FIELDS])
    error = next((text for name in _ERRORS if (text := _error(fields.get(name)))), "") or _of_stack(fields)
    level = "ERROR " if any(_is_error(fields.get(name)) for name in _LEVELS) else ""
    return f"{level}{message} error={error}" if error and error not in message else level + message


def _is_error(level: object) -> bool:
    return level in ERROR_LEVELS if isinstance(level, str) else isinstance(level, int) and level >= _LEAST_ERROR


def _message(fields: Mapping[str, object]) -> str | None:
    for name in _MESSAGES:
        if isinstance(text := fields.get(name), str) and text.strip():
            return text
    for outer, inner in _NESTED_MESSAGES:
        within = fields.get(outer)
        if isinstance(within, dict) and isinstance(text := within.get(inner), str) and text.strip():
            return text
    return None


def _error(value: object) -> str:
    """The class of an error and what it says, without a stack."""
    if isinstance(value, dict):
        value = ": ".join(part for name in _ERROR_PARTS if isinstance(part := value.get(name), str) and part)
    return event_of(value.strip()).partition("\n")[0] if isinstance(value, str) else ""


def _of_stack(fields: Mapping[str, object]) -> str:
    """What a stack of its own field begins with and ends in, where it says so: some are frames only."""
    stacks = (value for name in _STACKS if isinstance(value := fields.get(name), str) and "\n" in value)
    return next((_error(stack) for stack in stacks if _RAISED.match(stack)), "")


def _flat(fields: Mapping[str, object], prefix: str, deepest: int) -> Iterator[tuple[str, object]]:
    for name, value in fields.items():
        if isinstance(value, dict) and deepest:
            yield from _flat(value, f"{prefix}{name}.", deepest - 1)
        elif isinstance(value, list | dict):
            yield prefix + name, "[]"
        else:
            yield prefix + name, value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _of_pairs(line: str) -> str | None:
    """The message of a line that is nothing but pairs."""
    if "=" not in line or not ("msg=" in line or "message=" in line or "event=" in line):
        return None
    fields: dict[str, object] = {}
    end = 0
    while end < len(line):
        pair = _PAIR.match(line, end)
        if pair is None:
            return None
        fields[pair[1]] = _unescaped(pair[2]) if pair[2] is not None else pair[3]
        end = pair.end()
    return _text_of(fields) if len(fields) > 1 and _message(fields) is not None else None


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: _ESCAPES.get(match[1], match[1]), text)
