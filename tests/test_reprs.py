"""What people see when they print a thing: short, true, harmless, and safe under jit."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import adl_jax
from adl_jax import Policy, Queue
from adl_jax.allocator import allocations
from adl_jax.brief import settings
from adl_jax.event import Event
from adl_jax.monte_carlo import Results
from adl_jax.monte_carlo.rows import COLUMNS
from adl_jax.monte_carlo.store import as_table
from adl_jax.severity import Fixed, ProjectedGradient, severities
from adl_jax.train import Trained
from adl_jax.vector import vector_policies
from adl_jax.venue import flat_margin, venues
from tests.conftest import make_rounds


HOSTILE = "<b>\x1b[31m\u202e" + "x" * 500


def small_book():
    return adl_jax.Book(
        account=[0, 0, 1], market=[0, 1, 0], size=[2.0, -10.0, 0.0],
        entry_price=[1000.0, 5.0, 1000.0], collateral=[50.0, 1234.0],
    )  # fmt: skip


def test_a_book_counts_its_positions_and_sums_its_money():
    assert repr(small_book()) == (
        "Book(2 accounts, 2 positions, 2,000 USD long and 50 USD short, collateral 1,284 "
        "USD, float64)"
    )


def test_rounds_and_trajectories_say_what_was_owed_and_how_it_ended():
    rounds = adl_jax.Rounds([10.0, 0.0], [3.0, 0.0], [4.0, 9.0], [0, 9], [1, 10])
    assert repr(rounds) == (
        "Rounds(2 rounds, 1 with a deficit, deficit 10 USD, needed 3 USD, float64)"
    )
    assert "7 accounts, 3 markets, deficit" in repr(make_rounds())
    run = adl_jax.replay(rounds, Policy(Fixed(0.1), Queue()))
    assert repr(run) == (
        "Trajectory(2 rounds, 1 with a deficit, needed 3 USD, raised 1 USD, short by 2 "
        "USD, float64, successful)"
    )
    assert "Record(2 rounds, 1 with a deficit" in repr(run.records)
    rounds = adl_jax.Rounds([10.0], [9.0], [4.0], [0], [1])
    over = adl_jax.replay(rounds, adl_jax.Hindsight(Policy(Fixed(0), Queue())))
    assert "float64, a budget was above what the winners' capacities allow" in repr(
        over
    )


def test_a_simulated_trajectory_says_what_stayed_unpaid():
    rounds = adl_jax.Rounds([10.0], [3.0], [4.0], [0], [1])
    records = adl_jax.replay(rounds, Policy(Fixed(0.1), Queue())).records
    venue = type("Seen", (eqx.Module,), {"__annotations__": {"solvency": jax.Array}})
    seen = venue(jnp.asarray([70.0, 60.0]))
    ledger = type("Owed", (eqx.Module,), {"__annotations__": {"debt": jax.Array}})
    run = adl_jax.Trajectory(
        eqx.tree_at(lambda r: r.venue, records, seen, is_leaf=lambda x: x is None),
        None, adl_jax.RESULTS.successful, ledger(jnp.asarray(8.0)),
    )  # fmt: skip
    assert "equity 60 USD in the end, unpaid 8 USD, float64, successful" in repr(run)


def test_venues_policies_and_events():
    assert repr(venues["okx"]([20.0, 50.0], fund=5)) == (
        "Venue(2 markets, settles in contracts, at Mark(), up to 1 of profit, ranked by "
        "okx, fund 5 USD, no vault, ToMargin(target=1), float64)"
    )
    assert repr(adl_jax.Venue(flat_margin(jnp.ones(1)))).startswith(
        "Venue(1 market, settles in pnl, up to 1 of profit, ranked by hyperliquid"
    )
    assert repr(Policy(ProjectedGradient(0.25), Queue())) == (
        "Policy(severity=ProjectedGradient(step_size=0.25, initial=0), allocation=Queue())"
    )
    row = adl_jax.Recorded([1.0, 2.0])
    assert repr(row) == (
        "Recorded(executed=f64[2], concentration=None, information=observed)"
    )
    rounds = adl_jax.Rounds([10.0], [3.0], [4.0], [0], [1])
    event = Event("a fall", rounds, (1,), {"them": row})
    assert repr(event) == f"Event('a fall', {rounds!r}, recorded: them)"


EVERY = [
    *severities.built_in.values(),
    *allocations.built_in.values(),
    *vector_policies.built_in.values(),
    *venues.built_in.values(),
    make_rounds,
    small_book,
]


@pytest.mark.parametrize("make", EVERY)
def test_every_part_is_a_line_and_has_shapes_where_there_are_no_numbers(make):
    part = make()
    assert "\n" not in repr(part)
    assert len(repr(part)) < 450
    arrays, static = eqx.partition(part, eqx.is_array)
    batch = jax.tree.map(lambda leaf: jnp.stack([jnp.asarray(leaf)] * 3), arrays)
    for other in (
        *(arrays, static, eqx.combine(batch, static)),
        eqx.combine(jax.eval_shape(lambda: arrays), static),
    ):
        assert repr(other).startswith(type(part).__name__)
    said = []
    jax.eval_shape(
        lambda arrays: said.append(repr(eqx.combine(arrays, static))), arrays
    )
    assert said[0].startswith(type(part).__name__)


class Holds(eqx.Module):
    """A user's part with anything in it."""

    held: object


