"""Masks what looks like a secret in log lines of other programs, whose secrets nobody can know."""

import re

MASK = "***"
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_NAMED = re.compile(
    r"""(?ix) \b([\w.-]*(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key
    |authorization|credential|cookie|session[_-]?id)[\w.-]*["']?\s*(?:=|:|=>)\s*)
    (?:"[^"]*"|'[^']*'|(?:bearer|basic|token)\s+[^\s,;"'}]+|[^\s,;&"'}]+)"""
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_IN_ADDRESS = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@]+@")
_TELLING = re.compile(
    r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"  # a JSON web token
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"  # of AWS
    r"|\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}|sk-[\w-]{16,}|AIza[\w-]{30,})"
    r"|-----BEGIN[A-Z ]*PRIVATE KEY-----.*?(?:-----END[A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)


def redacted(text: str) -> str:
    """The text with asterisks where a secret is likely.

    >>> redacted("login failed password=hunter22 user=ana")
    'login failed password=*** user=ana'
    >>> redacted("connecting to postgres://shop:s3cret@db:5432/shop")
    'connecting to postgres://***@db:5432/shop'
    """
    text = _TELLING.sub(MASK, _TERMINAL.sub("", text))
    text = _NAMED.sub(rf"\g<1>{MASK}", text)
    text = _BEARER.sub(rf"\g<1> {MASK}", text)
    return _IN_ADDRESS.sub(rf"\g<1>{MASK}@", text)
