"""What a check measured, beside what it concludes: for the history, for charts and for metrics."""

import msgspec


class Measured(msgspec.Struct, frozen=True, omit_defaults=True):
    """The figures of a check, bounded in number.

    ``metric`` is what ``value`` is of, such as recall, or psi for the column that moved most; ``limit`` is what it must
    not cross, ``reference`` what it is on the reference. ``psi`` are the columns that moved most, ``missing`` the
    shares of those that have missing values, here or in the reference.
    """

    metric: str = ""
    value: float | None = None
    limit: float | None = None
    reference: float | None = None
    psi: dict[str, float] = {}
    missing: dict[str, float] = {}


class ColumnLook(msgspec.Struct, frozen=True):
    """A column beside its reference: shares of the rows in percent by bin or category, missing values last."""

    column: str
    psi: float | None
    missing_reference: float
    missing_now: float
    bins: list[str]
    reference: list[float]
    now: list[float]
