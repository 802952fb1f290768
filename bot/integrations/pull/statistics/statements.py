"""The statements by which a database counts. Pure."""

from collections.abc import Sequence

from bot.integrations.pull.statistics.dialect import less_than


def cells(source: str, number: str, thresholds: Sequence[float], within: tuple[float, float] | None = None) -> str:
    """How many rows lie between the thresholds, and from where to where; of those ``within`` two values alone.

    The comparisons are a tree, so that a row takes a few of them, however many thresholds there are.
    """
    where = "value IS NOT NULL"
    if within is not None:
        where += f" AND NOT ({less_than('value', within[0])}) AND value <= {_literal(within[1])}"
    return (
        "SELECT place, COUNT(*) AS n, MIN(value) AS least, MAX(value) AS greatest FROM"
        f" (SELECT value, {_tree(thresholds, 0, len(thresholds))} AS place FROM"
        f" (SELECT {number} AS value FROM {source}) AS numbers WHERE {where}) AS places GROUP BY place ORDER BY place"
    )


def groups(source: str, column: str, most: int) -> str:
    """The values of a column, and how many rows have each."""
    return (
        f"SELECT {column} AS value, COUNT(*) AS n FROM {source} AND {column} IS NOT NULL GROUP BY {column} LIMIT {most}"
    )


def filled(source: str, columns: Sequence[str], cursor: str) -> str:
    """How many rows there are, from where to where, and how many have a value of each column."""
    counts = "".join(f", COUNT({column}) AS filled_{at}" for at, column in enumerate(columns))
    return f"SELECT COUNT(*) AS n, MIN({cursor}) AS first_value, MAX({cursor}) AS last_value{counts} FROM {source}"


def not_numbers(source: str, column: str, number: str) -> str:
    """How many values of a column of text are no numbers."""
    return f"SELECT COUNT(*) AS n FROM {source} AND {column} IS NOT NULL AND ({number}) IS NULL"


def different(source: str, column: str) -> str:
    return f"SELECT COUNT({column}) AS n, COUNT(DISTINCT {column}) AS different FROM {source}"


def _tree(thresholds: Sequence[float], low: int, high: int) -> str:
    if low == high:
        return str(low)
    middle = (low + high) // 2
    smaller, larger = _tree(thresholds, low, middle), _tree(thresholds, middle + 1, high)
    return f"CASE WHEN {less_than('value', thresholds[middle])} THEN {smaller} ELSE {larger} END"


def _literal(value: float) -> str:
    text = repr(value)
    return f"({text if 'e' in text else f'{text}e0'})"
