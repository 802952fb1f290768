"""Masking: a secret is not shown as it is, encoded or split over lines, and what is none is left as it was."""

import base64
import html
import json
import urllib.parse
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.remediation.executors.masking import masked

SECRET = "xoxb-12345/Ab+c&d=\"e'f\\g%h ünd"
ENCODERS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "backwards": lambda text: text[::-1],
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 behind a name": lambda text: base64.b64encode(f"user:{text}\n".encode()).decode(),
    "base64 of more": lambda text: base64.b64encode(f'{{"token":"{text}","more":1}}'.encode()).decode(),
    "base64 in lines": lambda text: base64.encodebytes(text.encode() * 3).decode(),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "hex in capitals": lambda text: text.encode().hex().upper(),
    "hex with blanks": lambda text: text.encode().hex(" "),
    "hex with colons": lambda text: text.encode().hex(":"),
    "hex in lines": lambda text: "\n".join(text.encode().hex(" ", 4).split(" ")),
    "bytes of C": lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()),
    "a list of bytes": lambda text: ", ".join(f"0x{byte:02x}" for byte in text.encode()),
    "octal": lambda text: "".join(f"\\{byte:03o}" for byte in text.encode()),
    "percent": lambda text: urllib.parse.quote(text, safe=""),
    "percent and plus": lambda text: urllib.parse.quote(text, safe="/").replace("%20", " "),
    "percent throughout": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "html": html.escape,
    "html in numbers": lambda text: "".join(f"&#{ord(one)};" for one in text),
    "json": json.dumps,
    "json throughout": lambda text: "".join(f"\\u{ord(one):04x}" for one in text),
    "a character a line": "\n".join,
    "eight characters a line": lambda text: "\r\n".join(text[at : at + 8] for at in range(0, len(text), 8)),
    "spaced": " ".join,
}


@pytest.mark.parametrize("form", ENCODERS)
@pytest.mark.parametrize("secret", [SECRET, "s3cret-of-the-deployment", "ghp_0123456789abcdefABCDEF", "hunter2"])
def test_a_secret_is_masked_in_every_form(form: str, secret: str) -> None:
    said = ENCODERS[form](secret)
    shown = masked(f"before {said} after", [secret, "another-one"])
    assert "***" in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    left = shown.removeprefix("before ").removesuffix(" after").replace("***", "")
    assert len(left) <= (len(said) - len(secret) if form.startswith("base") else 4)  # of what is around it, some stays


def test_a_line_of_a_secret_of_many_lines_is_masked_by_itself() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n9w0BAQEFAASCBKcwggSj\n-----END KEY-----\n"
    assert masked("   1\tMIIEvQIBADANBgkqhkiG\n   2\t9w0BAQEFAASCBKcwggSj", [key]) == "   1\t***\n   2\t***"


def test_secrets_that_overlap_leave_nothing_of_either() -> None:
    assert masked("abcdefgh-ijkl", ["abcdefgh", "efgh-ijkl"]) == "***"


@pytest.mark.parametrize(
    "text", ["", "token: none", "s3cret", "100 % of 5 & 7", "\\x41\\u0041 &amp; %41", "ünïcode 0x41"]
)
def test_text_without_a_secret_stays_as_it_is(text: str) -> None:
    assert masked(text, [SECRET, "abc"]) == text


@given(st.text(max_size=300), st.lists(st.text(max_size=20), max_size=4))
def test_any_text_and_any_secrets_can_be_read(text: str, secrets: list[str]) -> None:
    shown = masked(text, secrets)
    assert shown == text or "***" in shown
