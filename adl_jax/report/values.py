"""The numbers of a chart as a table, for who does not see it, or wants them."""

from typing import NamedTuple

import numpy as np

from adl_jax.report.chart import (
    SHOW,
    Axis,
    Bars,
    Cell,
    Chart,
    Heat,
    Line,
    Panel,
    Table,
    Unit,
    number,
    text,
)
from adl_jax.report.section import named


# Of a line, or of bars at numbers: enough to read it by, and few enough for a page of
# many charts.
_MOST_POINTS = 26


class _Column(NamedTuple):
    """A series: what it is called, where its values are, and they."""

    name: str
    at: tuple[Cell, ...]
    values: tuple[Cell, ...]


def table_of(chart: Chart) -> Table:
    """A row a place on the x axis, and a column a series; intervals stand below values.

    Lines, and bars at numbers, have at most 26 of their points, evenly spread. Where
    lines have points of their own there is a row a point instead, with the line's name.
    """
    name, title = f"values_{chart.name}", f"Values: {chart.title}"
    first = chart.panels[0].series[0]
    if isinstance(first, Heat):
        return _of_heat(name, title, chart.panels[0].y, first)
    columns = [
        _column(one, chart.x.unit, panel)
        for panel in chart.panels
        for one in panel.series
        if not isinstance(one, Heat)
    ]
    if all(column.at == columns[0].at for column in columns):
        headings = (chart.x.title, *(named(column.name) for column in columns))
        rows = zip(columns[0].at, *(column.values for column in columns), strict=True)
        return Table(name, title, headings, tuple(rows), folded=True)
    rows = [
        (text(column.name), *cells)
        for column in columns
        for cells in zip(column.at, column.values, strict=True)
    ]
    titles = {panel.y.title for panel in chart.panels}
    headings = ("line", chart.x.title, titles.pop() if len(titles) == 1 else "value")
    return Table(name, title, headings, tuple(rows), folded=True)


def _of_heat(name: str, title: str, y: Axis, heat: Heat) -> Table:
    rows = tuple(
        (text(label), *(_cell(float(value), y.unit) for value in values))
        for label, values in zip(heat.y, heat.values, strict=True)
    )
    return Table(name, title, (y.title, *heat.x), rows, folded=True)


def _column(series: Line | Bars, unit: Unit, panel: Panel) -> _Column:
    if isinstance(series, Bars) and not series.numbered:
        points = np.arange(len(series.labels))
        at = tuple(text(str(label)) for label in series.labels)
    else:
        places = series.labels if isinstance(series, Bars) else series.x
        last = len(places) - 1
        points = np.unique(np.linspace(0, last, _MOST_POINTS).round().astype(int))
        at = tuple(_cell(float(places[point]), unit) for point in points)
    nothing = np.full(len(series.y), np.nan)
    low, high = (
        nothing if ends is None else ends for ends in (series.low, series.high)
    )
    values = [
        number(series.y[point], low[point], high[point], panel.y.unit)
        for point in points
    ]
    if isinstance(series, Line) and series.shade:
        show = SHOW[panel.y.unit]
        ends = zip(low[points].tolist(), high[points].tolist(), strict=True)
        values = [Cell(f"{show(least)} to {show(most)}", least) for least, most in ends]
    return _Column(series.name, at, tuple(values))


def _cell(value: float, unit: Unit) -> Cell:
    return Cell(SHOW[unit](value), value)
