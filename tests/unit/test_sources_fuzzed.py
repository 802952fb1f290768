"""Every source that there is, with bodies that nobody should send: a list of events or Malformed, and nothing else.

What a source's own tests hold as examples, in capital letters, is what is broken here:
``test_grafana.py`` and ``test_changes_github.py`` are found by the names of their sources.
"""

import importlib
import json
import pkgutil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tests.unit
from bot.domain.event import decode_events, encode_events
from bot.pipeline.intake import entries_for
from handlers.webhooks.registry import Malformed, Source, all_sources
from tests.unit.payloads import mutated, values
from tests.unit.strategies import NOON

SOURCES = sorted(all_sources())
TOKEN = b"s3cret"

headers = st.sampled_from(
    [
        {},
        {"content-type": "application/cloudevents+json", "x-tandem-model": "forecast"},
        {"content-type": "application/cloudevents-batch+json"},
        {"content-type": "application/json", "x-github-event": "deployment_status"},
        {"content-type": "application/json", "x-github-event": "release"},
        {"ce-type": "x", "ce-id": "1", "ce-source": "s", "ce-specversion": "1.0", "ce-time": "yesterday"},
    ]
)


def examples_of(name: str) -> list[Any]:
    """The documents that the tests of a source have as constants."""
    modules = [module.name for module in pkgutil.iter_modules(tests.unit.__path__)]
    own = [importlib.import_module(f"tests.unit.{module}") for module in modules if module.endswith(f"_{name}")]
    constants = [value for module in own for key, value in vars(module).items() if key.isupper()]
    return [value for value in constants if isinstance(value, dict) and value]


EXAMPLES = {name: examples_of(name) for name in SOURCES}


def parses_or_says_why(source: Source, body: bytes, given_headers: dict[str, str]) -> None:
    try:
        events = source.parse(body, given_headers, NOON)
    except (Malformed, UnicodeError) as error:  # the door says 400 to both
        assert str(error).strip()
        return
    assert isinstance(events, list)
    assert decode_events(encode_events(events)) == events
    entries_for(events, source.name, NOON, ["cluster"], 4)


@pytest.mark.parametrize("name", SOURCES)
@settings(max_examples=40)
@given(data=st.data())
def test_an_example_with_anything_wrong_in_it_is_malformed_or_fit_to_be_stored(name: str, data: st.DataObject) -> None:
    document = data.draw(st.sampled_from([*EXAMPLES[name], {}]).flatmap(mutated))
    parses_or_says_why(all_sources()[name], json.dumps(document).encode(), data.draw(headers))


@pytest.mark.parametrize("name", SOURCES)
@settings(max_examples=40)
@given(data=st.data())
def test_any_json_and_any_bytes_are_malformed_or_fit_to_be_stored(name: str, data: st.DataObject) -> None:
    anything = values.map(lambda document: json.dumps(document).encode())
    body = data.draw(anything | st.binary(max_size=200))
    parses_or_says_why(all_sources()[name], body, data.draw(headers))


@pytest.mark.parametrize("name", SOURCES)
def test_a_body_that_is_cut_off_anywhere_is_malformed(name: str) -> None:
    for example in EXAMPLES[name]:
        body = json.dumps(example).encode()
        for length in range(0, len(body), 7):
            with pytest.raises(Malformed):
                all_sources()[name].parse(body[:length], {"x-github-event": "release"}, NOON)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000, b'{"result": ' + b"9" * 5000 + b"}", b'"\\ud800"']
)
def test_nesting_and_numbers_without_end_are_no_accident(name: str, body: bytes) -> None:
    parses_or_says_why(all_sources()[name], body, {})


@pytest.mark.parametrize("name", SOURCES)
def test_a_sender_that_shows_nothing_is_not_believed(name: str) -> None:
    source = all_sources()[name]
    for headers in ({}, {"authorization": ""}, {"authorization": "Bearer wrong"}, {"authorization": "Basic d3Jvbmc="}):
        assert not (source.verify and source.verify(headers, TOKEN))
        assert not (source.verify and source.verify(headers, None))
        assert not (source.signature and source.signature(headers, b"{}", TOKEN))
