"""Venue scores: sign cases, documented ambiguities, indicator lights, their facts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adl_jax.score import (
    SCORES,
    Positions,
    aevo,
    binance,
    bitmex,
    hyperliquid_literal,
    hyperliquid_side_adjusted,
    kucoin_older_isolated,
    okx_older,
    quantile,
    return_only,
    score_facts,
    whitebit,
    whitebit_grade,
)


def book(**changes):
    """A winning long, a losing long, a winning short, a losing short; equal margins."""
    values = {
        "size": np.array([10.0, 10.0, -10.0, -10.0]),
        "entry_price": np.array([80.0, 125.0, 125.0, 80.0]),
        "mark": np.array([100.0] * 4),
        "balance": np.array([500.0] * 4),
        "maintenance": np.array([50.0] * 4),
        "opening_leverage": np.array([2.0] * 4),
    }
    return Positions(**(values | changes))


def test_facts_cover_every_score():
    facts = score_facts()
    assert set(facts) == set(SCORES)
    for row in facts.values():
        assert all(row[field] for field in ("formula", "source", "as_of", "confidence"))


def test_derived_numbers():
    positions = book()
    np.testing.assert_allclose(positions.pnl, [200, -250, 250, -200])
    np.testing.assert_allclose(positions.account_value, [700, 250, 750, 300])
    np.testing.assert_allclose(positions.notional, 1000)


@pytest.mark.parametrize(
    "name", [name for name in SCORES if not name.startswith("hyperliquid")]
)
def test_winners_of_both_sides_before_losers(name):
    score = SCORES[name](book())
    assert jnp.isfinite(score).all()
    assert score[jnp.array([0, 2])].min() > score[jnp.array([1, 3])].max()


def test_literal_hyperliquid_ranks_losing_shorts_first():
    """Same notional and equity on each side, so only the price ratio speaks."""
    positions = book(account_value=np.array([700.0] * 4))
    literal, adjusted = (
        hyperliquid_literal(positions),
        hyperliquid_side_adjusted(positions),
    )
    assert literal[3] > literal[2]
    assert adjusted[2] > adjusted[3]
    np.testing.assert_allclose(literal[0], 100 / 80 * 1000 / 700)
    np.testing.assert_allclose(adjusted[2], 125 / 100 * 1000 / 700)
    assert literal[0] == adjusted[0]


def test_formulas_by_hand():
    positions = book()
    np.testing.assert_allclose(
        binance(positions), [0.4 * 50 / 700, 0, 0.5 * 50 / 750, 0]
    )
    np.testing.assert_allclose(aevo(positions), binance(positions))
    np.testing.assert_allclose(bitmex(positions)[0], 0.25 * 1000 / 700)
    np.testing.assert_allclose(bitmex(positions)[1], -0.2 / (1000 / 250))
    np.testing.assert_allclose(okx_older(positions)[0], 0.4 * 50 / 700)
    np.testing.assert_allclose(
        kucoin_older_isolated(positions), [0.5, -0.1, 0.4, -0.125]
    )
    np.testing.assert_allclose(
        whitebit(positions), [200 / 700, -1, 250 / 750, -200 / 300]
    )
    np.testing.assert_allclose(return_only(positions), [0.25, -0.2, 0.2, -0.25])


def test_wallet_below_one_dollar_counts_as_one():
    small = book(balance=np.array([0.5] * 4), account_value=np.array([200.5] * 4))
    np.testing.assert_allclose(binance(small)[0], 200 * 50 / 200.5)


@pytest.mark.parametrize("name", SCORES)
def test_no_equity_no_score_and_no_nan(name):
    empty = book(size=np.zeros(4), balance=np.zeros(4))
    broke = book(balance=np.full(4, -900.0))
    for positions in (empty, broke):
        score = SCORES[name](positions)
        assert jnp.isfinite(score).all()
        gradient = jax.grad(lambda p: SCORES[name](p).sum())(positions)
        assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


@pytest.mark.parametrize("name", SCORES)
def test_scores_in_jit_and_vmap_keep_the_dtype(name):
    positions = jax.tree.map(lambda x: x.astype(jnp.float32), book())
    stacked = jax.tree.map(lambda x: jnp.stack([x, x]), positions)
    score = jax.jit(jax.vmap(SCORES[name]))(stacked)
    assert score.dtype == jnp.float32
    np.testing.assert_allclose(score[1], SCORES[name](positions), rtol=1e-6)


def test_quantiles_are_fifths():
    score = np.arange(10.0)
    assert quantile(score).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert quantile(np.array([7.0])).tolist() == [4]
    eligible = np.array([False] * 5 + [True] * 5)
    assert quantile(score, eligible).tolist() == [0] * 5 + [0, 1, 2, 3, 4]
    group = np.array([0, 1] * 5)
    assert quantile(score, group=group).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    ties = quantile(np.zeros(5))
    assert ties.tolist() == [4, 3, 2, 1, 0]


@pytest.mark.parametrize(("n", "top"), [(10, 1), (100, 6), (1000, 51)])
def test_whitebit_grades(n, top):
    grade = whitebit_grade(np.arange(float(n)))
    assert int((grade == 4).sum()) == top
    k = np.arange(1, n + 1) / n
    np.testing.assert_array_equal(grade, np.digitize(k, [0.5, 0.73, 0.87, 0.95]))
