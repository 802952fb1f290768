"""A row of a model's data, as it is sent."""

from datetime import datetime
from typing import Annotated, Any, TypeAlias

import msgspec

Scalar: TypeAlias = bool | int | float | str | None
Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]


class PredictionRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a model said: ``id`` is what a label will name. ``timestamp`` is when it said so, the receipt by default.

    ``scores`` are by class, ``quantiles`` by level; a ``label`` that is known already is kept as a label.
    """

    id: str | int
    features: dict[str, Any] = {}
    prediction: Scalar = None
    score: float | None = None
    timestamp: Moment | None = None
    version: str | None = None
    scores: dict[str, float | None] = {}
    quantiles: dict[str, float | None] = {}
    label: Scalar = None


class LabelRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What was true. ``timestamp`` is when that became known: of several labels of an id the last one holds."""

    id: str | int
    label: Scalar
    timestamp: Moment | None = None


class ReferenceDataRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A row of training or validation data, with what the model says of it and what was true, where that is known."""

    features: dict[str, Any]
    id: str | int | None = None
    prediction: Scalar = None
    score: float | None = None
    label: Scalar = None
    timestamp: Moment | None = None
    version: str | None = None
    scores: dict[str, float | None] = {}
    quantiles: dict[str, float | None] = {}
