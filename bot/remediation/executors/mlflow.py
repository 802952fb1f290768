"""``mlflow``: says which version of a model or a prompt is served, by moving an alias or, in older registries, a stage.

https://mlflow.org/docs/latest/api_reference/rest-api.html

The version is a number; or the newest one ``before`` a number; or what another alias names. Each is the same however
often it is asked, so a step may be repeated after a crash. ``before: current`` is before the one that is served now:
asked twice it would go back twice, so such a step is never repeated. What was set is read back. A registry that is away
for a moment, as while it restarts, is asked again within the step's time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any, Literal

import aiohttp
from pydantic import ConfigDict, Field, StringConstraints, model_validator
from yarl import URL

from bot.remediation.executors.mlflow_registry import Away, Entry, Refused, Registry
from bot.remediation.executors.registry import executor, previews
from bot.remediation.executors.step import (
    PREVIEW_TIMEOUT,
    Foreseen,
    Outcome,
    StepContext,
    StepParameters,
    presentable,
)
from bot.remediation.executors.web import Headers, SecretMissing, Url, filled, session, shown

_CURRENT = "current"
_Act = Callable[[Registry, "MlflowParameters", str], Awaitable[str]]
_PATIENCE = 0.8
"""For this part of its time a step asks a registry that is away; the rest is for what it then has to do."""

# MLflow's own names have no slash and no colon; a quotation mark would end the filter in which a name is sent.
_Name = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^/:'\"\x00-\x1f]+$")]
_Version = Annotated[str, StringConstraints(pattern=r"^(?:[0-9]{1,9}|\$\{[\w.]+\})$")]


class MlflowParameters(StepParameters):
    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    repeatable: bool = True
    """Setting a version twice is harmless."""
    url: Url
    """The address of the MLflow server."""
    headers: Headers = Field(default={})
    """As for http."""
    model: _Name | None = None
    """The registered model."""
    prompt: _Name | None = None
    """Or the prompt, of which only an alias can be set."""
    alias: _Name | None = None
    """The alias to set."""
    stage: Literal["Staging", "Production", "Archived", "None"] | None = None
    """The stage to set, for older registries."""
    archive_others: bool = False
    """Archive what was in that stage."""
    version: _Version | None = None
    """This version."""
    before: _Version | Literal["current"] | None = None
    """The newest ready version before this one; `current` is the one that the alias or stage has now."""
    from_alias: _Name | None = None
    """The version that this alias names."""
    instead_of: _Version | None = None
    """Set the alias only while it names this version."""

    @model_validator(mode="before")
    @classmethod
    def _goes_back_once(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("before") != _CURRENT:
            return given
        if given.get("repeatable"):
            raise ValueError("before: current is another version the second time: leave out repeatable")
        return given | {"repeatable": False}

    @model_validator(mode="after")
    def _named(self) -> "MlflowParameters":
        if (self.model is None) == (self.prompt is None):
            raise ValueError("say either model or prompt")
        if self.prompt is not None and self.stage is not None:
            raise ValueError("a prompt has no stage: say alias")
        if (self.alias is None) == (self.stage is None):
            raise ValueError("say either alias or stage")
        if sum(one is not None for one in (self.version, self.before, self.from_alias)) != 1:
            raise ValueError("say one of version, before and from_alias")
        if self.alias is None and self.instead_of is not None:
            raise ValueError("instead_of is for an alias")
        if self.stage is None and self.archive_others:
            raise ValueError("archive_others is for a stage")
        return self

    @property
    def name(self) -> str:
        return self.model or self.prompt or ""


def describe(parameters: MlflowParameters) -> str:
    if parameters.version:
        which = f"version {parameters.version}"
    elif parameters.before:
        now = parameters.before == _CURRENT
        which = f"the newest version before {'the one that it has now' if now else parameters.before}"
    else:
        which = f"the version that {parameters.from_alias} names"
    what = f"alias {parameters.alias}" if parameters.alias else f"stage {parameters.stage}"
    only = f", if it is version {parameters.instead_of}" if parameters.instead_of else ""
    others = " (versions in it are archived)" if parameters.archive_others else ""
    named = f"prompt {parameters.prompt}" if parameters.prompt else parameters.name
    text = f"MLflow: set {what} of {named}{only} to {which}{others}"
    return "\n".join([text, f"at {parameters.url}", *shown(parameters.headers)])


@executor("mlflow", MlflowParameters, describe)
async def run(parameters: MlflowParameters, context: StepContext) -> Outcome:
    patience = _PATIENCE * parameters.timeout.total_seconds()
    done = await _with_registry(parameters, context, parameters.timeout, _performed, patience)
    return done if context.previewed else Outcome(done.ok, done.output)


@previews("mlflow")
async def preview(parameters: MlflowParameters, context: StepContext) -> Foreseen | None:
    """Which version would be served instead of which: only read, by the same rules."""
    seen = await _with_registry(parameters, context, min(parameters.timeout, PREVIEW_TIMEOUT), _foreseen)
    return Foreseen(seen.ok, seen.output, seen.digest)


async def _with_registry(
    parameters: MlflowParameters, context: StepContext, within: timedelta, act: _Act, patience: float = 0.0
) -> Outcome:
    seconds, secrets = within.total_seconds(), context.secrets
    try:
        headers = filled(parameters.headers, secrets)
        async with asyncio.timeout(seconds), session(headers) as client:
            entry = Entry(URL(parameters.url), parameters.name, parameters.prompt is not None)
            registry = Registry(client, entry, patience)
            target = await _target(registry, parameters)
            done = await act(registry, parameters, target)
            return Outcome(True, presentable(done.encode(), 0, context.hidden), f"version {target}")
    except TimeoutError:
        return Outcome(False, f"no answer within {seconds:g} s")
    except (SecretMissing, Refused, Away, aiohttp.ClientError, OSError, ValueError) as error:
        text = f"{error or type(error).__name__}".encode()
        return Outcome(False, presentable(text, 0, context.hidden))


async def _foreseen(registry: Registry, parameters: MlflowParameters, target: str) -> str:
    if parameters.alias:
        before, only = await registry.named_by(parameters.alias), parameters.instead_of
        if only is not None and before not in (only, target):
            raise Refused(f"{parameters.alias} of {registry.model} is {_named(before)}, not version {only}")
        same = " already: nothing would change" if before == target else f"; it is {_named(before)} now"
        return f"{parameters.alias} of {registry.model} would be version {target}{same}"
    stage = (await registry.version(target)).current_stage
    return f"version {target} of {registry.model} would be in {parameters.stage}; it is in {stage} now"


async def _performed(registry: Registry, parameters: MlflowParameters, target: str) -> str:
    if parameters.alias:
        return await _move_alias(registry, parameters.alias, target, parameters.instead_of)
    assert parameters.stage is not None  # as its validator saw to
    return await _move_stage(registry, parameters.stage, target, parameters.archive_others)


async def _target(registry: Registry, parameters: MlflowParameters) -> str:
    """The version that shall be served."""
    if parameters.version:
        return (await registry.version(parameters.version)).version
    if parameters.before == _CURRENT:
        return await registry.newest_before(await _current(registry, parameters))
    if parameters.before:
        return await registry.newest_before(int(parameters.before))
    assert parameters.from_alias is not None  # as its validator saw to
    named = await registry.named_by(parameters.from_alias)
    if named is None:
        raise Refused(f"{parameters.name} has no alias {parameters.from_alias}: nothing was set")
    return named


async def _current(registry: Registry, parameters: MlflowParameters) -> int:
    """The version that is served now; of several in a stage the newest."""
    if parameters.alias:
        named = await registry.named_by(parameters.alias)
        found = [named] if named is not None else []
    else:
        found = [one.version for one in await registry.versions() if one.current_stage == parameters.stage]
    if not found:
        has = f"alias {parameters.alias}" if parameters.alias else f"version in stage {parameters.stage}"
        raise Refused(f"{registry.model} has no {has}: nothing was set")
    return max(map(int, found))


async def _move_alias(registry: Registry, alias: str, target: str, instead_of: str | None) -> str:
    before = await registry.named_by(alias)
    if before == target:
        return f"{alias} of {registry.model} is version {target} already"
    if instead_of is not None and before != instead_of:
        raise Refused(f"{alias} of {registry.model} is {_named(before)}, not version {instead_of}: nothing was set")
    await registry.set_alias(alias, target)
    now = await registry.named_by(alias)
    if now != target:
        raise Refused(f"{alias} of {registry.model} was set to version {target}, and is {_named(now)}")
    return f"{alias} of {registry.model} is version {target}; it was {_named(before)}"


async def _move_stage(registry: Registry, stage: str, target: str, archive_others: bool) -> str:
    before = (await registry.version(target)).current_stage
    if before != stage or archive_others:
        await registry.set_stage(stage, target, archive_others)
    now = (await registry.version(target)).current_stage
    if now != stage:
        raise Refused(f"version {target} of {registry.model} was moved to {stage}, and is in {now}")
    return f"version {target} of {registry.model} is in {stage}; it was in {before}"


def _named(version: str | None) -> str:
    return "nothing" if version is None else f"version {version}"
