"""From a runbook to a plan: every placeholder filled in, so that people see exactly what will run.

``${service}``, ``${labels.NAME}``, ``${incident.number}`` and ``${incident.severity}`` stand for what the incident is
about; ``$$`` is a dollar sign. A value comes from outside: it fills a part of one argument and can never become an
option, another argument, another host or code.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from bot.domain.run import Plan, PlannedStep
from bot.domain.runbook import Runbook, Step, definition_hash
from bot.domain.runs.burn_rate import PlannedBurnRate
from bot.domain.runs.parameter import Value
from bot.domain.runs.query import PlannedQuery, Query
from bot.errors import PlanError
from bot.incidents.placeholder import KNOWN, PARAMETER, PLACEHOLDER, is_known, names_in, placeholders_of
from bot.remediation.executors import describe, holds_steps, parameters_of
from bot.remediation.executors.json_step import INNER_KINDS
from bot.remediation.placeholders import Values, check_patterns

MAX_PLAN = 2500
_PREVIEW = "preview"
_WORD = re.compile(r"[\w.:/@-]+")
_TYPED = ("body", "set")
"""Parameters whose values have types of their own: there the placeholder of a number is a number."""
_AUTHORITY = re.compile(r"[^:/?#]*:?/*[^/?#]*")
# Programs that take code, or another program's command line, among their arguments.
_INTERPRETERS = re.compile(
    r"(?:a|ba|da|z|k|mk|fi|c|tc|s|pw)?sh|(?:python|pypy|perl|ruby|node|nodejs|php|lua)[\d.]*|[gmn]?awk|sed|busybox"
    r"|env|xargs|eval|sudo|doas|su|nsenter|watch|find"
)

Fill = Callable[[str], str]


def make_plan(
    name: str, runbook: Runbook, values: Mapping[str, str], parameters: Mapping[str, Value] | None = None
) -> Plan:
    """The plan of a runbook for an incident, with the defaults of its parameters unless others are given.

    Raises PlanError where a value is missing, unsafe or outside of its bounds.
    """
    chosen = _chosen(runbook, parameters or {})
    given = Values(values, runbook.placeholders, chosen)
    steps = [_planned(step, given) for step in runbook.steps]
    rollback = [_planned(step, given) for step in runbook.rollback]
    for phase, planned in (("plan", steps), ("rollback", rollback)):
        if _shown_length(planned) > MAX_PLAN:
            raise PlanError(f"the {phase} is longer than {MAX_PLAN} characters, too long to be read before approving")
    return Plan(
        runbook=name,
        definition=definition_hash(runbook),
        title=runbook.title,
        steps=steps,
        rollback=rollback,
        verify_within=runbook.verify.within.total_seconds(),
        alerts_resolved=runbook.verify.alerts_resolved,
        stable_for=_seconds(runbook.verify.stable_for),
        monitor=runbook.verify.monitor or "",
        targets=_targets(name, runbook, values),
        parameters=chosen,
        queries=[_query(query, given) for query in runbook.verify.query],
        probes=[_planned(step, given) for step in runbook.verify.probes],
    )


def _query(query: Query, values: Values) -> PlannedQuery:
    """A value fills a part of the expression: one plain word, which can end no string and add no operator."""
    rate = PlannedBurnRate.of(query.burn_rate) if query.burn_rate else None
    expr = _fill(query.expr, values, _plain_word)
    return PlannedQuery(**query.model_dump(exclude={"expr", "burn_rate"}), expr=expr, burn_rate=rate)


def _chosen(runbook: Runbook, given: Mapping[str, Value]) -> dict[str, Value]:
    chosen = {name: given.get(name, one.default) for name, one in runbook.parameters.items()}
    for name, value in chosen.items():
        if why := runbook.parameters[name].why_not(value):
            raise PlanError(f"{name}: {why}")
    return chosen


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _targets(name: str, runbook: Runbook, values: Mapping[str, str]) -> list[str]:
    """The services that it acts on: the one that it is for, and the one that it names. Without any, it is its own."""
    steps = [*runbook.steps, *runbook.rollback]
    named = any("${service}" in text for step in steps for _, text in _texts(step.parameters))
    service = values.get("service", "")
    wanted = [runbook.when.service or runbook.when.model or service, service if named else ""]
    return sorted({one for one in wanted if one}) or [f"runbook {name}"]


def check_templates(runbook: Runbook) -> None:
    """Raises PlanError where a placeholder is unknown or stands where a value could do harm."""
    for step in [*runbook.steps, *runbook.rollback, *runbook.verify.probes]:
        _check_step(step)
    for query in runbook.verify.query:
        _check_names("verify.query", query.expr)
    used = placeholders_of(runbook)
    check_patterns(runbook.placeholders, used)
    wanted = {name.removeprefix(PARAMETER) for name in used if name.startswith(PARAMETER)}
    if unknown := sorted(wanted - runbook.parameters.keys()):
        raise PlanError(f"${{{PARAMETER}{unknown[0]}}} is not described under parameters")
    if unused := sorted(runbook.parameters.keys() - wanted):
        raise PlanError(f"parameters: no step has ${{{PARAMETER}{unused[0]}}}")


def _shown_length(steps: list[PlannedStep]) -> int:
    """As Slack counts, in UTF-16 units; it escapes ``&``, ``<`` and ``>``, and we a backtick in a code block."""
    text = "\n".join(step.text for step in steps)
    return len(text.encode("utf-16-le")) // 2 + 4 * sum(text.count(mark) for mark in "&<>") + text.count("`")


def _planned(step: Step, values: Values) -> PlannedStep:
    _check_step(step)
    given = {key: value for key, value in step.parameters.items() if key != "check"}
    try:
        parameters = parameters_of(step.kind, _filled_parameters(step.kind, given, values))
    except ValidationError as error:
        raise PlanError(f"{step.kind}: {error.errors()[0]['msg']}") from error
    check = step.parameters.get("check")
    text = describe(step.kind, parameters)
    if check is not None:
        planned_check = _planned(Step.model_validate(check), values)
        text += f"\n  (if a crash interrupts it, asks: {planned_check.text})"
    return PlannedStep(
        kind=step.kind,
        parameters=parameters.model_dump(mode="json", exclude={"check"}),
        text=text,
        repeatable=parameters.repeatable,
        check=planned_check if check is not None else None,
    )


def _filled_parameters(kind: str, given: Mapping[str, Any], values: Values) -> dict[str, Any]:
    if holds_steps(kind):
        return {key: _filled_around(value, values) for key, value in given.items()}
    filled = {
        key: _filled(value, values, _encoding(key, value), numbers=key in _TYPED and not isinstance(value, str))
        for key, value in given.items()
        if key != _PREVIEW
    }
    if asked := _preview_in(given):
        filled[_PREVIEW] = _filled_parameters(kind, asked, values)
    return filled


def _preview_in(given: Mapping[str, Any]) -> dict[str, Any]:
    """How a step is previewed, whose parameters are those of a step of its kind; empty where it is not."""
    asked = given.get(_PREVIEW)
    if isinstance(asked, str | list):
        return {"url" if isinstance(asked, str) else "argv": asked}
    return asked if isinstance(asked, dict) else {}


def _filled_around(value: Any, values: Values) -> Any:
    """A parameter that may be a step, or hold some, each filled in as a step of its kind is."""
    inner = _as_step(value)
    if inner is not None:
        return {inner.kind: _filled_parameters(inner.kind, inner.parameters, values)}
    if isinstance(value, dict):
        return {name: _filled_around(item, values) for name, item in value.items()}
    return _filled(value, values, str)


def _as_step(value: Any) -> Step | None:
    if isinstance(value, dict) and len(value) == 1:
        kind, parameters = next(iter(value.items()))
        if kind in INNER_KINDS and isinstance(parameters, dict):
            return Step.model_validate(value)
    return None


def _filled(value: Any, values: Values, encode: Fill, *, numbers: bool = False) -> Any:
    """A parameter with its placeholders filled in; the structure stays as it is written.

    With ``numbers``, a text that is nothing but the placeholder of a number becomes that number.
    """
    if isinstance(value, str):
        alone = PLACEHOLDER.fullmatch(value) if numbers else None
        number = values.number(alone[1]) if alone and alone[1] else None
        return _fill(value, values, encode) if number is None else number
    if isinstance(value, list):
        return [_filled(item, values, encode, numbers=numbers) for item in value]
    if isinstance(value, dict):
        return {name: _filled(item, values, encode, numbers=numbers) for name, item in value.items()}
    return value


def _encoding(key: str, value: Any) -> Fill:
    if key == "url":
        return lambda text: quote(text, safe="")
    return _plain_word if key == "body" and isinstance(value, str) else str


def _plain_word(value: str) -> str:
    """A body that is one text has a syntax that we do not know: what could end a part of it is not put in."""
    if not _WORD.fullmatch(value):
        raise PlanError(f"{value!r} cannot be put into a text: write the body as a mapping, where it stays one value")
    return value


def _fill(template: str, values: Values, encode: Fill) -> str:
    def replaced(found: re.Match[str]) -> str:
        if found[1] is None:
            return "$"
        value = values.take(found[1])
        if value == "." or _steps_up(value):
            raise PlanError(f"the value of ${{{found[1]}}} leads out of its path")
        if found.start() == 0 and value.startswith("-"):
            raise PlanError(f"the value of ${{{found[1]}}} begins with a dash and would be taken for an option")
        return encode(value)

    filled = PLACEHOLDER.sub(replaced, template)
    if _steps_up(filled) > _steps_up(template):
        raise PlanError(f"{filled!r} leads out of the path of {template!r}")
    return filled


def _steps_up(path: str) -> int:
    return path.split("/").count("..")


def _check_step(step: Step) -> None:
    for key, text in _texts(step.parameters):
        _check_names(key, text)
    if step.kind == "command":
        _check_command(step.parameters)
    url = step.parameters.get("url")
    if isinstance(url, str) and _has_placeholder(_authority_of(url)):
        raise PlanError("url: a placeholder may not choose the host that is called")
    for name in ("headers", "env", "cwd", "method"):
        if any(_has_placeholder(text) for _, text in _texts({name: step.parameters.get(name)})):
            raise PlanError(f"{name}: no placeholder is filled in here")
    if asked := _preview_in(step.parameters):
        _check_step(Step.model_validate({step.kind: asked}))
    if holds_steps(step.kind):
        for held in _held_by(step.parameters):
            _check_step(held)
    check = step.parameters.get("check")
    if check is not None:
        inner = Step.model_validate(check)
        if "check" in inner.parameters:
            raise PlanError("check: a check has no check of its own")
        parameters_of(inner.kind, inner.parameters)
        _check_step(inner)


def _check_names(key: str, text: str) -> None:
    for name in names_in(text):
        if not is_known(name):
            raise PlanError(f"{key}: ${{{name}}} is no placeholder; known are {KNOWN} ($$ is a dollar sign)")


def _held_by(value: Any) -> Iterator[Step]:
    """The steps among the parameters of a step."""
    inner = _as_step(value)
    if inner is not None:
        yield inner
    elif isinstance(value, dict):
        for item in value.values():
            yield from _held_by(item)


def _authority_of(url: str) -> str:
    found = _AUTHORITY.match(url)
    return found[0] if found else url


def _check_command(parameters: Mapping[str, Any]) -> None:
    argv = parameters.get("argv")
    if not isinstance(argv, list) or not argv:
        return
    if _has_placeholder(str(argv[0])):
        raise PlanError("argv: a placeholder may not choose the program")
    program = next((name for name in map(_name_of, argv) if _INTERPRETERS.fullmatch(name)), None)
    if program and any(_has_placeholder(str(argument)) for argument in argv[1:]):
        raise PlanError(f"argv: {program} would run what a value says: call the program itself, or a script of yours")


def _name_of(argument: Any) -> str:
    return PurePath(str(argument)).name


def _has_placeholder(text: str) -> bool:
    return bool(names_in(text))


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a structure, with the key it stands under."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, key)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name != "check":
                yield from _texts(item, key or str(name))
