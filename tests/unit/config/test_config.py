"""tandem.yaml: what is right is taken; every error names the file, the line, the key and the nearest right one."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.config import Config, load_config
from bot.errors import ConfigError

EXAMPLE = """
slack: {channel: "#incidents"}
correlation:
  partition_by: [cluster]            # alerts of different partitions never meet
  service_labels: [service, app, job]  # the first one present names an alert's service
  window: 5m
services:                            # the topology; may also be learnt from traffic and from other tools
  checkout: {depends_on: [payments, cart]}
  forecast-api: {depends_on: [forecast-pool]}
models:
  demand-forecast: {served_by: forecast-api, features: {}, monitors: []}
runbooks:
  scale-forecast-pool:
    title: Scale out the forecast pool
    when: {service: forecast-pool, cause: resource}   # matched against incident and cause
    steps:
      - command: {argv: [supervisorctl, start, "forecast:*"], timeout: 60s, repeatable: true}
    verify: {alerts_resolved: true, within: 5m}
    approval: {approvers: ["U012AB3CD"], required: 1, expires: 1h}
"""
RUNBOOK = """runbooks:
  restart:
    title: Restart
    when: {service: checkout}
    steps:
      - {step}
    approval: {approvers: [U012AB3CD]}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tandem.yaml"


def load(path: Path, text: str) -> Config:
    path.write_text(text)
    return load_config(path)[0]


def refusal(path: Path, text: str) -> list[str]:
    """The lines of the error, without the file's name, which each of them must begin with."""
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    lines = str(refused.value).splitlines()
    assert all(line.startswith(f"{path}:") for line in lines)
    return [line.removeprefix(f"{path}:") for line in lines]


def test_the_example_of_the_design_is_valid(path: Path) -> None:
    config = load(path, EXAMPLE)
    assert config.slack.channel == "#incidents"
    assert config.correlation.window == timedelta(minutes=5)
    assert config.depends_on["demand-forecast"] == ["forecast-api"]
    assert config.rules().depends_on["demand-forecast"] == ["forecast-api"]
    runbook = config.runbooks["scale-forecast-pool"]
    assert runbook.steps[0].parameters["argv"] == ["supervisorctl", "start", "forecast:*"]
    assert runbook.approval.expires == timedelta(hours=1)


@pytest.mark.parametrize("text", ["", "\n", "# nothing yet\n", "---\n", "---\n# nothing yet\n", "{}", "~"])
def test_an_empty_file_is_valid(path: Path, text: str) -> None:
    assert load(path, text) == Config()


@pytest.mark.parametrize("section", ["slack", "correlation", "alerts", "topology", "services", "models", "runbooks"])
def test_an_empty_section_says_what_a_missing_one_says(path: Path, section: str) -> None:
    assert load(path, f"{section}:\n  # to be written\n") == Config()


def test_a_service_may_be_named_and_nothing_said_of_it(path: Path) -> None:
    assert load(path, "services:\n  checkout:\n  cart:\n    depends_on:\n").depends_on == {"checkout": [], "cart": []}


@pytest.mark.parametrize(
    "text, line",
    [
        ("slak: {}", "1: slak: is no known key; did you mean 'slack'?"),
        ("slak:", "1: slak: is no known key; did you mean 'slack'?"),
        ("slack:\n  chanel: x", "2: slack.chanel: is no known key; did you mean 'channel'?"),
        ("\n\ncorrelation:\n  windw: 5m", "4: correlation.windw: is no known key; did you mean 'window'?"),
        ("alerts:\n  flapping:\n    changs: 3", "3: alerts.flapping.changs: is no known key; did you mean 'changes'?"),
        ("services:\n  a:\n    dependson: []", "3: services.a.dependson: is no known key; did you mean 'depends_on'?"),
        ("models:\n  m:\n    serve_by: a", "3: models.m.serve_by: is no known key; did you mean 'served_by'?"),
        ("slack: {zzz: 1}", "1: slack.zzz: is no known key; known are channel, ops_channel, workspaces"),
    ],
)
def test_an_unknown_key_is_an_error_that_names_the_nearest_known_one(path: Path, text: str, line: str) -> None:
    assert refusal(path, text) == [line]


@pytest.mark.parametrize(
    "key, near",
    [("titel", "title"), ("step", "steps"), ("rolback", "rollback"), ("aproval", "approval"), ("verfy", "verify")],
)
def test_an_unknown_key_of_a_runbook_names_the_nearest(path: Path, key: str, near: str) -> None:
    text = RUNBOOK.replace("{step}", "command: {argv: [x]}") + f"    {key}: x\n"
    assert f"8: runbooks.restart.{key}: is no known key; did you mean {near!r}?" in refusal(path, text)


