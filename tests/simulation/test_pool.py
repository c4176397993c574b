"""A pool's limit on profit, through rounds (GMX v2)."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adl_jax
from adl_jax import Book, InputError, Market, Policy, ProRata, Shocks, Venue
from adl_jax.settle import open_contracts, open_ledger, total_cash
from adl_jax.severity import Fixed
from adl_jax.venue import Fund, PoolLimit, flat_margin, profit_factor, venues


def world(fund, **rules):
    """Three longs against one short; a rise of 20 % makes the longs 20, 40 and 60."""
    book = Book(
        account=[0, 1, 2, 3],
        market=[0, 0, 0, 0],
        size=[1.0, 2.0, 3.0, -6.0],
        entry_price=[100.0, 100.0, 100.0, 100.0],
        collateral=[100.0, 200.0, 300.0, 900.0],
    )
    market = Market(mark=[100.0], impact=[0.0], depth=[1e9])
    venue = Venue(
        flat_margin(jnp.array([0.01])),
        fund=Fund(fund),
        pool=PoolLimit(0.55, 0.5),
        settlement="contracts",
        leaves=False,
        **rules,
    )
    return book, market, venue


def run(book, market, venue, *returns):
    shocks = Shocks(jnp.log(jnp.asarray(returns))[:, None])
    policy = Policy(Fixed(1.0), ProRata())
    return adl_jax.simulate(jax.random.key(0), book, market, venue, policy, shocks)


def test_profit_closes_down_to_the_target():
    # P = 120, V = 200: 0.6 is above 0.55, and (120 - x) / (200 - x) = 0.5 at x = 40.
    book, market, venue = world(200.0)
    done = run(book, market, venue, 1.2)
    assert done.records.venue.profit_closed[0] == pytest.approx(40)
    assert done.ledger.fund == pytest.approx(160)
    left = jnp.maximum(done.ledger.pnl, 0).sum()
    assert profit_factor(left, done.ledger.fund) == pytest.approx(0.5)
    # All returns are equal, and ties go to the first: 20 of the first, 20 of the second.
    np.testing.assert_allclose(done.ledger.book.size, [0, 1, 3, -6], atol=1e-12)
    np.testing.assert_allclose(done.ledger.book.collateral, [120, 220, 300, 900])


def test_the_score_says_who():
    foremost = lambda positions: positions.size
    book, market, venue = world(200.0, score=foremost)
    done = run(book, market, venue, 1.2)
    np.testing.assert_allclose(done.ledger.book.size, [1, 2, 1, -6], atol=1e-12)


def test_nothing_closes_below_the_limit():
    book, market, venue = world(220.0)  # 120 / 220 = 0.545
    done = run(book, market, venue, 1.2)
    assert done.records.venue.profit_closed[0] == 0
    np.testing.assert_array_equal(done.ledger.book.size, book.size)


def test_profit_beyond_the_pool_closes_in_full():
    book, market, venue = world(50.0)
    done = run(book, market, venue, 1.2)
    assert done.records.venue.profit_closed[0] == pytest.approx(120)
    assert done.ledger.fund == 0
    np.testing.assert_allclose(done.ledger.book.size, [0, 0, 0, -6], atol=1e-12)


def test_a_pool_of_each_market_pays_for_its_own():
    two = Book(
        account=[0, 1, 2, 3],
        market=[0, 0, 1, 1],
        size=[6.0, -6.0, 6.0, -6.0],
        entry_price=[100.0, 100.0, 100.0, 100.0],
        collateral=[900.0, 900.0, 900.0, 900.0],
    )
    market = Market(mark=[100.0, 100.0], impact=[0.0, 0.0], depth=[1e9, 1e9])
    _, _, venue = world(1.0)
    venue = dataclasses.replace(
        venue,
        margin=flat_margin(jnp.array([0.01, 0.01])),
        fund=Fund(jnp.array([200.0, 1000.0])),
    )
    shocks = Shocks(jnp.log(jnp.array([[1.2, 1.2]])))
    policy = Policy(Fixed(1.0), ProRata())
    done = adl_jax.simulate(jax.random.key(0), two, market, venue, policy, shocks)
    np.testing.assert_allclose(done.ledger.fund, [160, 1000])
    np.testing.assert_allclose(done.ledger.book.size, [4, -6, 6, -6])


def test_money_and_contracts_are_conserved():
    draw = np.random.default_rng(0)
    book, market, venue = world(200.0)
    start = open_ledger(book, market, venue)
    for _ in range(20):
        done = run(book, market, venue, *np.exp(draw.normal(0.05, 0.2, 5)))
        np.testing.assert_allclose(
            total_cash(done.ledger), total_cash(start), rtol=1e-12
        )
        np.testing.assert_allclose(open_contracts(done.ledger), 0, atol=1e-12)
        assert (done.ledger.fund >= 0).all()


def test_gmx_has_the_limit_and_a_bad_one_is_refused():
    assert venues["gmx"](20.0, fund=1.0).pool is not None
    with pytest.raises(InputError, match=r"target is 0.6.*above most"):
        PoolLimit(0.5, 0.6)
