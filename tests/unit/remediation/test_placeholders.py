"""Placeholders: which values may be filled in, and that the runbook's author decides it."""

from typing import Any

import pytest

from bot.errors import PlanError
from bot.remediation.planning import check_templates, make_plan
from tests.unit.remediation.test_planning import command, http, runbook


@pytest.mark.parametrize("value", ["web-1", "v1.2_3", "7", "A", "x" * 63])
def test_a_plain_word_is_filled_in_without_a_pattern(value: str) -> None:
    made = make_plan("r", runbook(command("x", "${labels.pod}", "--on=${labels.pod}")), {"labels.pod": value})
    assert made.steps[0].parameters["argv"] == ["x", value, f"--on={value}"]


@pytest.mark.parametrize(
    "value",
    [
        *"*$;@/:~|!%é١ａ[]?{}=",
        "all,!db",
        "$(id)",
        "a;b",
        "@hosts",
        "/etc",
        "a:b",
        ".x",
        "_x",
        "-x",
        "a b",
        "x\n",
        "x" * 64,
    ],
)
@pytest.mark.parametrize(
    "step",
    [
        command("ansible", "all", "-m", "shell", "-a", "restart ${labels.pod}"),
        command("salt", "${labels.pod}", "test.ping"),
        command("psql", "-c", "select '${labels.pod}'"),
        command("make", "POD=${labels.pod}"),
        http("https://h/${labels.pod}"),
        http(body={"pod": "${labels.pod}"}),
        {"pipeline": {"start": {"http": {"url": "https://h/", "body": {"pod": "${labels.pod}"}}}}},
    ],
)
def test_a_value_that_is_no_plain_word_is_refused_whatever_program_takes_it(step: dict[str, Any], value: str) -> None:
    with pytest.raises(PlanError, match=r"does not match|characters that are not filled in"):
        make_plan("r", runbook(step), {"labels.pod": value})
    with pytest.raises(PlanError, match=r"does not match|characters that are not filled in"):
        make_plan("r", runbook(command("x"), rollback=[command("y", check=step)]), {"labels.pod": value})


def test_the_author_of_a_runbook_gives_a_placeholder_its_pattern_and_the_whole_value_has_to_match() -> None:
    step = command("ping", "${labels.instance}", "${service}")
    allowing = runbook(step, placeholders={"labels.instance": r"[0-9.]+:[0-9]+"})
    check_templates(allowing)
    values = {"labels.instance": "10.0.0.5:9100", "service": "web"}
    assert make_plan("r", allowing, values).steps[0].parameters["argv"] == ["ping", "10.0.0.5:9100", "web"]
    for bad in ("10.0.0.5:9100/x", "x10.0.0.5:9100", "10.0.0.5:9100\n", "web"):
        with pytest.raises(PlanError, match=r"labels\.instance"):
            make_plan("r", allowing, values | {"labels.instance": bad})
    with pytest.raises(PlanError, match=r"service.*placeholders: \{service: PATTERN\}"):
        make_plan("r", allowing, values | {"service": "team/web"})


@pytest.mark.parametrize(
    "placeholders, why",
    [
        ({"labels.pod": "["}, "labels.pod: .* is no regular expression"),
        ({"labels.other": ".*"}, r"no step has \$\{labels.other\}"),
        ({"pod": ".*"}, "is no placeholder; known are"),
    ],
)
def test_a_pattern_that_could_not_work_is_refused(placeholders: dict[str, str], why: str) -> None:
    with pytest.raises(PlanError, match=why):
        check_templates(runbook(command("x", "${labels.pod}"), placeholders=placeholders))


@pytest.mark.parametrize("label", ["app.kubernetes.io/name", "my-label", "größe", "a.b", "0", "k8s:pod/uid"])
def test_a_label_of_any_name_can_be_filled_in(label: str) -> None:
    made = make_plan("r", runbook(command("x", f"${{labels.{label}}}")), {f"labels.{label}": "web"})
    check_templates(runbook(command("x", f"${{labels.{label}}}")))
    assert made.steps[0].parameters["argv"] == ["x", "web"]
