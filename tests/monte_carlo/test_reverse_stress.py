"""The smallest shock, by hand for one loser, and by trying every shock for a book."""

import dataclasses
import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from adl_jax import (
    Book,
    InputError,
    Market,
    Policy,
    ProRata,
    Shocks,
    Venue,
    monte_carlo,
    reverse_stress,
)
from adl_jax._types import as_dtype
from adl_jax.cli import app
from adl_jax.monte_carlo import scenario_key
from adl_jax.monte_carlo.reverse_stress import scaled, with_fund
from adl_jax.monte_carlo.rows import scenario_row
from adl_jax.scenario import Scenario, Tilted, scenarios
from adl_jax.scenario.given import Given
from adl_jax.scenario.shocks import GivenShocks
from adl_jax.severity import Fixed
from adl_jax.venue import Fund, flat_margin


KEY = jax.random.key(7)
ZERO = Policy(Fixed(0.0), ProRata())
FULL = Policy(Fixed(1.0), ProRata())

# A long of 10 contracts, entered at 100 with 100 posted, against an unlevered short.
SIZE, ENTRY, POSTED, FUND, COST, IMPACT = 10.0, 100.0, 100.0, 30.0, 45.0, 0.1
FALL = -0.05


def one_loser(fall=FALL):
    """One round; nobody takes anything but the outside, at mark less impact."""
    book = Book(
        account=[0, 1],
        market=[0, 0],
        size=[SIZE, -SIZE],
        entry_price=[ENTRY, ENTRY],
        collateral=[POSTED, 1000.0],
    )
    market = Market(mark=[ENTRY], impact=[IMPACT], depth=[0.0])
    venue = Venue(flat_margin(jnp.array([0.01])), fund=Fund(balance=FUND))
    shocks = GivenShocks(Shocks(log_return=jnp.array([[fall]])))
    return Scenario(Given(book), market, venue, shocks, num_rounds=1)


def at_loss(usd):
    """The scale at which the long's loss at the mark is `usd`."""
    return np.log(1 - usd / SIZE / ENTRY) / FALL


def test_one_loser_by_hand():
    found = reverse_stress(
        KEY, one_loser(), {"zero": ZERO, "full": FULL}, 2, cost=COST, steps=26
    )
    assert found.events == ("fund", "adl", "cost", "unpaid")
    assert found.resolution < 2e-9
    # Closed out at the mark less impact times all contracts: a loss that comes on top.
    slipped = IMPACT * SIZE * SIZE
    expected = {
        # A debt that the fund cannot pay: at the prices of the close-outs, and at the
        # mark, where ADL begins and is priced.
        ("zero", "fund"): at_loss(POSTED + FUND - slipped),
        ("zero", "unpaid"): at_loss(POSTED + FUND - slipped),
        ("full", "fund"): at_loss(POSTED + FUND - slipped),
        ("full", "adl"): at_loss(POSTED + FUND),
        ("full", "cost"): at_loss(POSTED + FUND + COST),
        # What the slippage adds to the debt is beyond the deficit that was raised.
        ("full", "unpaid"): at_loss(POSTED + FUND - slipped),
        ("zero", "adl"): np.inf,
        ("zero", "cost"): np.inf,
    }
    frame = found.to_pandas().set_index(["policy", "event"])
    for place, scale in expected.items():
        np.testing.assert_allclose(
            frame.loc[place, "scale_median"], scale, rtol=1e-6, err_msg=str(place)
        )
    # One market: the fall is that of its price.
    np.testing.assert_allclose(
        frame.loc[("full", "adl"), "fall_median"], (POSTED + FUND) / SIZE / ENTRY
    )
    assert (frame["never"] == np.isinf(frame["scale_median"])).all()


def book_scenario():
    return as_dtype(scenarios["default"](num_accounts=60), np.float64)


COUNT, GRID, FINE = 8, 16, 8

SEARCH = {"cost": 5_000.0, "grid": GRID, "steps": 8, "batch_size": 4}


@pytest.fixture(scope="module")
def found():
    policies = {"zero": ZERO, "full": FULL}
    return reverse_stress(KEY, book_scenario(), policies, COUNT, **SEARCH)