def test_lists_are_shown_too_and_under_jit():
    held = [jnp.zeros(2), jnp.zeros(3), adl_jax.as_float(0.5), "a"]
    assert settings(Holds(held)) == "Holds(held=[f64[2], f64[3], 0.5, 'a'])"
    said = []
    jax.eval_shape(lambda held: said.append(settings(Holds(held))), held[:3])
    assert said == ["Holds(held=[f64[2], f64[3], f64[]])"]


def test_a_part_without_its_numbers_is_shown():
    class Half(eqx.Module):
        first: jax.Array
        second: jax.Array

        def __init__(self):
            self.first = adl_jax.as_float(0.5)
            said.append(settings(self))
            self.second = adl_jax.as_float(2)

    said = []
    gone = Half()
    assert said == ["Half(first=0.5, second=None)"]
    gone.second.delete()
    assert settings(gone) == "Half(first=0.5, second=f64[])"


def test_a_training_says_what_it_reached():
    policy = Policy(Fixed(0.25), Queue())
    curve = pd.DataFrame({"step": range(40)})
    validations = pd.DataFrame({"step": [0, 20, 40], "mean": [3.0, 1.5, 2.0]})
    assert repr(Trained(policy, policy, curve, validations, {})) == (
        "Trained(Policy(severity=Fixed(severity=0.25), allocation=Queue()), 40 steps, "
        "validation 3 before and 1.5 at best)"
    )


def results(names):
    draw = np.random.default_rng(0)
    rows = {name: {c: draw.integers(0, 2, 3) for c in COLUMNS} for name in names}
    manifest = {"policies": names, "num_scenarios": 3}
    return Results(tables=[as_table(0, rows, np.float64)], manifest=manifest)


def test_results_are_a_line_and_a_table_in_a_notebook():
    assert repr(results(["a", "b"])) == "Results(3 scenarios, policies a, b)"
    many = results([f"p{i}" for i in range(9)])
    assert repr(many).endswith("policies p0, p1, p2, p3, p4 and 4 more)")
    html = results(["a", "b"])._repr_html_()
    assert "<th>a</th>" in html
    assert "<th>unpaid_mean_usd</th>" in html


def test_hostile_names_are_harmless():
    event = Event(HOSTILE, adl_jax.Rounds([1.0], [1.0], [1.0], [0], [1]), (1,))
    for text in (
        repr(event),
        repr(results([HOSTILE])),
        results([HOSTILE])._repr_html_(),
    ):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "x" * 60 not in text
    assert "<b>" not in results([HOSTILE])._repr_html_()


def test_results_go_to_pandas_arrow_and_xarray():
    some = results(["a", "b"])
    frame, table, grid = some.to_pandas(), some.to_arrow(), some.to_xarray()
    assert frame.shape == (6, len(COLUMNS) + 2)
    assert table.column_names == list(frame.columns)
    assert dict(grid.sizes) == {"scenario": 3, "policy": 2}
    unpaid = frame[frame["policy"] == "b"]["unpaid"].to_numpy()
    np.testing.assert_array_equal(grid["unpaid"].sel(policy="b"), unpaid)
    np.testing.assert_array_equal(some.column("unpaid")["b"], unpaid)
