"""Which lines are errors: by the level that the sender gave, else by the words of their template."""

import re

_ERRORS = ("error", "err", "severe", "critical", "crit", "fatal", "alert", "emerg", "emergency", "panic")
ERROR_LEVELS = frozenset(word for level in _ERRORS for word in (level, level.upper(), level.title()))
"""As OpenTelemetry, syslog (RFC 5424), Python and Java name what is an error or worse."""

_WORDS = re.compile(
    r"(?<![a-z])(?i:error|fatal|critical|panic|severe|exception|traceback|failed|failure|refused|denied|timed out"
    r"|timeout|segfault|out of memory|oom|corrupt(?:ed)?|unreachable|crash(?:ed)?)(?![a-z])"
    r"|[a-z](?:Error|Exception)\b"
)
_NONE = re.compile(r"\b(?:no|0|without|zero) (?:\w+ )?(?:errors?|failures?|exceptions?)\b", re.I)


def speaks_of_errors(text: str) -> bool:
    """Whether a line or template has the words of an error.

    Parameters
    ----------
    text
        A line or a template.

    Returns
    -------
    True where it speaks of an error.

    Examples
    --------
    >>> speaks_of_errors("java.io.IOException: connection <*> refused"), speaks_of_errors("finished with no errors")
    (True, False)
    """
    return _WORDS.search(_NONE.sub("", text)) is not None
