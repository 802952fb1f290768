"""Reads tandem.yaml: every error names file, line, key and, where a key is unknown, the nearest right one."""

import re
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bot.config.document import Document, Place, read_document
from bot.config.enrichment import read_steps
from bot.config.kubernetes import problems_of_kubernetes
from bot.config.model import Config
from bot.config.models import keys_of
from bot.config.monitors import problems_of_names, with_monitors
from bot.config.nearest import nearest
from bot.config.oncall import problems_of_on_call
from bot.config.read_files import ReadFiles
from bot.config.routes import problems_of_routes
from bot.config.swallowed import empty_by_comment, swallowed
from bot.config.topology import Graph, import_files, warnings_of
from bot.config.warnings import channels_swallowed, warnings_of_config
from bot.domain.access.permission import TEAM, Permissions
from bot.domain.access.person import is_group, is_user, schedule_of
from bot.domain.runbook import Runbook, Step
from bot.domain.watched.monitor import MonitorRules, by_name
from bot.errors import ConfigError, PlanError
from bot.remediation.executors import parameter_names, parameters_of
from bot.remediation.planning import check_templates
from bot.watches.models.kinds.registry import keys_of_monitors

_PYDANTIC_PREFIX = re.compile(r"^(Value error|Assertion failed), ")


def load_config(path: Path) -> tuple[Config, list[str]]:
    """The configuration, and warnings about what is allowed but unlikely to be meant.

    Raises ConfigError with a line per problem.
    """
    document = read_document(path)
    try:
        config = Config.model_validate(document.value)
        monitors = {name: model.monitors for name, model in config.models.items()}
        config = config.model_copy(update={"runbooks": config.runbooks | with_monitors(monitors, config.runbooks)})
    except ValidationError as error:
        raise ConfigError("\n".join(_lines_of(error, document))) from error
    found = (*channels_swallowed(config, document), *_problems_of(config))
    problems = [f"{document.where(place)}: {why}" for place, why in found]
    if problems:
        raise ConfigError("\n".join(problems))
    graph = _graph_of(config, document)
    imported = import_files(
        {
            document.where(("topology", "import", i)): path.parent / name
            for i, name in enumerate(config.topology.imports)
        }
    )
    graph.add(imported)
    sections = [(document.where(("enrich", i)), one) for i, one in enumerate(config.enrich)]
    steps = read_steps(sections, path.parent)
    return config.read_with(ReadFiles(path, imported.depends_on, imported.owners, steps)), [
        *warnings_of(graph),
        *warnings_of_config(config, document, graph),
    ]


def _lines_of(error: ValidationError, document: Document) -> Iterator[str]:
    comments = dict(swallowed(document))
    for problem in error.errors():
        place = tuple(problem["loc"])
        if place in comments:
            yield f"{document.where(place)}: {empty_by_comment(place, comments[place])}"
            continue
        if problem["type"] == "extra_forbidden":
            why = "is no known key" + nearest(str(place[-1]), _known_keys(place[:-1]))
        else:
            why = _PYDANTIC_PREFIX.sub("", problem["msg"])
        yield f"{document.where(place)}: {why}"


def _known_keys(place: Place) -> list[str]:
    """The keys that may stand at a place, found by walking the models' annotations."""
    annotation: Any = Config
    for part in place:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            field = annotation.model_fields.get(str(part))
            annotation = _bare(field.annotation) if field else None
        elif get_origin(annotation) in (dict, list, Mapping):
            annotation = _bare(get_args(annotation)[-1])
    if annotation is MonitorRules:
        return keys_of_monitors()
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return keys_of(annotation) if is_model else []


