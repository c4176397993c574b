"""What a chart shows, whoever draws it: a browser or a printer."""

import math
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from matplotlib.ticker import EngFormatter


Unit: TypeAlias = Literal["usd", "share", "number"]


class Axis(NamedTuple):
    """A title, a unit, and whether it is logarithmic."""

    title: str
    unit: Unit = "number"
    log: bool = False


class Line(NamedTuple):
    """Values over x, with an interval where `low` and `high` are given.

    **Fields:** `colour`: a place in the colours; lines of one policy have the same in all
    charts. `reference`: drawn thin and grey; `shade`: the interval alone is drawn.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    colour: int = 0
    marks: bool = False
    reference: bool = False
    shade: bool = False


class Bars(NamedTuple):
    """A value for each label, with an interval where `low` and `high` are given.

    **Fields:** `labels`: names, or numbers of the x axis; a name of digits is a name.
    """

    name: str
    labels: tuple[str, ...] | tuple[int, ...]
    y: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    colour: int = 0

    @property
    def numbered(self) -> bool:
        """Whether the labels are numbers."""
        return all(isinstance(label, int) for label in self.labels)


class Heat(NamedTuple):
    """A value for each pair of labels: `values[i, j]` at `y[i]` and `x[j]`."""

    name: str
    x: tuple[str, ...]
    y: tuple[str, ...]
    values: np.ndarray


Series: TypeAlias = Line | Bars | Heat


class Panel(NamedTuple):
    """A part of a chart with a y axis of its own."""

    y: Axis
    series: tuple[Series, ...]


class Chart(NamedTuple):
    """Panels one below the other over one x axis.

    **Fields:** `name`: of files, letters and `_` only. `says`: the chart in one sentence
    with its main numbers, for who does not see it. `stacked`: whether bars stand on each
    other.
    """

    name: str
    title: str
    says: str
    x: Axis
    panels: tuple[Panel, ...]
    stacked: bool = False

    def __repr__(self) -> str:
        """Name and title: the values are long."""
        return f"Chart({self.name}: {self.title})"


class Cell(NamedTuple):
    """A value of a table: what it says, what it is sorted by, and its interval."""

    text: str
    value: float | str
    interval: str = ""


class Table(NamedTuple):
    """Rows of cells below headings; the first cell of a row is its name.

    **Fields:** `folded`: whether it is shown when a reader asks for it.
    """

    name: str
    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    folded: bool = False


def money(value: float) -> str:
    """USD with three digits: `1.25M`, and in cents below a dollar."""
    if not math.isfinite(value):
        return "-"
    if abs(value) < 1:
        return _signed(f"{value:.2f}") if abs(value) >= 0.005 else "0"
    rounded = float(f"{value:.2e}")
    return _prefixed(rounded, 2 - math.floor(math.log10(abs(rounded))) % 3)


def tick(value: float) -> str:
    """USD beside an axis: all its digits, which are few."""
    return f"{value:g}" if abs(value) < 1 else _prefixed(value, None)


def _prefixed(value: float, places: int | None) -> str:
    return EngFormatter(places=places, sep="")(value).replace("G", "B")


def share(value: float) -> str:
    """A fraction as a percentage; rare events have two digits, however rare they are."""
    if not math.isfinite(value):
        return "-"
    percent = 100 * value
    few = 0 < abs(percent) < 0.1
    return _signed(f"{percent:.2g}" if few else f"{percent:.1f}") + "\u00a0%"


def plain(value: float) -> str:
    """A number with three digits, or all before the point."""
    if not math.isfinite(value):
        return "-"
    rounded = f"{value:.3g}"
    return _signed(f"{value:,.0f}" if abs(float(rounded)) >= 1000 else rounded)


def _signed(number: str) -> str:
    return number.replace("-", "\u2212")


SHOW: dict[Unit, Any] = {"usd": money, "share": share, "number": plain}
"""How a number of each unit is written."""


def number(value: float, low: float, high: float, unit: Unit) -> Cell:
    """A cell with its 95 % interval, empty where the ends are not known or the same."""
    show = SHOW[unit]
    value = float(value)
    known = math.isfinite(low) and math.isfinite(high) and low < high
    interval = f"{show(low)} to {show(high)}" if known else ""
    return Cell(show(value), value, interval)


def text(value: str) -> Cell:
    """A cell that is sorted as text."""
    return Cell(value, value)


def band(line: Line, log: bool) -> tuple[np.ndarray, np.ndarray] | None:
    """Lower and upper ends of a line's interval, where it has one.

    On a logarithmic axis an end at or below 0 is drawn a decade below the lowest value.
    """
    if line.low is None or line.high is None:
        return None
    if not log:
        return line.low, line.high
    least = np.min(line.y) / 10
    return np.maximum(line.low, least), np.maximum(line.high, least)
