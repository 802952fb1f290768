"""Plans: a value from outside fills a part of one argument, and can never become anything else."""

import json
import shlex
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.domain.run import Plan
from bot.domain.runbook import Runbook
from bot.errors import PlanError
from bot.remediation.placeholders import MAX_VALUE
from bot.remediation.planning import MAX_PLAN, check_templates, make_plan
from tests.unit.strategies import hostile

VALUES = {"service": "checkout", "incident.number": "12", "incident.severity": "critical", "labels.pod": "web-1"}
evil = hostile | st.sampled_from(
    [
        "-rf",
        "--all",
        "../../etc/passwd",
        "..",
        ".",
        "a/../b",
        "$(reboot)",
        "a;b",
        "a b",
        "'",
        '"',
        "\\",
        "`x`",
        "%2e%2e",
        "@evil",
    ]
)


def runbook(*steps: dict[str, Any], **more: Any) -> Runbook:
    written = {"title": "T", "when": {"service": "x"}, "steps": list(steps), "approval": {"approvers": ["U1"]}}
    return Runbook.model_validate(written | more)


def command(*argv: str, **more: Any) -> dict[str, Any]:
    return {"command": {"argv": list(argv), **more}}


def http(url: str = "https://h/", **more: Any) -> dict[str, Any]:
    return {"http": {"url": url, **more}}


def planned(*steps: dict[str, Any], **values: str) -> Plan:
    """Its runbook lets any text be filled in: what is refused all the same is refused everywhere."""
    given_values = VALUES | {name.replace("_", ".", 1): value for name, value in values.items()}
    return make_plan("r", runbook(*steps, placeholders=dict.fromkeys(given_values, "(?s:.*)")), given_values)


def parameters(step: dict[str, Any], **values: str) -> dict[str, Any]:
    return planned(step, **values).steps[0].parameters


def test_placeholders_are_filled_in_wherever_a_value_may_stand() -> None:
    step = command("scale", "${service}", "--pod=${labels.pod}", "#${incident.number}-${incident.severity}", "$$HOME")
    assert parameters(step)["argv"] == ["scale", "checkout", "--pod=web-1", "#12-critical", "$HOME"]
    made = parameters(http("https://h/${service}?pod=${labels.pod}", body={"names": ["${service}"], "n": 3}))
    assert made["url"] == "https://h/checkout?pod=web-1"
    assert made["body"] == {"names": ["checkout"], "n": 3}


def test_a_plan_says_exactly_what_will_run() -> None:
    check = command("is-scaled", "${service}")
    plan = make_plan(
        "r", runbook(command("scale", "a b", check=check), rollback=[command("undo", "${service}")]), VALUES
    )
    assert plan.steps[0].text == "scale 'a b'\n  (if a crash interrupts it, asks: is-scaled checkout)"
    assert plan.steps[0].check is not None
    assert plan.steps[0].check.parameters["argv"] == ["is-scaled", "checkout"]
    assert "check" not in plan.steps[0].parameters
    assert plan.rollback[0].text == "undo checkout"


@given(evil)
def test_a_value_stays_within_its_argument_or_is_refused(value: str) -> None:
    try:
        plan = planned(command("scale", "${labels.pod}", "--to=${labels.pod}!", "last"), labels_pod=value)
    except PlanError:
        return
    argv = plan.steps[0].parameters["argv"]
    assert argv == ["scale", value, f"--to={value}!", "last"]
    assert not value.startswith("-")
    assert value.isprintable()
    assert shlex.split(plan.steps[0].text) == argv


@given(evil)
def test_a_value_stays_within_its_part_of_an_address_or_is_refused(value: str) -> None:
    try:
        url = parameters(http("https://h:8/a/${labels.pod}/b?c=${labels.pod}&d=1#e"), labels_pod=value)["url"]
    except PlanError:
        return
    split = urlsplit(url)
    assert split.netloc == "h:8"
    assert [unquote(part) for part in split.path.split("/")] == ["", "a", value, "b"]
    assert [unquote(part) for part in split.query.split("&")] == [f"c={value}", "d=1"]
    assert split.fragment == "e"


@given(evil)
def test_a_value_stays_one_value_of_a_body_or_is_refused(value: str) -> None:
    body = {"service": "${labels.pod}", "dry_run": True, "${labels.pod}": 1}
    try:
        made = parameters(http(body=body), labels_pod=value)["body"]
    except PlanError:
        return
    assert json.loads(json.dumps(made)) == {"service": value, "dry_run": True, "${labels.pod}": 1}


