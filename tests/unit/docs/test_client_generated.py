"""The parts of the client that are made of others are what those say now."""

import pytest

from tests.unit.docs.client import CLIENT, files


@pytest.mark.parametrize(
    "name", ["answers/__init__.py", "answers/incident.py", "answers/other.py", "connected.py", "synchronous.py"]
)
def test_the_client_is_what_the_api_answers(name: str) -> None:
    assert (CLIENT / name).read_text() == files()[name], "run: python -m tests.unit.docs.client"
