"""Stack traces: many lines that are one event, in one record or line by line."""

import re

_FRAME = re.compile(
    r"\s+at \S"  # Java, JavaScript, C#
    r"|\s*\.\.\. \d+ (?:more|common frames)"
    r"|(?:\s*)Caused by: |\s+Suppressed: "
    r'|\s+File "[^"]*", line \d+'  # Python
    r"|\s+\S+\.go:\d+|goroutine \d+ \[|created by \S+"  # Go
    r"|\s+from \S+:\d+:in |\s+\d+: (?:0x[\da-f]+ - )?\S+::"  # Ruby, Rust
    r"|\s+\((?:[\w.]+ \d[\w.\-+]*|\w+)\) \S+:\d+: |\s+\S+\.exs?:\d+: "  # Elixir
    r"|#\d+ (?:0x[\da-f]+ in |\S+\(\d+\): )"  # C, PHP
)
_BEGINNINGS = (" ", "\t", "Caused by: ", "...", "goroutine ", "created by ", "#")
_PYTHON = "Traceback (most recent call last)"
_GROUP = "  + Exception Group Traceback"  # of Python, whose lines stand behind bars
_BAR = re.compile(r"\s+(?:\+-[-+ \d.]*$|[|+] (?:Exception Group (?=Traceback ))?)")
_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
_CLASS = r"(?:[A-Za-z_$][\w$]*\.)*[A-Za-z_$][\w$]*"
_EXCEPTION = re.compile(rf"(?:Exception in thread \S+ )?{_CLASS}(?:Exception|Error|Exit|Interrupt|Fault)\b")
_PACKAGE = re.compile(r"^(?:[A-Za-z_$][\w$]*\.)+(?=[A-Za-z_$][\w$]*:)")
_GOES_ON = re.compile(r"[\w./*()\-]+\(.*\)$|" + "|".join(_CHAINED))  # calls in Go, and what stands between traces
_EXCEPTION_GROUP = re.compile(rf"{_CLASS}Group\b")
_CAUSE = re.compile(r"\s*Caused by: (.*)")
_LONG_AGO = -(1 << 60)
TOGETHER_MS = 2000
"""Lines of one trace are written at once."""


def event_of(text: str) -> str:
    """What of a text of several lines names the event: of a stack trace its first line, and the error it ends in.

    Frames differ by the way that led to the same fault, and say nothing of which it is.

    Parameters
    ----------
    text
        Of several lines.

    Returns
    -------
    One line where it is a trace, else the text.

    Examples
    --------
    >>> event_of("order 7 failed\\na.Broken: gone\\n\\tat a.B.c(B.java:1)\\nCaused by: x.Y: full\\n\\t... 3 more")
    'order 7 failed Broken: gone Y: full'
    """
    lines = [line for line in _without_bars(text.splitlines()) if line.strip()]
    if not any(_FRAME.match(line) for line in lines[1:]):
        return text
    causes = [found[1] for line in lines if (found := _CAUSE.match(line))]
    kept = [_PACKAGE.sub("", line.strip()) for line in [*_heads(lines), *causes[-1:]]]
    return " ".join(dict.fromkeys(kept))


def _without_bars(lines: list[str]) -> list[str]:
    """Of a group of exceptions each is a trace like others."""
    if not any(line.startswith(_GROUP) for line in lines):
        return lines
    return [_BAR.sub("", line, count=1) for line in lines]


def _heads(lines: list[str]) -> list[str]:
    """What stands before the first frame, and in Python behind the last."""
    starts = [at for at, line in enumerate(lines) if line.startswith(_PYTHON)]
    if not starts:
        return lines[: next(at for at, line in enumerate(lines) if at and _FRAME.match(line))]
    raised = [line for line in lines[starts[-1] + 1 :] if line[0] not in " \t"]
    return lines[: starts[0]] + raised[:1]


class Traces:
    """Which lines go on with a stack trace that an earlier line began, where each line comes by itself.

    Examples
    --------
    >>> traces = Traces()
    >>> traces.goes_on("order 7 failed", 0)
    False
    >>> traces.error_came("order 7 failed", 0)
    >>> [traces.goes_on(line, 0) for line in ("java.io.IOException: gone", "\\tat a.B.c(B.java:1)", "order 8 is done")]
    [True, True, False]
    """

    def __init__(self) -> None:
        self._within = False  # the last line was part of a trace
        self._in_python = False  # a trace in Python's style goes on, and its error is still to come
        self._in_group = False  # a group of Python's exceptions goes on
        self._has_head = False  # a line of its own told of that error
        self._error_at = _LONG_AGO  # when the last line came, if it told of an error and had no trace yet

    def error_came(self, line: str, time: int) -> None:
        """Note that the last line, which was no part of a trace, tells of an error. ``time`` in milliseconds."""
        self._error_at = _LONG_AGO if _EXCEPTION.match(line) else time

    def goes_on(self, line: str, time: int) -> bool:
        """Whether the line is part of the event that an earlier line began."""
        if self._in_group:
            return self._is_group(line)
        if line.startswith(_GROUP):
            self._in_group, self._has_head = True, abs(time - self._error_at) < TOGETHER_MS or self._within
            return True
        if self._in_python:
            return self._is_python(line)
        if not line or line.isspace():
            return self._within
        if line.startswith(_BEGINNINGS) and (_FRAME.match(line) or (self._within and line[0] in " \t")):
            self._within = True
            return True
        told = abs(time - self._error_at) < TOGETHER_MS
        if line.startswith(_PYTHON):
            self._in_python, self._has_head = True, told or self._within
            return True
        if (told and _EXCEPTION.match(line)) or (self._within and _GOES_ON.match(line)):
            self._within, self._error_at = True, _LONG_AGO
            return True
        self._within, self._error_at = False, _LONG_AGO
        return False

    def _is_group(self, line: str) -> bool:
        """Within a group of exceptions, which is known by its own first line where no line before it told of it."""
        if bar := _BAR.match(line):
            names = not self._has_head and _EXCEPTION_GROUP.match(line[bar.end() :]) is not None
            self._has_head = self._has_head or names
            return not names
        self._in_group, self._within = False, True
        return self.goes_on(line, _LONG_AGO)

    def _is_python(self, line: str) -> bool:
        if not line.strip() or line[0] in " \t" or line.startswith((_PYTHON, *_CHAINED)):
            return True
        self._in_python, self._within = False, True
        return self._has_head