@pytest.mark.parametrize("part, key, near", [("when", "servce", "service"), ("approval", "approver", "approvers")])
def test_an_unknown_key_inside_a_runbook_names_the_nearest(path: Path, part: str, key: str, near: str) -> None:
    text = RUNBOOK.replace("{step}", "command: {argv: [x]}").replace(f"{part}: {{", f"{part}: {{{key}: x, ")
    [line] = refusal(path, text)
    assert line.endswith(f"runbooks.restart.{part}.{key}: is no known key; did you mean {near!r}?")


@pytest.mark.parametrize(
    "step, place, why",
    [
        ("commnd: {argv: [x]}", "commnd", "no executor is named 'commnd'; did you mean 'command'?"),
        ("zzz: {}", "zzz", "no executor is named 'zzz'; known are command, gate, http"),
        ("command: {argv: [x], timout: 1s}", "command.timout", "is no known key of command; did you mean 'timeout'?"),
        ("command: {argv: [x], timeout: 7h}", "command.timeout", "a step takes more than nothing and at most 6h"),
        ("command: {argv: [x], timeout: soon}", "command.timeout", "'soon' is no duration: write a number and a unit"),
        ("command: {argv: []}", "command.argv", "List should have at least 1 item"),
        ("command: {argv: [sleep, 5]}", "command.argv.1", "Input should be a valid string"),
        ("command: {argv: [x], env: {A: 1}}", "command.env.A", "Input should be a valid string"),
        ("command: {}", "command.argv", "Field required"),
        ("http: {url: example.com}", "http.url", "write a whole address, as in https://example.com/scale"),
        ("http: {url: 'https://u:p@h/'}", "http.url", "an address carries no password"),
        ("http: {url: 'https://h/', methd: GET}", "http.methd", "is no known key of http; did you mean 'method'?"),
        ("command: {argv: [x], check: {comand: {}}}", "command.check.comand", "no executor is named 'comand'"),
        ("command: {argv: [x], check: {command: {arg: [x]}}}", "command.check.command.arg", "did you mean 'argv'?"),
        ("command: {argv: [x], check: {}}", "command", "a step is one executor's name with its parameters"),
    ],
)
def test_an_error_in_a_step_is_found_when_the_file_is_read(path: Path, step: str, place: str, why: str) -> None:
    lines = refusal(path, RUNBOOK.replace("{step}", step))
    assert any(line.startswith(f"6: runbooks.restart.steps.0.{place}: ") and why in line for line in lines)


@pytest.mark.parametrize(
    "step, why",
    [
        ("command: {argv: [x, '${servce}']}", "${servce} is no placeholder; known are"),
        ("command: {argv: ['${service}']}", "may not choose the program"),
        ("command: {argv: [sh, -c, 'x ${service}']}", "sh would run what a value says"),
        ("http: {url: 'https://${service}/'}", "may not choose the host"),
        ("command: {argv: [x], check: {command: {argv: [sh, '${service}']}}}", "sh would run what a value says"),
        ("command: {argv: [x], check: {command: {argv: [y], check: {command: {argv: [z]}}}}}", "no check of its own"),
    ],
)
def test_a_placeholder_that_could_do_harm_is_found_when_the_file_is_read(path: Path, step: str, why: str) -> None:
    [line] = refusal(path, RUNBOOK.replace("{step}", step))
    assert line.startswith("2: runbooks.restart: ")
    assert why in line


@pytest.mark.parametrize(
    "text, line",
    [
        ("slack:\n  channel: '#a b'", "2: slack.channel: write a channel's name, as in '#incidents'"),
        ("correlation:\n  window: 300", "2: correlation.window: write a number and a unit, as in 90s, 5m, 1h30m or 2d"),
        ("correlation:\n  window: 5 min", "2: correlation.window: '5 min' is no duration"),
        ("correlation:\n  window: 40000d", "2: correlation.window: '40000d' is too long a duration"),
        ("correlation:\n  service_labels: []", "2: correlation.service_labels: List should have at least 1 item"),
        (
            "correlation:\n  partition_by:\n  - a\n  - 5",
            "4: correlation.partition_by.1: Input should be a valid string",
        ),
        ("alerts:\n  flapping: {changes: 33}", "2: alerts.flapping.changes: Input should be less than or equal to 32"),
        ("services: [a, b]", "1: services: Input should be a valid dictionary"),
        ("services:\n  a: [b]", "2: services.a: Input should be a valid dictionary"),
        ('slack:\n  "a\\nb": 1', "2: slack.'a\\nb': is no known key"),
        ("1: 2", "1: 1: is no known key"),
        ("- slack", "1: the file must be a mapping of sections"),
        ("just words", "1: the file must be a mapping of sections"),
    ],
)
def test_a_value_of_the_wrong_kind_is_an_error_at_its_line(path: Path, text: str, line: str) -> None:
    [found] = refusal(path, text)
    assert found.startswith(line)