@pytest.fixture(scope="module")
def tried():
    """What happens at 8 shocks for each of the grid's, simulated one by one."""
    scenario = book_scenario()
    fine = np.linspace(0, 4, FINE * GRID + 1)

    @eqx.filter_jit
    def happens(policy):
        def one(i):
            for_draw, for_run = scenario_key(KEY, i)
            book, market, shocks = scenario.sample(for_draw)

            def at(scale):
                path = scaled(shocks, scale)
                row = scenario_row(for_run, book, market, scenario.venue, policy, path)
                return jnp.stack([
                    row["deficit"] + row["needed"] > 0,
                    row["touched"] > 0,
                    row["executed"] >= 5_000.0,
                    row["unpaid"] > 0,
                ])  # fmt: skip

            return jax.lax.map(at, jnp.asarray(fine))

        return jax.lax.map(one, jnp.arange(COUNT, dtype=jnp.int32))

    happened = np.stack([np.asarray(happens(policy)) for policy in (ZERO, FULL)])
    # (policies, scenarios, scales, events) to (policies, events, scenarios, scales)
    return fine, happened.transpose(0, 3, 1, 2)


def test_trying_every_shock_finds_the_same(found, tried):
    fine, happened = tried
    assert happened.any()
    assert not happened.all()
    # What the search is to see: the first of the coarse grid that does it, and from
    # there down to a change.
    np.testing.assert_array_equal(
        found.on_grid[:, 0], np.moveaxis(happened, -1, 0)[::FINE]
    )
    for place in np.ndindex(happened.shape[:-1]):
        scale, does = found.scale[(0, *place)], happened[place]
        coarse = does[::FINE]
        if not coarse.any():
            assert np.isinf(scale)
            continue
        end = FINE * coarse.argmax()
        if end == 0:
            assert scale == 0
            continue
        cell = does[end - FINE : end + 1]
        changes = fine[end - FINE + 1 : end + 1][~cell[:-1] & cell[1:]]
        # The fine grid brackets each change; the search ends in one of them.
        step = fine[1]
        gap = np.where(changes >= scale - 1e-9, changes - scale, np.inf).min()
        assert gap <= step, (place, scale, changes)
        if len(changes) == 1:
            assert changes[0] - step <= scale <= changes[0] + found.resolution


def test_events_that_come_and_go_are_reported(found, tried):
    _, happened = tried
    on_grid = happened[..., ::FINE]
    later = np.maximum.accumulate(on_grid, axis=-1)
    np.testing.assert_array_equal(found.undone[0], (later & ~on_grid).any(axis=-1))


def test_scale_one_is_the_run(found):
    run = monte_carlo(KEY, book_scenario(), {"full": FULL}, COUNT, batch_size=4)
    at_one = np.flatnonzero(found.grid == 1).item()
    unpaid = found.on_grid[at_one, 0, 1, found.events.index("unpaid")]
    np.testing.assert_array_equal(unpaid, run.column("unpaid")["full"] > 0)
    adl = found.on_grid[at_one, 0, 1, found.events.index("adl")]
    np.testing.assert_array_equal(adl, run.column("touched")["full"] > 0)


def test_fewer_scenarios_are_the_first_of_more(found):
    other = reverse_stress(KEY, book_scenario(), {"full": FULL}, 3, **SEARCH)
    np.testing.assert_array_equal(other.scale[:, 0], found.scale[:, 1, :, :3])


def test_the_probability_is_reached_where_it_says(found):
    share = found.on_grid.mean(axis=-1)
    for probability in (0.2, 0.5, 0.9):
        at = found.at_probability(probability)
        for place in np.ndindex(share.shape[1:]):
            scale = at.scale[place]
            curve = share[(slice(None), *place)]
            reached = curve >= probability
            assert np.isinf(scale) == ~reached.any()
            if np.isinf(scale) or scale == 0:
                continue
            # numpy's own interpolation of the grid's shares, and nothing before it.
            np.testing.assert_allclose(
                np.interp(scale, found.grid, curve), probability, rtol=1e-9
            )
            assert not reached[found.grid < scale].any()
            assert at.low[place] <= scale <= at.high[place]


