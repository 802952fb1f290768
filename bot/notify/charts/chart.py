"""A chart as a small picture for a thread, with an alternative text.

matplotlib is loaded with the first chart: it takes most of a second, and many incidents never need it.
"""

import io
import math
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

from bot.domain.event import LIMIT, Chart, Trend
from bot.notify.plain_text import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 640, 240
"""Pixels."""
MAX_ALT = 1000
"""Slack takes no longer one: https://docs.slack.dev/reference/methods/files.getUploadURLExternal."""
_DPI = 100
_FEW = 20
_MOST_POINTS, _MOST_BINS, _MOST_LINES = 2000, 40, 6
_END_OF_TIME = 221_845_392_000_000  # the year 9000: matplotlib knows no five-digit year, and leaves a margin
_HUGE = 1e100
_MOST_LETTERS = 80
"""Under all bars; more are written aslant."""
_COLOURS = ("#1264a3", "#e8912d", "#2bac76", "#7c3085", "#616061", "#36c5f0")
_BAND, _OUTSIDE, _INK = "#1264a3", "#e01e5a", "#1d1c1d"

Values = list[float]


class Drawn(NamedTuple):
    """A chart within bounds: as many values a line as there are places on the x-axis, NaN where there is none.

    ``times`` is empty for bars.
    """

    times: list[datetime]
    bins: list[str]
    lines: dict[str, Values]
    low: Values
    high: Values

    def outside(self, name: str) -> list[int]:
        """Where a line leaves what was expected; a limit is none that could."""
        if not self.low or name == LIMIT:
            return []
        bounds = zip(self.lines[name], self.low, self.high, strict=True)
        return [i for i, (value, low, high) in enumerate(bounds) if value < low or value > high]


def bounded(chart: Chart) -> Drawn:
    """The newest part of a chart that a picture of this size can show."""
    over_time = bool(chart.x) and all(isinstance(place, int) for place in chart.x)
    most = _MOST_POINTS if over_time else _MOST_BINS
    kept = chart.x[-most:] if over_time else chart.x[:most]
    start = len(chart.x) - len(kept) if over_time else 0

    def fitted(values: Sequence[float | None]) -> Values:
        shown = values[start : start + len(kept)]
        return [_number(value) for value, _ in zip_longest(shown, kept)]

    lines = {shortened(name, 24): fitted(values) for name, values in list(chart.lines.items())[:_MOST_LINES]}
    known = over_time and bool(chart.low or chart.high)
    low = fitted(chart.low) if chart.low else [-math.inf] * len(kept)
    high = fitted(chart.high) if chart.high else [math.inf] * len(kept)
    times = [_moment(int(place)) for place in kept] if over_time else []
    bins = [] if over_time else [shortened(str(place), 24) for place in kept]
    return Drawn(times, bins, lines, low if known else [], high if known else [])


def _number(value: float | None) -> float:
    return math.nan if value is None or not math.isfinite(value) else min(max(value, -_HUGE), _HUGE)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(min(max(milliseconds, 0), _END_OF_TIME) / 1000, UTC)