@pytest.mark.parametrize(
    "text, line",
    [
        ("slack: {}\n\nslack: {}", "3: slack: is given twice, first on line 1"),
        ("services:\n  a: {}\n  b: {}\n  a: {}", "4: a: is given twice, first on line 2"),
        (
            "runbooks:\n  x:\n    steps:\n    - command: {argv: [a], argv: [b]}",
            "4: argv: is given twice, first on line 4",
        ),
    ],
)
def test_what_is_said_twice_is_an_error_that_names_both_lines(path: Path, text: str, line: str) -> None:
    assert refusal(path, text) == [line]


@pytest.mark.parametrize(
    "text, line",
    [
        ("slack: {channel: x", "1: this is no valid YAML: expected ',' or '}'"),
        ("slack:\n\tchannel: x", "2: this is no valid YAML: found character '\\t'"),
        ("a: b: c", "1: this is no valid YAML: mapping values are not allowed here"),
        ("slack: {}\n---\nslack: {}", "2: this is no valid YAML: but found another document"),
        ("slack:\n  channel: *nowhere", "2: this is no valid YAML: found undefined alias"),
        ("slack:\n  channel: !secret x", "2: this is no valid YAML: could not determine a constructor"),
        ("slack:\n  channel: !!python/name:os.system", "2: this is no valid YAML: could not determine a constructor"),
        ("slack:\n  channel: !!timestamp 2026-13-45", "2: this is no valid YAML: no timestamp: month must be in 1..12"),
        ("slack:\n  channel: !!timestamp soon", "2: this is no valid YAML: no timestamp"),
        ("slack:\n  channel: !!bool perhaps", "2: this is no valid YAML: no bool"),
        ('slack:\n  channel: "\\ud83d\\ude00"', "2: this is no valid YAML: no str: 'utf-8' codec can't encode"),
        ("slack: {}\n? [a, b]\n: c", "2: a key must be a word, not a list or a mapping"),
        ("slack: {<<: [1]}", "1: this is no valid YAML: expected a mapping for merging"),
        ("a: &a [*a]", "1: this is no valid YAML: it is nested too deep, or within itself"),
        ("a: " + "[" * 1000, "1: this is no valid YAML: it is nested too deep, or within itself"),
        ("slack: {}\n\x00", "2: this is no valid YAML: special characters are not allowed"),
    ],
)
def test_what_is_no_yaml_is_an_error_at_its_line(path: Path, text: str, line: str) -> None:
    [found] = refusal(path, text)
    assert found.startswith(line)


def test_a_file_that_cannot_be_read_is_named(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tandem\.yaml: cannot be read: .*No such file"):
        load_config(path)
    path.write_bytes(b"slack: {channel: \xff}")
    with pytest.raises(ConfigError, match=r"tandem\.yaml: cannot be read: 'utf-8' codec"):
        load_config(path)


def test_every_problem_is_told_at_once_with_a_line_each(path: Path) -> None:
    lines = refusal(path, "slak: {}\ncorrelation:\n  window: 5\nservices: 7\n")
    assert sorted(line.rpartition(": ")[0] for line in lines) == ["1: slak", "3: correlation.window", "4: services"]


def test_an_approver_is_a_slack_user_id(path: Path) -> None:
    text = RUNBOOK.replace("{step}", "command: {argv: [x]}").replace("[U012AB3CD]", '[U012AB3CD, "@ann"]')
    [line] = refusal(path, text)
    assert line.startswith("7: runbooks.restart.approval.approvers.1: '@ann' is no Slack user id")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3),
    max_leaves=6,
)
sections = st.sampled_from(["slack", "correlation", "alerts", "topology", "services", "models", "runbooks", "x"])


@given(st.dictionaries(sections, anything, max_size=3) | anything)
def test_any_document_is_a_configuration_or_an_error_with_lines(tmp_path_factory: Any, document: object) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True))
    try:
        load_config(path)
    except ConfigError as error:
        assert all(line.startswith(f"{path}:") for line in str(error).splitlines())


@given(st.text(st.sampled_from("ab:[]{}-,?&*!|>'\"%@`#~ \n\t\x00\x85é🔥\ud83d"), max_size=25))
def test_any_text_is_a_configuration_or_an_error_with_lines(tmp_path_factory: Any, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text, errors="replace")
    try:
        load_config(path)
    except ConfigError as error:
        assert str(error).startswith(f"{path}:")


def test_a_monitor_that_verifies_a_run_has_to_be_one_of_a_model(path: Path) -> None:
    models = "models:\n  demand: {served_by: api, monitors: [{kind: drift}]}\n"
    verify = "    verify: {monitor: demand/drft}\n    approval:"
    text = models + RUNBOOK.replace("{step}", "command: {argv: [a]}").replace("    approval:", verify)
    [line] = refusal(path, text)
    assert line.endswith("restart.verify.monitor: there is no monitor 'demand/drft'; did you mean 'demand/drift'?")
