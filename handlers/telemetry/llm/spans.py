"""What a span shows of a call of a language model or of a tool: observations, for the tallies of an application."""

from collections.abc import Iterator

import msgspec

from bot.domain.llm.observed import Measure
from bot.domain.llm.prices import Prices
from handlers.telemetry.llm import names
from handlers.telemetry.llm.reading import Found, as_name, name, number
from handlers.telemetry.llm.tallies import Observation, Version

_MOST_LISTED = 20
_MOST_AMOUNT = 1e12


class _Linked(msgspec.Struct, frozen=True):
    name: str = ""
    version: str | int = ""


class _Parameters(msgspec.Struct, frozen=True):
    model: str = ""


_decode_parameters = msgspec.json.Decoder(_Parameters).decode
_decode_linked = msgspec.json.Decoder(list[_Linked]).decode


def is_of_models(found: Found) -> bool:
    """Whether a span is a call of a model."""
    words = {name(found, names.OPERATION).lower(), name(found, names.KIND).lower()} - {""}
    if words & names.CALLS:
        return True
    if words & (names.TOOLS | names.OTHERS):
        return False
    return bool(name(found, names.PROVIDER) and model_of(found))


def is_of_tools(found: Found) -> bool:
    words = {name(found, names.OPERATION).lower(), name(found, names.KIND).lower()}
    return bool(words & names.TOOLS)


def version_of(found: Found, inherited: Version | None = None) -> Version:
    """``inherited`` is what spans around it say of the prompt."""
    model = model_of(found)
    prompt, version = prompt_of(found)
    if inherited is not None and not prompt:
        prompt, version = inherited.prompt, version or inherited.version
    return Version(model, prompt, version)


def model_of(found: Found) -> str:
    """The model that was asked for; where that is not named, the one that answered."""
    given = found.get(next((key for key in names.PARAMETERS if key in found), ""))
    if isinstance(given, str):
        try:
            asked = as_name(_decode_parameters(given).model)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            asked = ""
        if asked:
            return asked
    return name(found, (*names.ASKED_MODEL, *names.ANSWERING_MODEL))


def prompt_of(found: Found) -> tuple[str, str]:
    """The name of a prompt and its version; empty where they are not given."""
    prompt, version = name(found, names.PROMPT), name(found, names.VERSION)
    linked = found.get(names.LINKED_PROMPTS)
    if not prompt and isinstance(linked, str):
        try:
            first = next(iter(_decode_linked(linked)), _Linked())
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            first = _Linked()
        prompt, version = as_name(first.name), as_name(str(first.version))
    return prompt, version


def of_call(found: Found, failed: bool, seconds: float, prices: Prices) -> Iterator[Observation]:
    """What a call of a model shows. Of one that failed only that: its time and tokens say little."""
    yield Observation(Measure.ERRORS, "", float(failed))
    if failed:
        return
    yield Observation(Measure.LATENCY, "", seconds)
    given, answered = _amount(found, names.INPUT_TOKENS), _amount(found, names.OUTPUT_TOKENS)
    if given is not None:
        yield Observation(Measure.INPUT_TOKENS, "", given)
    if answered is not None:
        yield Observation(Measure.OUTPUT_TOKENS, "", answered)
    cost = _cost(found, given, answered, prices)
    if cost is not None:
        yield Observation(Measure.COST, "", cost)
    reasons = str(found.get(next((key for key in names.FINISHED if key in found), ""), "")).lower()
    if reasons:
        yield Observation(Measure.REFUSALS, "", float(bool(set(reasons.split(",")) & names.REFUSED)))


def of_tool(found: Found, failed: bool) -> Observation:
    return Observation(Measure.TOOL_FAILURES, name(found, names.TOOL), float(failed))


def of_evaluation(found: Found) -> Observation | None:
    """An evaluation's result, by its score, or else by a label whose meaning is plain; None where it has neither."""
    return _evaluated(
        name(found, names.EVALUATION), number(found, names.SCORE), name(found, names.LABEL), name(found, names.ERROR)
    )


def listed_evaluations(found: Found) -> Iterator[Observation]:
    """Those that OpenInference lists at the span which they are of."""
    listed: dict[str, dict[str, Found]] = {}
    for key, value in found.items():
        if key.startswith(names.LISTED):
            which, _, field = key.rpartition(".")
            listed.setdefault(which, {})[field] = {field: value}
    for _, fields in list(listed.items())[:_MOST_LISTED]:
        score, label = number(fields.get("score", {}), ("score",)), name(fields.get("label", {}), ("label",))
        result = _evaluated(name(fields.get("name", {}), ("name",)), score, label, "")
        if result is not None:
            yield result


def _evaluated(of: str, score: float | None, label: str, error: str) -> Observation | None:
    if error:
        return None
    word = label.lower().replace(" ", "_")
    if score is None and word in names.GOOD | names.BAD:
        score = float(word in names.GOOD)
    return None if score is None else Observation(Measure.SCORE, of, min(max(score, -_MOST_AMOUNT), _MOST_AMOUNT))


def _amount(found: Found, keys: tuple[str, ...]) -> float | None:
    amount = number(found, keys)
    return None if amount is None else min(max(amount, 0.0), _MOST_AMOUNT)


def _cost(found: Found, given: float | None, answered: float | None, prices: Prices) -> float | None:
    """As the sender says, or by the table: first by the model that was asked for, then by the one that answered."""
    told = _amount(found, names.COST)
    if told is not None:
        return told
    if given is None and answered is None:
        return None
    for model in (model_of(found), name(found, names.ANSWERING_MODEL)):
        price = prices.of(model)
        if price is not None:
            return price.of(given or 0.0, answered or 0.0, _amount(found, names.CACHED_TOKENS) or 0.0)
    return None
