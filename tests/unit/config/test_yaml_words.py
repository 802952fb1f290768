"""Plain words of YAML are what they look like, and what YAML takes for a comment is pointed out."""

from pathlib import Path
from typing import Any

import pytest

from bot.config import load_config
from bot.config.document import read_document, read_documents
from bot.errors import ConfigError
from bot.remediation.executors import parameters_of

GATE = """runbooks:
  promote:
    title: Promote
    when: {cause: data}
    steps:
      - gate:
          on:
            recent: {champion: {http: {url: "https://s.example/a"}}, challenger: {http: {url: "https://s.example/b"}}}
    approval: {approvers: [U012AB3CD]}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tandem.yaml"


def refusal(path: Path, text: str) -> str:
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    return str(refused.value).removeprefix(f"{path}:")


def warnings(path: Path, text: str) -> list[str]:
    path.write_text(text)
    return [line.removeprefix(f"{path}:") for line in load_config(path)[1]]


@pytest.mark.parametrize(
    "word", ["on", "off", "yes", "no", "Yes", "NO", "y", "08", "010", "1:30", "22:00", "2026-11-27", "=", "1_000"]
)
def test_a_word_is_a_text_as_value_and_as_key(path: Path, word: str) -> None:
    text = f"{word}: [{word}]\nmore: {{{word}: {word}}}\n"
    path.write_text(text)
    expected = {word: [word], "more": {word: word}}
    assert read_document(path).value == expected
    assert [document.value for document in read_documents(path, text)] == [expected]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("true", True), ("False", False), ("~", None), ("null", None), ("", None)),
        *(("8", 8), ("-1", -1), ("+3", 3), ("0", 0), ("0x1F", 31), ("0o17", 15)),
        *(("0.05", 0.05), (".5", 0.5), ("1e3", 1000.0), ("1.5e-3", 0.0015), ("-.inf", float("-inf"))),
    ],
)
def test_numbers_and_truth_are_those_of_yaml_1_2(path: Path, text: str, value: Any) -> None:
    path.write_text(f"a: {text}\n")
    found = read_document(path).value["a"]
    assert (found, type(found)) == (value, type(value))


def test_the_data_sets_of_a_gate_stand_under_on_without_quotes(path: Path) -> None:
    path.write_text(GATE)
    step = load_config(path)[0].runbooks["promote"].steps[0]
    assert list(parameters_of(step.kind, step.parameters).model_dump()["on"]) == ["recent"]


def test_a_time_without_quotes_is_that_time_and_yes_is_a_yes(path: Path) -> None:
    window = 'maintenance: {night: {at: 22:30, lasts: 1h, matchers: ["a=b"]}}'
    path.write_text(window + "\nretention: {archive: no}\nservices: {no: {depends_on: [off, 08]}, off: {}, 08: {}}")
    config, doubts = load_config(path)
    assert str(config.maintenance["night"].at) == "22:30:00"
    assert config.retention.archive is False
    assert config.depends_on == {"no": ["off", "08"], "off": [], "08": []}
    assert doubts == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "slack:\n  channel: #shop",
            '2: slack.channel: is empty, as #shop without quotes is a comment in YAML: write "#shop"',
        ),
        (
            "slack:\n  channel:\n    #shop   # ours",
            '2: slack.channel: is empty, as #shop without quotes is a comment in YAML: write "#shop"',
        ),
        (
            "slack: #shop",
            '1: slack: is empty, as #shop without quotes is a comment in YAML: write {channel: "#shop"}',
        ),
        (
            "slack:\n  ops_channel: #incidents",
            '2: slack.ops_channel: is empty, as #incidents without quotes is a comment in YAML: write "#incidents"',
        ),
        (
            "services:\n  web:\n    depends_on:\n      - #cart",
            '4: services.web.depends_on.0: is empty, as #cart without quotes is a comment in YAML: write "#cart"',
        ),
    ],
)
def test_a_name_that_yaml_takes_for_a_comment_is_refused_with_what_to_write(path: Path, text: str, why: str) -> None:
    assert refusal(path, text) == why


def test_a_list_whose_end_a_comment_has_eaten_says_so(path: Path) -> None:
    assert refusal(path, "slack: {channel: #shop}\nservices: {}").endswith(
        '; #shop begins a comment there: write it with quotes, as in "#shop"'
    )


@pytest.mark.parametrize(
    "text",
    [
        'slack: {channel: "#shop"}',
        "slack: # the channel is the default",
        "slack:\n  # channel: shop\n  ops_channel: shop  #ours",
        "services: # none yet",
    ],
)
def test_a_comment_that_is_one_is_left_alone(path: Path, text: str) -> None:
    assert warnings(path, text) == []


@pytest.mark.parametrize("text", ["slack:\n  channel: #incidents", "services: #none"])
def test_where_the_default_is_what_was_meant_it_is_a_warning(path: Path, text: str) -> None:
    [warning] = warnings(path, text)
    assert "without quotes is a comment" in warning


def runbook(title: str = "Restart", service: str = "checkout") -> str:
    return (
        f"runbooks:\n  restart:\n    title: {title}\n    when: {{service: {service}}}\n"
        "    steps:\n      - command: {argv: [systemctl, restart, 'shop-${service}']}\n"
        "    approval: {approvers: [U012AB3CD]}\nservices: {checkout: {depends_on: [cart]}, cart: {}}\n"
    )


def test_a_runbook_for_a_service_that_is_described_nowhere_is_warned_of(path: Path) -> None:
    [warning] = warnings(path, runbook(service="chekout"))
    assert warning == (
        "4: runbooks.restart.when.service: 'chekout' is described nowhere: "
        "the runbook is offered only if alerts name it; did you mean 'checkout'?"
    )
    assert warnings(path, runbook(service="cart")) == []


def test_where_no_topology_is_described_any_service_may_be_right(path: Path) -> None:
    text, _, _ = runbook(service="anything").rpartition("services:")
    assert warnings(path, text) == []


@pytest.mark.parametrize("title", ["Restart ${service}", "'${labels.pod}: restart'"])
def test_a_placeholder_in_a_title_is_warned_of(path: Path, title: str) -> None:
    [warning] = warnings(path, runbook(title=title))
    assert warning.startswith("3: runbooks.restart.title: ${")
    assert "filled in only in the steps" in warning