def render_chart(chart: Chart) -> bytes:
    """A PNG of :data:`WIDTH` by :data:`HEIGHT` pixels on white, so that it is legible on a dark background too."""
    from matplotlib import rc_context  # noqa: PLC0415
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    drawn = bounded(chart)
    picture = io.BytesIO()
    with rc_context({"text.parse_math": False}):  # a dollar sign in a name begins no formula
        figure = Figure(figsize=(WIDTH / _DPI, HEIGHT / _DPI), dpi=_DPI, facecolor="white", layout="constrained")
        canvas = FigureCanvasAgg(figure)
        beside = bool(chart.trend and chart.trend.at and chart.trend.values) and not drawn.times
        grid = figure.add_gridspec(1, 2 if beside else 1, width_ratios=[3, 2] if beside else None)
        axes = figure.add_subplot(grid[0])
        if drawn.times:
            _draw_lines(axes, drawn)
        else:
            _draw_bars(axes, drawn, _MOST_LETTERS // 2 if beside else _MOST_LETTERS)
        _dress(axes, shortened(chart.title, 55 if beside else 90), shortened(chart.unit, 24))
        _fit_heights(axes, [value for values in drawn.lines.values() for value in values if math.isfinite(value)])
        if chart.trend is not None and beside:
            _draw_trend(figure.add_subplot(grid[1]), chart.trend)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # it draws a box in its place
            canvas.print_png(picture)
    return picture.getvalue()


def _draw_lines(axes: "Axes", drawn: Drawn, ticks: int = 8) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num  # noqa: PLC0415

    times = [float(number) for number in date2num(drawn.times)]
    if any(math.isfinite(bound) for bound in (*drawn.low, *drawn.high)):
        _draw_band(axes, times, drawn)
    many = sum(len(drawn.outside(name)) for name in drawn.lines) > _FEW
    size = 1.5 if many else 4.0  # many of them are not to hide the line
    for (name, values), colour in zip(drawn.lines.items(), _COLOURS, strict=False):
        style = "--" if name == LIMIT else "-"
        axes.plot(times, values, style, color=colour, linewidth=1.4, label=_labelled(name), marker=_marker(values))
        outside = drawn.outside(name)
        label = "outside" if outside and "outside" not in axes.get_legend_handles_labels()[1] else "_nolegend_"
        places, seen = [times[i] for i in outside], [values[i] for i in outside]
        axes.plot(places, seen, "o", color=_OUTSIDE, markersize=size, label=label)
    locator = AutoDateLocator(tz=UTC, minticks=min(3, ticks - 2), maxticks=ticks)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC, show_offset=False))
    axes.set_xlabel(f"until {max(drawn.times):%Y-%m-%d %H:%M} UTC", loc="right", fontsize=7, color=_INK)


def _draw_trend(axes: "Axes", trend: Trend) -> None:
    from matplotlib.dates import date2num  # noqa: PLC0415

    points = list(zip(trend.at, trend.values, strict=False))[-_MOST_POINTS:]
    times, values = [_moment(at) for at, _ in points], [_number(value) for _, value in points]
    _draw_lines(axes, Drawn(times, [], {"each check": values}, [], []), ticks=4)
    axes.plot([float(date2num(times[-1]))], values[-1:], "o", color=_OUTSIDE, markersize=4)
    if trend.limit is not None and math.isfinite(trend.limit):
        limit = _number(trend.limit)
        axes.axhline(limit, color=_OUTSIDE, linewidth=1, linestyle="--", label=f"limit {limit:.3g}")
    _dress(axes, shortened(trend.title, 40), "")


def _draw_band(axes: "Axes", times: list[float], drawn: Drawn) -> None:
    """What was expected; where a side has no bound, the band reaches to the edge of what is drawn."""
    seen = [v for values in (*drawn.lines.values(), drawn.low, drawn.high) for v in values if math.isfinite(v)]
    low = [max(bound, min(seen)) for bound in drawn.low]
    high = [min(bound, max(seen)) for bound in drawn.high]
    axes.fill_between(times, low, high, color=_BAND, alpha=0.15, linewidth=0, label="expected")


def _marker(values: Values) -> str:
    """Points that have no neighbour would not be seen in a line."""
    lonely = [
        i
        for i, value in enumerate(values)
        if not math.isnan(value) and all(math.isnan(v) for v in (values[i - 1 : i] + values[i + 1 : i + 2]))
    ]
    return "." if lonely else ""


def _draw_bars(axes: "Axes", drawn: Drawn, letters: int) -> None:
    width = 0.8 / max(len(drawn.lines), 1)
    for n, (name, values) in enumerate(drawn.lines.items()):
        places = [i + (n - (len(drawn.lines) - 1) / 2) * width for i in range(len(values))]
        heights = [0.0 if math.isnan(value) else value for value in values]
        axes.bar(places, heights, width, color=_COLOURS[n], label=_labelled(name))
    crowded = sum(map(len, drawn.bins)) > letters
    axes.set_xticks(
        range(len(drawn.bins)), drawn.bins, rotation=30 if crowded else 0, ha="right" if crowded else "center"
    )