def test_a_larger_fund_takes_a_larger_shock():
    frame = reverse_stress(
        *(KEY, book_scenario(), {"full": FULL}, 4),
        fund_sizes=[0.0, 1e4, 1e6],
        **SEARCH,
    ).to_pandas()
    scales = frame[frame["event"] == "fund"].set_index("fund_usd")["scale_median"]
    assert list(scales.index) == [0.0, 1e4, 1e6]
    assert scales.is_monotonic_increasing
    assert scales.iloc[0] < scales.iloc[2]


def test_funds_of_markets_keep_their_shares():
    venue = Venue(flat_margin(jnp.array([0.1, 0.1])), fund=Fund(balance=[1.0, 3.0]))
    np.testing.assert_allclose(with_fund(venue, jnp.array(8.0)).fund.balance, [2, 6])
    empty = Venue(flat_margin(jnp.array([0.1, 0.1])), fund=Fund(balance=[0.0, 0.0]))
    np.testing.assert_allclose(with_fund(empty, jnp.array(8.0)).fund.balance, [4, 4])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"policies": {}}, "at least one policy"),
        ({"num_scenarios": 0}, "num_scenarios is 0"),
        ({"grid": 0}, "grid is 0"),
        ({"cost": 0.0}, "cost is 0"),
        ({"cost": np.inf}, "cost is inf"),
        ({"max_scale": -1.0}, "max_scale is -1"),
        ({"fund_sizes": []}, "fund_sizes is empty"),
        ({"fund_sizes": [1.0, -1.0]}, "fund_sizes has -1"),
        # A price of exp(50,000) is beyond every number.
        (
            {"max_scale": 1e6, "scenario": one_loser(fall=0.05)},
            "full in scenario 0 are not finite",
        ),
    ],
)
def test_bad_arguments_are_refused(changes, says):
    arguments = {
        "key": KEY,
        "scenario": one_loser(),
        "policies": {"full": FULL},
        "num_scenarios": 2,
        "batch_size": 2,
    } | changes
    with pytest.raises(InputError, match=says):
        reverse_stress(**arguments)


def test_tilted_scenarios_are_refused():
    built = book_scenario()
    tilted = Tilted.toward_falls(built.shocks.returns, 1.0)
    shocks = dataclasses.replace(built.shocks, returns=tilted)
    with pytest.raises(InputError, match="tilted"):
        reverse_stress(
            *(KEY, dataclasses.replace(built, shocks=shocks), {"full": FULL}, 2)
        )


def test_a_probability_must_be_one(found):
    with pytest.raises(InputError, match=r"probability is 1\.5"):
        found.to_pandas(1.5)


CONFIGURATION = """
dtype = "float64"

[book]
accounts = 60

[[policies]]
name = "full"
severity = "full"
"""


@pytest.fixture
def run(tmp_path, command_settings):
    path = tmp_path / "crash.toml"
    path.write_text(CONFIGURATION)

    def command(*arguments):
        words = ["reverse-stress", str(path), "--scenarios", "4", *map(str, arguments)]
        return CliRunner().invoke(app, words)

    yield command
    jax.config.update("jax_enable_x64", True)


def test_the_command_prints_and_writes_the_same(run, tmp_path):
    out = tmp_path / "shocks.csv"
    result = run("--fund-sizes", "0,600", "--out", out)
    assert result.exit_code == 0, result.output
    assert "Winners pay" in result.stdout
    assert "4 scenarios" in result.stdout
    written = pd.read_csv(out)
    as_json = run("--fund-sizes", "0,600", "--format", "json")
    shown = json.loads(as_json.stdout)["smallest_shocks"]
    assert [row["fund_usd"] for row in shown] == list(written["fund_usd"])
    never = [row["scale_median"] is None for row in shown]
    assert any(never)
    assert never == list(np.isinf(written["scale_median"]))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--fund-sizes", "1,many"), "1,many"),
        (("--probability", "2"), "--probability is 2"),
        (("--out", "table.txt"), ".csv or .parquet"),
        (("--cost", "-1"), "cost is -1"),
    ],
)
def test_bad_options_are_one_clear_error(run, arguments, says):
    result = run(*arguments)
    assert result.exit_code == 2
    assert says in result.output
    assert "Traceback" not in result.output
