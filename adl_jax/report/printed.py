"""Charts for a document, drawn by matplotlib: PNG and PDF files."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from adl_jax.inert import shown
from adl_jax.plot import COLOURS, STYLE
from adl_jax.report.chart import (
    SHOW,
    Axis,
    Bars,
    Chart,
    Heat,
    Line,
    Series,
    band,
    tick,
)
from adl_jax.tables import written_whole


KINDS = (".png", ".pdf")
_MOST_LABELS = 24
_DASHES = ("-", "--", ":", "-.")
_FORMATS: dict[str, Any] = {
    "usd": FuncFormatter(lambda value, _: tick(value)),
    "share": FuncFormatter(lambda value, _: f"{100 * value:g} %"),
    "number": FuncFormatter(lambda value, _: f"{value:,g}"),
}


def save(chart: Chart, folder: Path) -> list[Path]:
    """Writes the chart as `NAME.png` and `NAME.pdf`, each whole or not at all."""
    paths = [folder / f"{chart.name}{kind}" for kind in KINDS]
    with matplotlib.rc_context(STYLE):
        drawn = draw(chart)
        for path in paths:
            with written_whole(path) as temporary:
                drawn.savefig(temporary, dpi=130)
    return paths


def draw(chart: Chart) -> Figure:
    """The chart, with its panels as axes."""
    count = len(chart.panels)
    height = 4.4 if count == 1 else 1.6 * count + 1
    drawn = Figure(figsize=(8.4, height))
    axes = drawn.subplots(count, 1, sharex=True, squeeze=False)[:, 0]
    for each, panel in zip(axes, chart.panels, strict=True):
        each.set_yscale("log" if panel.y.log else "linear")
        each.set_ylabel(panel.y.title)
        if any(isinstance(one, Heat) for one in panel.series):
            _heat(each, panel.series[0], SHOW[panel.y.unit])
            continue
        if chart.x.log:
            each.set_xscale("log")
        _bars(
            each, [one for one in panel.series if isinstance(one, Bars)], chart.stacked
        )
        lines = [one for one in panel.series if isinstance(one, Line)]
        for one in lines:
            _line(each, one, panel.y.log, len(lines) > 1)
        _ticks(each.yaxis, panel.y, each.get_ylim())
    axes[-1].set_xlabel(chart.x.title)
    if not _labelled(chart):
        _ticks(axes[-1].xaxis, chart.x, axes[-1].get_xlim())
    axes[0].set_title(inert(chart.title, 100))
    found = dict(_legend(axes))
    if len(found) > 1:
        drawn.legend(found.values(), found.keys(), loc="outside lower center", ncols=5)
    return drawn


def inert(name: str, most: int = 60) -> str:
    """Text without mathematics, in letters that the font has."""
    known = "".join(
        one if ord(one) in _letters() else one.encode("unicode_escape").decode()
        for one in shown(name, most)
    )
    # Legends leave out what begins with an underscore.
    return known.replace("$", r"\$").replace("_", "\u2009_", known.startswith("_"))


@cache
def _letters() -> frozenset[int]:
    return frozenset(get_font(findfont(FontProperties())).get_charmap())


def _labelled(chart: Chart) -> bool:
    return any(not isinstance(one, Line) for one in _series(chart))


def _series(chart: Chart) -> Iterator[Series]:
    for panel in chart.panels:
        yield from panel.series


def _legend(axes: Any) -> Iterator[tuple[str, Any]]:
    for each in axes:
        handles, labels = each.get_legend_handles_labels()
        yield from zip(labels, handles, strict=True)


def _ticks(side: Any, axis: Axis, ends: tuple[float, float]) -> None:
    if axis.log:
        # Over many decades there is no room for more than their starts.
        few = ends[1] < 1000 * ends[0]
        side.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
        side.set_minor_formatter(NullFormatter())
    side.set_major_formatter(_FORMATS[axis.unit])


def _colour(series: Line | Bars) -> str:
    return COLOURS[series.colour % len(COLOURS)]


def _line(axes: Axes, line: Line, log: bool, several: bool) -> None:
    colour = "#888888" if line.reference else _colour(line)
    ends = band(line, log)
    if ends is not None:
        label = inert(line.name) if line.shade else None
        axes.fill_between(
            line.x, *ends, color=colour, alpha=0.15, linewidth=0, label=label
        )
    if line.shade:
        return
    dash = _DASHES[line.colour % len(_DASHES)] if several else "-"
    axes.plot(
        line.x,
        line.y,
        ":" if line.reference else dash,
        color=colour,
        marker="o" if line.marks else None,
        markersize=3,
        linewidth=1.0 if line.reference else 1.5,
        label=inert(line.name),
    )


def _bars(axes: Axes, several: list[Bars], stacked: bool) -> None:
    if not several:
        return
    labels = several[0].labels
    numbers = several[0].numbered
    places = np.array(labels) if numbers else np.arange(len(labels))
    width = 0.8 if stacked else 0.8 / len(several)
    below = np.zeros(len(labels))
    for index, bars in enumerate(several):
        shift = 0 if stacked else (index - (len(several) - 1) / 2) * width
        error = None
        if bars.low is not None and bars.high is not None:
            error = np.maximum([bars.y - bars.low, bars.high - bars.y], 0)
        axes.bar(
            places + shift,
            bars.y,
            width,
            below,
            color=_colour(bars),
            yerr=error,
            error_kw={"linewidth": 0.8, "ecolor": "#444444"},
            label=inert(bars.name),
        )
        below += bars.y if stacked else 0
    if len(labels) <= _MOST_LABELS or not numbers:
        axes.set_xticks(places, [inert(str(label)) for label in labels])
        axes.tick_params(axis="x", labelsize=8)


def _heat(axes: Axes, heat: Any, show: Any) -> None:
    axes.grid(False)
    axes.imshow(heat.values, aspect="auto", origin="lower", cmap="cividis")
    axes.set_xticks(range(len(heat.x)), list(heat.x))
    axes.set_yticks(range(len(heat.y)), list(heat.y))
    middle = (heat.values.min() + heat.values.max()) / 2
    for (i, j), value in np.ndenumerate(heat.values):
        dark = value < middle
        colour = "white" if dark else "black"
        axes.text(j, i, show(value), ha="center", va="center", color=colour, fontsize=8)
