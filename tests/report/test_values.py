"""Tables of the numbers of charts made by hand: which points, and what is a number."""

import dataclasses
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adl_jax.report.chart import Axis, Bars, Chart, Panel
from adl_jax.report.from_examples import timeline
from adl_jax.report.interactive import figure
from adl_jax.report.printed import draw
from adl_jax.report.run_again import Example
from adl_jax.report.section import Run
from adl_jax.report.values import table_of
from tests.report.hand_made import SHORT_AND_LONG


DIGITS = ("007", "1234", "\u00b2")


@pytest.mark.parametrize("rounds", [1, 6, 30, 300])
def test_a_timeline_has_a_row_for_at_most_26_rounds(rounds):
    values = jnp.asarray(np.arange(rounds) + 0.5)
    fields = dict.fromkeys(
        (field.name for field in dataclasses.fields(Example)), values
    )
    example = Example(**fields | {"market": jnp.arange(rounds), "row": {}})
    # A crash alone.
    example = jax.tree.map(lambda of: np.asarray(of)[None], example)
    run = Run(SimpleNamespace(policies=["half"]), "half", {})
    picked = timeline(run, {"half": example}, [0], ["median"], 0).picked
    table = table_of(picked.first)
    assert table.headings[0] == "round"
    assert len(table.headings) == 7
    assert len(table.rows) == min(rounds, 26)
    rounds_shown = [row[0].value for row in table.rows]
    assert rounds_shown[0] == 1
    assert rounds_shown[-1] == rounds
    for row in table.rows:
        assert [cell.value for cell in row[1:]] == [row[0].value - 0.5] * 6
    assert figure(picked.first).layout.xaxis.type == "linear"


def test_lines_with_points_of_their_own_are_headed_by_what_they_share():
    assert table_of(SHORT_AND_LONG).headings == ("line", "x", "value")
    one = SHORT_AND_LONG._replace(
        panels=tuple(panel._replace(y=Axis("USD")) for panel in SHORT_AND_LONG.panels)
    )
    assert table_of(one).headings == ("line", "x", "USD")


def test_names_of_digits_are_names():
    bars = Bars("fund", DIGITS, np.ones(3))
    chart = Chart("payers", "", "", Axis("policy"), (Panel(Axis("USD"), (bars,)),))
    named = [(row[0].text, row[0].value) for row in table_of(chart).rows]
    assert named == [(name, name) for name in DIGITS]
    drawn = figure(chart)
    assert drawn.layout.xaxis.type == "category"
    assert drawn.data[0].x == DIGITS
    (axes,) = draw(chart).axes
    assert [label.get_text() for label in axes.get_xticklabels()][:2] == ["007", "1234"]
    np.testing.assert_array_equal(axes.get_xticks(), [0, 1, 2])
