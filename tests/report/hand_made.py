"""A chart made by hand whose lines have points of their own, in a report alone."""

import numpy as np

from adl_jax.report.chart import Axis, Chart, Line, Panel
from adl_jax.report.gather import Report
from adl_jax.report.section import Picked, Section


SHORT_AND_LONG = Chart(
    "timeline",
    "Two lines",
    "A short line and a long one.",
    Axis("x"),
    (
        Panel(Axis("price"), (Line("short", np.arange(2), np.array([0.25, 1e6])),)),
        Panel(Axis("USD"), (Line("long", np.arange(3), np.array([5.0, np.nan, 7.0])),)),
    ),
)


def report_of(chart):
    """A page on which a reader picks this chart, which is the only one."""
    picked = Picked(("median",), ("half",), ((chart,),), 0, 0)
    return Report("by hand", (Section("timeline", "Timeline", picked=picked),))