def _bare(annotation: Any) -> Any:
    """An annotation without ``Annotated`` and ``None``."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return _bare(next(arg for arg in get_args(annotation) if arg is not type(None)))
    return annotation


def _problems_of(config: Config) -> Iterator[tuple[Place, str]]:
    """What the types alone do not see."""
    if not config.teams:
        for right in Permissions.model_fields:
            if TEAM in config.permissions.named(right):
                yield ("permissions", right), "team is nobody, as there are no teams: describe them under teams"
    yield from problems_of_routes(config, config.schedules, config.escalations)
    yield from problems_of_on_call(config)
    yield from problems_of_names(config)
    for i, entry in enumerate(config.enrich):
        for label in sorted({*entry.labels} & {*config.correlation.partition_by}):
            why = f"{label} parts what may meet (correlation.partition_by): there only the alert's own word counts"
            yield ("enrich", i, *entry.key_of_labels), why
    if config.kubernetes and config.kubernetes.problem:
        yield ("kubernetes",), config.kubernetes.problem
    for name, runbook in config.runbooks.items():
        yield from _problems_of_runbook(name, runbook, config)


def _problems_of_runbook(name: str, runbook: Runbook, config: Config) -> Iterator[tuple[Place, str]]:
    for i, user in enumerate(runbook.approval.approvers):
        if not (is_user(user) or is_group(user) or schedule_of(user) is not None):
            why = f"{user!r} is no Slack user id: open the person's profile in Slack, ⋮, Copy member ID"
            yield ("runbooks", name, "approval", "approvers", i), f"{why}; a user group's begins with S"
    if runbook.approval.other_team and not config.teams:
        yield ("runbooks", name, "approval", "other_team"), "there are no teams: describe them under teams"
    if runbook.when.model is not None and runbook.when.model not in config.models:
        hint = nearest(runbook.when.model, config.models)
        yield ("runbooks", name, "when", "model"), f"there is no model {runbook.when.model!r}{hint}"
    verify = runbook.verify
    if runbook.autonomy and not (verify.alerts_resolved or verify.monitor or verify.query or verify.probes):
        yield ("runbooks", name, "autonomy"), "nothing verifies this runbook, so it can earn nothing: see verify"
    if why := _problem_of_monitor(runbook.verify.monitor, config):
        yield ("runbooks", name, "verify", "monitor"), why
    for i, query in enumerate(runbook.verify.query):
        if query.prometheus not in config.prometheus:
            known = nearest(query.prometheus, list(config.prometheus)) or ": describe it under prometheus"
            yield ("runbooks", name, "verify", "query", i), f"there is no Prometheus {query.prometheus!r}{known}"
    yield from _problems_of_steps(name, runbook)
    yield from problems_of_kubernetes(name, runbook, config.kubernetes)


def _problem_of_monitor(wanted: str | None, config: Config) -> str:
    known = [f"{model}/{monitor}" for model, rules in config.models.items() for monitor in by_name(rules.monitors)]
    if wanted is None or wanted in known:
        return ""
    return f"there is no monitor {wanted!r}" + (nearest(wanted, known) if known else ": no model has one")


def _problems_of_steps(name: str, runbook: Runbook) -> Iterator[tuple[Place, str]]:
    broken = False
    for phase, steps in (("steps", runbook.steps), ("rollback", runbook.rollback)):
        for i, step in enumerate(steps):
            for place, why in _problems_of_step(step):
                broken = True
                yield ("runbooks", name, phase, i, *place), why
    for step in runbook.verify.probes:
        for place, why in _problems_of_step(step):
            broken = True
            yield ("runbooks", name, "verify", *place), why
    if not broken:
        try:
            check_templates(runbook)
        except (PlanError, ValueError) as error:
            yield ("runbooks", name), str(error)


def _problems_of_step(step: Step) -> Iterator[tuple[Place, str]]:
    try:
        check = parameters_of(step.kind, step.parameters).check
        inner = Step.model_validate(check) if check is not None else None
    except ValidationError as error:
        yield from (((step.kind, *problem["loc"]), _why(problem, step.kind)) for problem in error.errors())
    except ValueError as error:
        yield (step.kind,), str(error)
    else:
        for place, why in _problems_of_step(inner) if inner else ():
            yield (step.kind, "check", *place), why


def _why(problem: ErrorDetails, kind: str) -> str:
    """What is wrong with a parameter; keys below the first level belong to no executor but to one of its parts."""
    if problem["type"] != "extra_forbidden":
        return _PYDANTIC_PREFIX.sub("", problem["msg"])
    known = parameter_names(kind) if len(problem["loc"]) == 1 else []
    return f"is no known key of {kind}" + nearest(str(problem["loc"][-1]), known)


def _graph_of(config: Config, document: Document) -> Graph:
    """The topology that tandem.yaml itself describes."""
    graph = Graph()
    for section, name, one in config.described():
        graph.describe(name, document.where((section, name)))
        for place, other in one.dependencies:
            graph.connect(name, other, document.where((section, name, *place)))
    return graph
