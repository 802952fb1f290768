"""NannyML: results as rows, which ``results.filter(period="analysis").to_df(multilevel=False).to_json(orient="records",
date_format="iso")`` writes; with pandas' own names of two levels too.

https://nannyml.readthedocs.io/en/stable/tutorials/working_with_results.html

The last chunk says what fires now, and what has ended; those before it say since when.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from bot.domain.event import Event
from bot.domain.watched.finding import FindingKind
from handlers.http.authentication import bearer
from handlers.sources.lenient import converted
from handlers.sources.model_findings import MAX_CHECKS, Check, alert_of, opened
from handlers.sources.registry import Malformed, decoded, source

NAME = "nannyml"
_ALERT = "_alert"
_DRIFT_METHODS = ("jensen_shannon", "kolmogorov_smirnov", "wasserstein", "hellinger", "chi2", "l_infinity")
_MULTIVARIATE = ("reconstruction_error", "domain_classifier_auroc")
_OF_PERFORMANCE = (
    "roc_auc f1 precision recall specificity accuracy confusion_matrix average_precision business_value "
    "true_positive true_negative false_positive false_negative mae mape mse msle rmse rmsle"
)
_PERFORMANCE = frozenset(_OF_PERFORMANCE.split())
_LEVELS = re.compile(r"'([^']*)'")

Row = dict[str, Any]
_decode = msgspec.json.Decoder(Any).decode


class _Columns(NamedTuple):
    """What the columns of one check have in common: ``price_jensen_shannon`` of ``price_jensen_shannon_alert``."""

    name: str
    kind: FindingKind
    feature: str = ""


@source(NAME, verify=bearer)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    about, document = opened(decoded(_decode, body), "rows", headers, received_at)
    rows = [_flat(row) for row in converted(document, list[Row])]
    rows = [row for row in rows if row.get("chunk_period") != "reference"]
    if not rows:
        return []
    found = [name.removesuffix(_ALERT) for name in rows[-1] if name.endswith(_ALERT)]
    if not found:
        raise Malformed("the last row has no column whose name ends in _alert: send what to_df(multilevel=False) gives")
    if len(found) > MAX_CHECKS:
        raise Malformed(f"at most {MAX_CHECKS} checks are taken at once")
    return [alert_of(NAME, about, _check(_columns_of(name, rows[-1]), rows)) for name in found]


def _flat(row: Row) -> Row:
    """A row with names of one level: ``('price', 'jensen_shannon', 'alert')`` is ``price_jensen_shannon_alert``."""
    return {"_".join(_LEVELS.findall(name)) if name.startswith("('") else name: value for name, value in row.items()}


def _columns_of(name: str, row: Row) -> _Columns:
    if name in _MULTIVARIATE:
        return _Columns(name, FindingKind.MULTIVARIATE)
    if name in _PERFORMANCE:
        estimated = f"{name}_realized" in row or f"{name}_upper_confidence_boundary" in row
        return _Columns(name, FindingKind.ESTIMATED_PERFORMANCE if estimated else FindingKind.PERFORMANCE)
    for method in _DRIFT_METHODS:
        if name.endswith(f"_{method}"):
            return _Columns(name, FindingKind.DRIFT, name.removesuffix(f"_{method}"))
    return _Columns(name, FindingKind.QUALITY, name)


def _check(columns: _Columns, rows: list[Row]) -> Check:
    failed = rows[-1].get(columns.name + _ALERT) is True
    return Check(
        kind=columns.kind,
        name=columns.name,
        failed=failed,
        summary=_sentence(columns.name, rows[-1]),
        feature=columns.feature,
        began=_began(columns.name, rows) if failed else None,
    )


def _began(name: str, rows: list[Row]) -> datetime | None:
    """The beginning of the first of the last chunks that all fail; NannyML's moments without a zone are in UTC."""
    first = rows[-1]
    for row in reversed(rows):
        if row.get(name + _ALERT) is not True:
            break
        first = row
    try:
        began = datetime.fromisoformat(str(first.get("chunk_start_date")))
        return began.replace(tzinfo=UTC) if began.tzinfo is None else began.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _sentence(name: str, row: Row) -> str:
    value, low, high = (row.get(f"{name}_{part}") for part in ("value", "lower_threshold", "upper_threshold"))
    bounds = {"at least": low, "at most": high}
    expected = " and ".join(f"{word} {_shown(bound)}" for word, bound in bounds.items() if bound is not None)
    return f"{name} is {_shown(value)}" + (f", expected {expected}" if expected else "")


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)