def _labelled(name: str) -> str:
    """matplotlib leaves out of its legend what begins with an underscore."""
    return f" {name}" if name.startswith("_") or not name else name


def _dress(axes: "Axes", title: str, unit: str) -> None:
    axes.set_title(title, loc="left", fontsize=9, color=_INK)
    axes.set_ylabel(unit, fontsize=8, color=_INK)
    axes.tick_params(labelsize=7, colors=_INK)
    axes.grid(visible=True, axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.margins(y=0.22)  # room for the legend
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", fontsize=7, ncols=4, framealpha=0.7, borderaxespad=0.2)


def _fit_heights(axes: "Axes", values: Values) -> None:
    """What is never negative has no axis below 0, and what comes in whole numbers is counted in them."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    low, high = axes.get_ylim()
    if values and low < 0 <= min(values):
        axes.set_ylim(bottom=-0.02 * high)
    if values and all(float(value).is_integer() for value in values):
        axes.yaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True))


def in_words(chart: Chart) -> str:
    """What the picture shows, for whoever cannot see it; at most :data:`MAX_ALT` characters, nothing escaped."""
    drawn = bounded(chart)
    unit = f" {shortened(chart.unit, 24)}" if chart.unit else ""
    words = _lines_in_words(drawn, unit) if drawn.times else _bars_in_words(drawn, unit)
    whole = f"{shortened(chart.title, 200) or 'Chart'}. {_trend_in_words(chart.trend)}{words}"
    return whole if len(whole) <= MAX_ALT else f"{whole[: MAX_ALT - 1]}…"


def _trend_in_words(trend: Trend | None) -> str:
    """
    >>> _trend_in_words(Trend("recall", [0, 1], [0.9, 0.7], 0.8))
    'Over the last 2 checks recall went from 0.9 to 0.7, limit 0.8. '
    """
    if trend is None or not trend.values:
        return ""
    limit = "" if trend.limit is None else f", limit {trend.limit:.3g}"
    first, last = trend.values[0], trend.values[-1]
    title = shortened(trend.title, 60)
    return f"Over the last {len(trend.values)} checks {title} went from {first:.3g} to {last:.3g}{limit}. "


def _lines_in_words(drawn: Drawn, unit: str) -> str:
    first, last = min(drawn.times), max(drawn.times)
    until = f"{last:%H:%M}" if last.date() == first.date() else f"{last:%Y-%m-%d %H:%M}"
    return " ".join([f"{first:%Y-%m-%d %H:%M} to {until} UTC.", *_each_line(drawn, unit)])


def _each_line(drawn: Drawn, unit: str) -> list[str]:
    texts: list[str] = []
    for name, values in drawn.lines.items():
        known = [(i, value) for i, value in enumerate(values) if not math.isnan(value)]
        if not known:
            texts.append(f"{name}: no values.")
            continue
        at, value = known[-1]
        outside = drawn.outside(name)
        expected = f", expected {_range(drawn.low[at], drawn.high[at])}{unit}" if drawn.low and name != LIMIT else ""
        least, most = min(v for _, v in known), max(v for _, v in known)
        marked = f"; {len(outside)} of {len(known)} points are outside what was expected" if outside else ""
        texts.append(f"{name}: last {value:.4g}{unit}{expected}; between {least:.4g} and {most:.4g}{unit}{marked}.")
    return texts


def _range(low: float, high: float) -> str:
    if not math.isfinite(low):
        return f"at most {high:.4g}" if math.isfinite(high) else "not known"
    return f"{low:.4g} to {high:.4g}" if math.isfinite(high) else f"at least {low:.4g}"


def _bars_in_words(drawn: Drawn, unit: str) -> str:
    if not drawn.bins or not drawn.lines:
        return "Nothing to show."
    bars = [
        f"{place}: " + ", ".join(f"{name} {values[i]:.4g}{unit}" for name, values in drawn.lines.items())
        for i, place in enumerate(drawn.bins)
    ]
    return f"Bars. {'; '.join(bars)}."