@given(evil)
def test_a_value_cannot_break_out_of_a_body_that_is_one_text(value: str) -> None:
    try:
        made = parameters(http(body='{"service": "${labels.pod}", "dry_run": true}'), labels_pod=value)["body"]
    except PlanError:
        return
    assert json.loads(made) == {"service": value, "dry_run": True}


@pytest.mark.parametrize("value", ['x", "dry_run": false, "y": "', "a&b=c", "a b", "<x>", "a\\", "'", "a+b", "a%20b"])
def test_what_could_end_a_part_of_a_text_is_not_put_into_one(value: str) -> None:
    with pytest.raises(PlanError, match="write the body as a mapping"):
        planned(http(body="service=${labels.pod}"), labels_pod=value)
    assert parameters(http(body={"service": "${labels.pod}"}), labels_pod=value)["body"] == {"service": value}


@pytest.mark.parametrize("value", ["-", "-rf", "--all"])
def test_a_value_is_never_an_option(value: str) -> None:
    with pytest.raises(PlanError, match="would be taken for an option"):
        planned(command("rm", "${labels.pod}x"), labels_pod=value)
    assert parameters(command("rm", "x${labels.pod}"), labels_pod=value)["argv"] == ["rm", f"x{value}"]


@pytest.mark.parametrize(
    "template, value",
    [
        ("/data/${labels.pod}", ".."),
        ("/data/${labels.pod}", "."),
        ("/data/${labels.pod}", "../etc"),
        ("/data/${labels.pod}", "a/../../etc"),
        ("/data/${labels.pod}", "a/.."),
        ("/data/.${labels.pod}", "./etc"),
        ("/data/${labels.pod}./x", "a/."),
        ("/data/${labels.pod}${labels.pod}", "./x/."),
    ],
)
def test_a_value_never_leads_out_of_its_path(template: str, value: str) -> None:
    with pytest.raises(PlanError, match="out of"):
        planned(command("ls", template), labels_pod=value)


@pytest.mark.parametrize("value", ["...", "a..b", "v1..v2/x", ".hidden", "a/b", "/var/log"])
def test_a_path_that_stays_below_is_filled_in(value: str) -> None:
    assert parameters(command("ls", "../x/${labels.pod}"), labels_pod=value)["argv"][1] == f"../x/{value}"


@pytest.mark.parametrize(
    "value",
    [
        "a\nb",
        "a\x00",
        "\x1b[31m",
        "a`b",
        "a\u200bb",
        "\u202eabc",
        "a\u00adb",
        "\U000e0041",
        "a\u00a0b",
        "x" * (MAX_VALUE + 1),
    ],
)
def test_a_value_that_people_could_not_read_before_approving_is_refused(value: str) -> None:
    with pytest.raises(PlanError, match="too long or has characters"):
        planned(command("x", "${labels.pod}"), labels_pod=value)


@pytest.mark.parametrize("name", ["service", "labels.pod", "labels.never", "incident.number"])
def test_a_missing_or_empty_value_is_named(name: str) -> None:
    values = {given_name: value for given_name, value in VALUES.items() if given_name != name}
    for lacking in (values, values | {name: ""}):
        with pytest.raises(PlanError, match="gives no value for"):
            make_plan("r", runbook(command("x", f"${{{name}}}")), lacking)


@pytest.mark.parametrize(
    "name",
    ["", " service", "servce", "labels", "labels.", "labels.a b", "labels.$x", "incident.title", "env.HOME", "$x"],
)
def test_an_unknown_placeholder_is_refused_and_the_known_are_named(name: str) -> None:
    with pytest.raises(PlanError, match="is no placeholder; known are"):
        check_templates(runbook(command("x", f"${{{name}}}")))


@pytest.mark.parametrize("text", ["$", "$x", "${", "$(x)", "{service}", "$$", "$${service}", "}"])
def test_what_is_no_placeholder_is_text(text: str) -> None:
    assert parameters(command("x", text))["argv"][1] == text.replace("$$", "$")


