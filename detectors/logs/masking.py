"""Masking: what varies in a log line by its form alone (a number, an address, a path) becomes one character."""

import re
from collections.abc import Callable

VALUE = "\x01"  # stands where a value stood; no control character of a line gets this far

_WORD_FORMS = (
    r"(?<![a-z+.])[a-z][a-z+.]*://[^\s\"'<>()\[\],;]*",  # URL
    r"\b[A-Za-z]:\\[^\s\"',;]+",  # Windows path
    r"(?<![\w.\-/])[A-Za-z][\w.\-]*(?:/|\[)(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\]?(?![\w/])",  # host/address, host[address]
    r"(?<![\w.+\-])[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)*",  # e-mail address, of this host, too
    r"(?<![\w:])(?:[\da-fA-F]{0,4}:){2,7}[\da-fA-F]{1,4}(?![\w:])(?:[.,]\d+)?",  # MAC, IPv6, time of day
    r"(?<![\w.<])/[\w.\-%@+~]+(?:/[\w.\-%@+~]*)*(?:\?[^\s\"]*)?",  # absolute path
    r"(?<![\w.\-])[\w.\-]+(?:[/\\][\w.\-]+){2,}",  # relative path
    # Host, package and class names. A last part in capitals is a constant, and before "=" stands a key: both are kept.
    r"(?<![\w.\-])[a-z\d][\w\-]*(?:\.(?![A-Z][A-Z_\d]*\b)[\w\-$]+){2,}(?![\w\-$.]*=)(?:/[\w.$\-]+)*(?::\d+)?",
    r"(?<![\w.\-])[a-z\d\-]+(?:\.[a-z\d\-]+)+:\d+",  # host and port
    r"(?<![\w.\-])(?![a-fA-F]\d|[a-fA-F\d]{4,}(?!\w))(?P<kind>[A-Za-z]+)\d+(?![\w.\-])",  # eth0, SOCKS5: keep the kind
    r"(?<![\w\-~])(?:[\w\-~]+\.)*[\w\-~]*\d[\w\-~]*(?:\.[\w\-~]+)*",  # anything else with a digit
    r"\b[a-fA-F]{8,}\b",  # hexadecimal without one
    r"\d+",  # what is left
)
_IN_WORD = re.compile("|".join(_WORD_FORMS))

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?"
_UNIT = r"(?: ?(?:%|(?i:[kmgt]i?b|bytes?|b|[nuµm]?s|secs?|seconds?|mins?|minutes?|hours?|hrs?|days?|[kmg]?hz)\b))?"
_DATE = re.compile(rf"\b(?:{_DAY} (?={VALUE}|{_MONTH} {VALUE}))?(?:{_MONTH} )?{VALUE}")
_ACCOUNT = re.compile(
    r"\b(user|(?:password|publickey|none|pam|hostbased) for) [\w.$\\\-]+(?=$| (?:by|from|at|on)\b| ?[\[(])"
)
# Assigned is a value: what is quoted, unless it is the message itself; nothing; and a thing named by its number.
_ASSIGNED = re.compile(
    rf"""=(?<!\bmsg=)(?<!\bmessage=)(?<!\bevent=)(?:"[^"]*"|'[^']*'|null\b|[A-Za-z.]*\{{{VALUE}\}})"""
)
_QUOTED = re.compile(r"'(?<!\w')[^\s']+'(?!\w)")
_NAMED_ADDRESS = re.compile(rf"(?<![\w.\-])[a-z\d\-]+(?:\.[a-z\d\-]+)+ ?[\[(]{VALUE}[\])]")
# Values in a row are one. So is a value said again, or not known, in parentheses: "5120 bytes (5 KB)", "10.0.0.1 ()".
_ROW = re.compile(
    rf"(?:<{VALUE}(?!>)|{VALUE}){_UNIT}(?:[ :,./@|#\\+\-]*(?:{VALUE}{_UNIT}|\({VALUE}?{_UNIT}\)|\[{VALUE}{_UNIT}\]))*"
)


def mask_word(word: str) -> str:
    """One word, without whitespace, with every value in it replaced by ``VALUE``.

    Parameters
    ----------
    word
        Without whitespace.

    Returns
    -------
    The word with ``VALUE`` for every value.

    Examples
    --------
    >>> mask_word("port=8080").replace(VALUE, "<*>")
    'port=<*>'
    """
    return _IN_WORD.sub(lambda match: (match["kind"] or "") + VALUE, word)


def mask(line: str, mask_word: Callable[[str], str] = mask_word) -> str:
    """The line with its values replaced by ``VALUE`` and its whitespace made single spaces.

    Which digits a number has makes no difference, only how many: ``mask("in 17 s") == mask("in 42 s")``.

    Parameters
    ----------
    mask_word
        What masks a single word, for a caller that remembers the words it has seen.

    Returns
    -------
    The masked line.

    Examples
    --------
    >>> mask("Failed password for root from 10.0.0.7 port 22 after 3 s").replace(VALUE, "<*>")
    'Failed password for <*> from <*> port <*> after <*>'

    References
    ----------
    He, Zhu, Zheng and Lyu: Drain: an online log parsing approach with fixed depth tree. ICWS 2017.
    """
    text = _DATE.sub(VALUE, " ".join(map(mask_word, line.split())))
    text = _ACCOUNT.sub(rf"\1 {VALUE}", text)
    text = _QUOTED.sub(VALUE, _ASSIGNED.sub(f"={VALUE}", text))
    return _ROW.sub(VALUE, _NAMED_ADDRESS.sub(VALUE, text))
