import dataclasses

import jax
import numpy as np
import pytest

import adl_jax
from adl_jax._types import as_dtype
from adl_jax.monte_carlo import monte_carlo
from adl_jax.result import InputError
from adl_jax.scenario.named import default
from adl_jax.sensitivities import parameters, sensitivities


FULL = adl_jax.Policy(adl_jax.severity.Fixed(0.5), adl_jax.ProRata())
SCENARIOS = 48


def scenario():
    small = default(num_accounts=40)
    venue = dataclasses.replace(small.venue, liquidation_fee=0.01)
    return as_dtype(dataclasses.replace(small, venue=venue, num_rounds=6), np.float64)


@pytest.fixture(scope="module")
def table():
    found = sensitivities(
        jax.random.key(0), scenario(), FULL, SCENARIOS,
        figures=("needed", "fund_end", "fees"), bandwidth=1e-3,
    )  # fmt: skip
    return found.set_index(["figure", "parameter"])


def test_every_parameter_has_a_row_and_errors(table):
    assert set(table.index.get_level_values("parameter")) == set(parameters)
    assert (table["pathwise_se"] >= 0).all()
    assert (table["pathwise_low"] <= table["pathwise"]).all()
    assert np.isfinite(table.select_dtypes("number").to_numpy()).all()


def test_without_thresholds_both_ways_agree(table):
    # Of nobody's margin: the fund and the order book move no account over a threshold.
    for name in ("fund", "depth"):
        row = table.loc[("needed", name)]
        assert abs(row["pathwise"]) > 1
        assert abs(row["kink_bias"]) < 0.02 * abs(row["pathwise"])


def test_the_smoothed_one_is_a_difference_of_runs(table):
    # Against the Monte Carlo itself, on the same scenarios, with the fund set by hand.
    fund, names = 1e-3, {"policy": FULL}
    ends = []
    for change in (1 + fund, 1 - fund):
        base = scenario()
        balance = dataclasses.replace(
            base.venue.fund, balance=change * base.venue.fund.balance
        )
        venue = dataclasses.replace(base.venue, fund=balance)
        moved = dataclasses.replace(base, venue=venue)
        rows = monte_carlo(jax.random.key(0), moved, names, SCENARIOS)
        ends.append(rows.column("needed")["policy"].mean())
    expected = (ends[0] - ends[1]) / (2 * fund)
    np.testing.assert_allclose(
        table.loc[("needed", "fund"), "smoothed"], expected, rtol=1e-6
    )


def test_the_kink_bias_of_margins_is_seen(table):
    # Margin rates act through who is liquidated alone, which no path's derivative sees.
    row = table.loc[("fees", "margin_rates")]
    assert abs(row["pathwise"]) < 1e-9
    assert np.isclose(row["kink_bias"], row["smoothed"] - row["pathwise"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"figures": ("nothing",)}, "no figure named 'nothing'"),
        ({"of": ("nothing",)}, "no parameter named 'nothing'"),
        ({"num_scenarios": 1}, "num_scenarios is 1"),
        ({"bandwidth": 0.0}, "bandwidth is 0"),
        ({"of": ("fee",), "bandwidth": 0.99}, None),
    ],
)
def test_what_makes_no_sense_is_refused(changes, message):
    base = default(num_accounts=40)  # It has no fee.
    given = {"num_scenarios": 2} | changes
    with pytest.raises(InputError, match=message or "below the bandwidth"):
        sensitivities(jax.random.key(0), base, FULL, **given)
