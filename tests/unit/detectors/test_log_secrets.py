"""Secrets are masked in a sample line; what is none stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.logs import mask_secrets
from detectors.logs.secrets import SHOWN, is_card_number

# Put together here, so that no scanner takes them for real.
SECRETS = {
    "password": ("password=hunter2", "hunter2"),
    "quoted password": ('{"db_password": "correct horse", "user": "ann"}', "correct horse"),
    "password in a URL": ("connecting to postgresql://ann:hunter2@db:5432/x", "hunter2"),
    "option": ("run --api-key s3cr3tvalue --port 80", "s3cr3tvalue"),
    "environment": ("AWS_SECRET_ACCESS_KEY=abc/DEF+123", "abc/DEF+123"),
    "query": ("GET /login?user=ann&access_token=a1b2c3&x=1", "a1b2c3"),
    "header": ("Authorization: Bearer abc.def-123", "abc.def-123"),
    "basic": ("sent basic YW5uOmh1bnRlcjI= to the proxy", "YW5uOmh1bnRlcjI"),
    "bare header": ('"authorization":"opaque-value-77"', "opaque-value-77"),
    "AWS": ("key " + "AKIA" + "ABCDEFGHIJKLMNOP used", "ABCDEFGHIJKLMNOP"),
    "GitHub": ("pushed with " + "ghp" + "_abcdefghij0123456789abcdefghij012345", "abcdefghij0123456789"),
    "GitLab": ("pushed with " + "glpat" + "-abcdefghij0123456789", "abcdefghij0123456789"),
    "Slack": ("token is " + "xoxb" + "-123456789012-abcdefghij", "123456789012-abcdefghij"),
    "Stripe": ("charged by " + "sk" + "_live_abcdefghij0123456789", "abcdefghij0123456789"),
    "JWT": ("user " + "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxIn0.c2lnbmF0dXJl came", "eyJzdWIiOiIxIn0"),
    "private key": ("read -----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY----- ok", "MIIEow"),
    "cut private key": ("read -----BEGIN PRIVATE KEY-----\nMIIEow", "MIIEow"),
    "e-mail": ("mail to ada.l+x@example.co.uk bounced", "ada.l"),
    "card": ("paid with 4111 1111 1111 1111 today", "1111"),
    "card in one": ("paid with 5500005555555559.", "5555"),
    "random": ("presented Zk3x9QpL0vTnR5sWb8YcHd2FjM7aGu4E to us", "Zk3x9QpL0vTnR5"),
}
HARMLESS = [
    "Failed password for root from 10.0.0.7 port 22 ssh2",
    "request 4111111111111112 took 3 ms",
    "block blk_-4111111111111111 moved",
    "at 1514038530000 the job began",
    "commit 3f786850e387550fdab836ed7e6dc881de23001b deployed",
    "instance b9000564-fe1a-409b-b8cc-1e88b294cd1d started",
    "retry policy is RetryUpToMaximumCountWithFixedSleep(maxRetries=10)",
    "see https://example.com/a/b?page=2",
    "basic checks passed",
]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_masked(name: str) -> None:
    line, secret = SECRETS[name]
    assert secret in line
    assert secret not in mask_secrets(line)


@pytest.mark.parametrize("line", HARMLESS)
def test_what_is_no_secret_stays(line: str) -> None:
    assert mask_secrets(line) == line


def test_what_stands_around_a_secret_stays() -> None:
    masked = mask_secrets('{"user": "ann", "password": "a, b", "host": "db"}')
    assert masked == '{"user": "ann", "password": [secret], "host": "db"}'
    assert mask_secrets("postgresql://ann:pw@db:5432/x") == "postgresql://ann:[password]@db:5432/x"


def test_masking_twice_changes_no_more() -> None:
    for line, _ in SECRETS.values():
        assert mask_secrets(mask_secrets(line)) == mask_secrets(line)


@given(st.text(max_size=200), st.text("abcdefgh0123456789", min_size=8, max_size=40), st.text(max_size=200))
def test_a_named_secret_never_shows_whatever_surrounds_it(before: str, secret: str, after: str) -> None:
    masked = mask_secrets(f"{before} password=Q{secret}Q {after}")
    assert f"Q{secret}Q" not in masked


@given(st.integers(0, 10**15 - 1))
def test_exactly_one_check_digit_makes_a_card_number(number: int) -> None:
    assert sum(is_card_number(f"4{number:015d}"[:-1] + str(digit)) for digit in range(10)) == 1


@pytest.mark.parametrize(
    "line", ["x" * 2_000_000, "a@" * 500_000, "password" * 200_000, "4 " * 700_000, '="' * 600_000]
)
def test_a_long_line_is_cut(line: str) -> None:
    assert len(mask_secrets(line)) <= SHOWN


def test_control_characters_are_gone() -> None:
    assert mask_secrets("a\x1b[31mred\x00\x7f") == "a [31mred  "
