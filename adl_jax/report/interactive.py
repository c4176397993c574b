"""Charts for a browser, drawn by plotly."""

import html
from typing import Any

import plotly.graph_objects as go

from adl_jax.inert import shown
from adl_jax.plot import COLOURS
from adl_jax.report.chart import (
    SHOW,
    Axis,
    Bars,
    Chart,
    Heat,
    Line,
    Panel,
    Unit,
    band,
    number,
)


_GREY = "#888888"
_FORMATS: dict[Unit, dict[str, str]] = {
    "usd": {"exponentformat": "B"},
    "share": {"tickformat": "~%", "hoverformat": ".2%"},
    "number": {},
}
_GAP = 0.06
_DASHES = ("solid", "dash", "dot", "dashdot")


def figure(chart: Chart) -> go.Figure:
    """The chart with hover values; its colours of text and grid are the page's."""
    count = len(chart.panels)
    # Panels share the height, with gaps between them; the first one is on top.
    height = (1 - _GAP * (count - 1)) / count
    drawn, seen = go.Figure(), set[str]()
    for place, panel in enumerate(chart.panels):
        traces = _traces(panel, place)
        for trace in traces:
            # A policy that is in several panels is named once.
            if trace.showlegend is None:
                trace.showlegend = trace.name not in seen
                seen.add(trace.name)
        drawn.add_traces(traces)
        bottom = (count - 1 - place) * (height + _GAP)
        axis = _axis(panel.y) | {"domain": [bottom, min(bottom + height, 1)]}
        if _has(panel, Heat):
            axis |= {"type": "category", "tickformat": ""}
        drawn.update_layout({f"yaxis{_number(place)}": axis})
    heat = _has(chart.panels[0], Heat)
    drawn.update_layout(
        xaxis=_axis(chart.x) | _labels(chart) | {"anchor": f"y{_number(count - 1)}"},
        barmode="stack" if chart.stacked else "group",
        height=400 if count == 1 else 170 * count + 130,
        # Labels that would reach past the right edge are not drawn.
        margin={"l": 10, "r": 24, "t": 10, "b": 10},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        hovermode="closest" if heat else "x unified",
        # The nearest round, however far; of all panels.
        hoverdistance=-1,
        hoversubplots="axis",
        showlegend=not heat,
        template="none",
    )
    return drawn


def inert(name: str) -> str:
    """Text that plotly shows letter by letter: it reads some HTML in names."""
    return html.escape(shown(name), quote=False)


def _has(panel: Panel, kind: type) -> bool:
    return any(isinstance(one, kind) for one in panel.series)


def _number(place: int) -> str:
    return "" if place == 0 else str(place + 1)


def _axis(axis: Axis) -> dict[str, Any]:
    return {
        "title": {"text": axis.title},
        "type": "log" if axis.log else "linear",
        "automargin": True,
        # Ticks at 1, 2 and 5: shares at every digit would cover each other.
        "dtick": "D2" if axis.log and axis.unit == "share" else None,
        **_FORMATS[axis.unit],
    }


def _labels(chart: Chart) -> dict[str, Any]:
    """Labels of bars and heat maps stand below them, all of them."""
    labelled = [
        one
        for panel in chart.panels
        for one in panel.series
        if not isinstance(one, Line)
    ]
    if not labelled:
        return {}
    if all(isinstance(one, Bars) and one.numbered for one in labelled):
        return {"nticks": 20}
    return {"type": "category", "tickformat": "", "autotickangles": [0, -45, -90]}


def _traces(panel: Panel, place: int) -> list[Any]:
    traces = []
    several = sum(isinstance(one, Line) for one in panel.series) > 1
    for one in panel.series:
        if isinstance(one, Line):
            traces += _line(one, panel.y, several)
        elif isinstance(one, Bars):
            traces.append(_bars(one, panel.y.unit))
        else:
            traces.append(_heat(one, SHOW[panel.y.unit]))
    for trace in traces:
        trace.update(yaxis=f"y{_number(place)}", xaxis="x")
    return traces


def _line(line: Line, y: Axis, several: bool) -> list[Any]:
    colour = _GREY if line.reference else COLOURS[line.colour % len(COLOURS)]
    name = inert(line.name)
    # A line alone needs nothing to be told apart by.
    dash = _DASHES[line.colour % len(_DASHES)] if several else "solid"
    dash = "dot" if line.reference else dash
    drawn = go.Scatter(
        x=line.x,
        y=line.y,
        name=name,
        mode="lines+markers" if line.marks else "lines",
        line={"color": colour, "width": 1 if line.reference else 2, "dash": dash},
        legendgroup=name,
        **_hover(line, y.unit),
    )
    ends = band(line, y.log)
    if ends is None:
        return [drawn]
    low, high = ends
    shade = go.Scatter(
        x=[*line.x, *line.x[::-1]],
        y=[*high, *low[::-1]],
        fill="toself",
        fillcolor=_faint(colour),
        line={"width": 0},
        mode="lines",
        name=name,
        hoverinfo="skip",
        showlegend=line.shade,
        legendgroup=name,
    )
    return [shade] if line.shade else [shade, drawn]


def _hover(series: Line | Bars, unit: Unit) -> dict[str, Any]:
    """What is shown beside the pointer, as tables show it: the value and its interval."""
    low, high = (series.y if end is None else end for end in (series.low, series.high))
    cells = [number(*values, unit) for values in zip(series.y, low, high, strict=True)]
    texts = [
        f"{cell.text} ({cell.interval})" if cell.interval else cell.text
        for cell in cells
    ]
    template = "%{fullData.name}: %{hovertext}<extra></extra>"
    return {"hovertext": texts, "hovertemplate": template}


def _bars(bars: Bars, unit: Unit) -> Any:
    error = None
    if bars.low is not None and bars.high is not None:
        error = {
            "type": "data",
            "symmetric": False,
            "array": bars.high - bars.y,
            "arrayminus": bars.y - bars.low,
            "thickness": 1,
            "width": 2,
        }
    return go.Bar(
        x=[label if isinstance(label, int) else inert(label) for label in bars.labels],
        y=bars.y,
        error_y=error,
        name=inert(bars.name),
        marker={"color": COLOURS[bars.colour % len(COLOURS)]},
        **_hover(bars, unit),
    )


def _heat(heat: Heat, show: Any) -> Any:
    return go.Heatmap(
        x=list(heat.x),
        y=list(heat.y),
        z=heat.values,
        text=[[show(float(value)) for value in row] for row in heat.values],
        texttemplate="%{text}",
        hovertemplate="shock %{x}, depth %{y}: %{text}<extra></extra>",
        colorscale="Cividis",
        showscale=False,
    )


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.15)"