@pytest.mark.parametrize(
    "step, why",
    [
        (command("${service}"), "may not choose the program"),
        (command("/bin/${service}", "x"), "may not choose the program"),
        (command("sh", "-c", "restart ${service}"), "sh would run what a value says"),
        (command("/usr/bin/bash", "${service}"), "bash would run"),
        (command("timeout", "5", "python3.11", "-c", "print('${service}')"), "python3.11 would run"),
        (command("docker", "exec", "c", "ash", "-c", "x ${service}"), "ash would run"),
        (command("nodejs", "-e", "${service}"), "nodejs would run"),
        (command("env", "${service}"), "env would run"),
        (command("ssh", "h", "${service}"), "ssh would run"),
        (command("x", env={"A": "${service}"}), "env: no placeholder"),
        (command("x", cwd="/${service}"), "cwd: no placeholder"),
        (http("${labels.url}"), "may not choose the host"),
        (http("https://${service}"), "may not choose the host"),
        (http("https://x.${service}:80/a"), "may not choose the host"),
        (http("https://u:${service}@h/"), "may not choose the host"),
        (http("${service}://h/"), "may not choose the host"),
        (http("https:///${service}/"), "may not choose the host"),
        (http("https:\\\\${service}/"), "may not choose the host"),
        (http(headers={"X": "${service}"}), "headers: no placeholder"),
        (http(method="${service}"), "method: no placeholder"),
        (command("x", check=command("sh", "${service}")), "sh would run"),
        (command("x", check=command("y", check=command("z"))), "no check of its own"),
    ],
)
def test_where_a_value_could_do_harm_no_placeholder_may_stand(step: dict[str, Any], why: str) -> None:
    with pytest.raises(PlanError, match=why):
        check_templates(runbook(step))
    with pytest.raises(PlanError, match=why):
        check_templates(runbook(command("x"), rollback=[step]))
    with pytest.raises(PlanError, match=why):
        planned(step)


@pytest.mark.parametrize("step", [command("sh", "-c", "echo $$HOME"), command("sh", "script.sh"), http("https://h/$$")])
def test_where_no_value_stands_everything_may_be_written(step: dict[str, Any]) -> None:
    check_templates(runbook(step))


def test_a_dollar_in_a_value_is_not_filled_in_again() -> None:
    assert parameters(command("x", "${labels.pod}"), labels_pod="${service}$$")["argv"][1] == "${service}$$"


@given(
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=3), min_size=1, max_size=2), st.integers(1, 900)
)
def test_a_plan_that_is_too_long_to_be_read_in_slack_is_refused(pieces: list[str], times: int) -> None:
    argument = "".join(pieces) * times
    assume("\0" not in argument)
    try:
        plan = planned(command("x", argument.replace("$", "")))
    except PlanError as error:
        assert "too long to be read" in str(error)
        assert len(argument) * 5 + 20 > MAX_PLAN
    else:
        assert len(plan.steps[0].text.encode("utf-16-le")) // 2 <= MAX_PLAN


def test_steps_and_rollback_are_measured_each_by_itself() -> None:
    long = command("x", "y" * 1500)
    make_plan("r", runbook(long, rollback=[long]), VALUES)
    for steps, rollback in (([long, long], []), ([command("x")], [long, long])):
        with pytest.raises(PlanError, match="too long to be read"):
            make_plan("r", runbook(*steps, rollback=rollback), VALUES)


def test_placeholders_of_a_preview_are_filled_in_as_those_of_its_step() -> None:
    made = parameters(command("scale", preview=["scale", "--dry-run", "${service}"]))
    assert made["preview"]["argv"] == ["scale", "--dry-run", "checkout"]
    asked = {"url": "https://h/${labels.pod}?dry=1", "body": {"for": "${service}"}, "method": "POST"}
    made = parameters(http(preview=asked), labels_pod="a/b")
    assert (made["preview"]["url"], made["preview"]["body"]) == ("https://h/a%2Fb?dry=1", {"for": "checkout"})


@pytest.mark.parametrize(
    "step",
    [
        command("scale", preview=["sh", "-c", "${service}"]),
        command("scale", preview=["${service}"]),
        command("scale", preview={"argv": ["a", "${nonsense}"]}),
        http(preview="https://${service}/x"),
        http(preview={"url": "https://h/x", "headers": {"X": "${service}"}}),
    ],
)
def test_a_placeholder_in_a_preview_may_stand_only_where_it_may_in_its_step(step: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        check_templates(runbook(step))


@pytest.mark.parametrize("value", ["-rf", "../x", "a b;"])
def test_a_value_that_could_do_harm_is_not_filled_into_a_preview(value: str) -> None:
    with pytest.raises(PlanError):
        make_plan("r", runbook(command("scale", preview=["scale", "${service}"])), {"service": value})


def test_a_plan_without_a_preview_is_the_same_as_before_there_were_any() -> None:
    assert "preview" not in parameters(command("scale")) and "preview" not in parameters(http())
