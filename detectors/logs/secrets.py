"""Masking of secrets in a sample line, before anyone is shown it."""

import re

LOOKED_AT = 4096
SHOWN = 1000

_NAME = (
    r"[\w.\-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|credentials?|cookie|session[_\-]?id"
    r"|(?:api|access|private|auth)[_\-]?key)\w*+"
)
_PREFIXED = (
    r"(?:AKIA|ASIA)[A-Z\d]{16}",  # AWS
    r"gh[a-z]_\w{20,}|github_pat_\w{20,}|gl[a-z]{2,5}-[\w\-]{20,}",  # GitHub, GitLab
    r"xox[a-z]-[\w\-]{10,}|xapp-[\w\-]{10,}",  # Slack
    r"(?:sk|pk|rk)[_\-][\w\-]{16,}",  # Stripe, language models
    r"AIza[\w\-]{30,}|ya29\.[\w\-]{20,}",  # Google
    r"npm_\w{30,}|pypi-[\w\-]{16,}|hf_\w{20,}|dckr_pat_[\w\-]{20,}|hv[sbr]\.[\w\-]{20,}|SG\.[\w\-]{16,}\.[\w\-]{16,}",
    r"eyJ[\w\-]{8,}\.[\w\-]+(?:\.[\w\-]*)?",  # JSON Web Token
)
_RULES = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.S), "[private key]"),
    (re.compile(r"(?<![a-z+.\-])([a-z][a-z+.\-]*://[^\s:/@]*):[^\s/]+@", re.I), r"\1:[password]@"),
    (re.compile(r"\b(authorization[\"']?\s*[:=]\s*[\"']?)(?:(\w+)\s+)?[^\s\"',;]+", re.I), r"\1\2 [token]"),
    (re.compile(r"\b(bearer|basic)\s+[\w+/.~\-]{8,}=*", re.I), r"\1 [token]"),
    (re.compile(r"(?<![\w\-])(?:" + "|".join(_PREFIXED) + ")"), "[token]"),
)
_NAMED = re.compile(
    rf"(?<![\w.\-])({_NAME}[\"']?\s*(?:=>|[:=])\s*|--{_NAME}\s+)(?!\[secret\])(?:\"[^\"]*\"?|'[^']*'?|[^\s\"',;&)\]}}]+)",
    re.I,
)
_MAIL = re.compile(r"(?<![\w.+\-])[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+")
_CARD = re.compile(r"(?<![\w.\-])[2-6]\d{3}(?:[ \-]?\d){9,15}(?![\w\-]|\.\d)")
_RANDOM = re.compile(r"(?<![\w+/\-])(?=[\w+\-]*[A-Z])(?=[\w+\-]*[a-z])(?=(?:[\w+\-]*?\d){4})[\w+\-]{32,}=*")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def mask_secrets(line: str) -> str:
    """The line without keys, tokens, passwords, e-mail addresses and card numbers, and at most ``SHOWN`` characters.

    What a name beside it says to be secret is masked, and what is known by its form: tokens by the prefixes their
    makers gave them, card numbers by Luhn's check digit, and long strings too random to be a name.

    Parameters
    ----------
    line
        As it came.

    Returns
    -------
    The line without secrets, of bounded length.

    Examples
    --------
    >>> mask_secrets("login of ada@example.com with password=hunter2 failed, card 4111 1111 1111 1111")
    'login of [e-mail] with password=[secret] failed, card [card]'
    """
    text = _CONTROL.sub(" ", line[:LOOKED_AT])
    for pattern, mask in _RULES:
        text = pattern.sub(mask, text)
    text = _NAMED.sub(r"\1[secret]", text)
    text = _MAIL.sub("[e-mail]", _CARD.sub(_card, text))
    text = _RANDOM.sub("[token]", text)
    return text if len(text) <= SHOWN and len(line) <= LOOKED_AT else text[: SHOWN - 1] + "…"


def _card(match: re.Match[str]) -> str:
    return "[card]" if is_card_number(match[0]) else match[0]


def is_card_number(text: str) -> bool:
    """Whether the digits pass Luhn's check.

    Parameters
    ----------
    text
        Digits, with anything between them.

    Returns
    -------
    True where the check digit is right.

    Examples
    --------
    >>> is_card_number("4111 1111 1111 1111"), is_card_number("4111 1111 1111 1112")
    (True, False)

    References
    ----------
    ISO/IEC 7812-1: Identification of issuers, annex B.
    """
    digits = [int(character) for character in reversed(text) if character.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
