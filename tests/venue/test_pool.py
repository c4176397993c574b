"""Pools that pay traders: when profit is closed, how much, and which orders fail."""

import jax.numpy as jnp
import numpy as np
import pytest

from adl_jax.venue import capped_profit, order_rejected, profit_factor, profit_to_close


MOST, LEAST = 0.55, 0.50


def test_factor():
    got = profit_factor(jnp.array([55.0, -5.0, 1.0, 0.0]), jnp.array([100.0, 10, 0, 0]))
    np.testing.assert_array_equal(got, [0.55, -0.5, np.inf, 0])


def test_profit_to_close_by_hand():
    """Profit 60 of a pool of 100: closing 20 leaves 40 of 80, a factor of one half."""
    profit, pool = jnp.array(60.0), jnp.array(100.0)
    np.testing.assert_allclose(profit_to_close(profit, pool, LEAST), 20)
    np.testing.assert_allclose(profit_to_close(profit, pool, MOST), 5 / 0.45)


@pytest.mark.parametrize("factor", [0.0, 0.5, 0.55, 0.95])
def test_closing_it_reaches_the_factor(factor):
    profit, pool = jnp.array([60.0, 99.0, 100.0]), jnp.array([100.0, 100.0, 101.0])
    closed = profit_to_close(profit, pool, factor)
    after = profit_factor(profit - closed, pool - closed)
    np.testing.assert_allclose(
        after, np.minimum(factor, profit / pool), rtol=1e-9, atol=1e-12
    )


def test_nothing_to_close():
    profit, pool = jnp.array([50.0, -10.0, 0.0]), jnp.array([100.0, 100.0, 0.0])
    np.testing.assert_array_equal(profit_to_close(profit, pool, MOST), [0, 0, 0])


def test_a_pool_that_owes_more_than_it_has_closes_everything():
    """Each dollar closed raises 120 / 100: no part of it would help."""
    np.testing.assert_array_equal(
        profit_to_close(jnp.array([120.0, 100.0]), jnp.array([100.0, 100.0]), LEAST),
        [120, 100],
    )


@pytest.mark.parametrize(
    ("profit", "pool", "closed", "rejected"),
    [
        (60.0, 100.0, 15.0, False),
        (60.0, 100.0, 19.99, False),
        (60.0, 100.0, 20.01, True),  # 39.99 of 79.99 is below one half
        (55.0, 100.0, 1.0, True),  # not above the maximum: ADL is off
        (60.0, 100.0, 0.0, True),  # the factor does not fall
        (120.0, 100.0, 10.0, True),  # it rises
    ],
)
def test_orders(profit, pool, closed, rejected):
    got = order_rejected(
        jnp.array(profit), jnp.array(pool), jnp.array(closed), MOST, LEAST
    )
    assert bool(got) is rejected


def test_an_order_of_the_least_amount_passes_and_switches_adl_off():
    profit, pool = jnp.array(80.0), jnp.array(100.0)
    closed = profit_to_close(profit, pool, MOST)
    assert not bool(order_rejected(profit, pool, closed, MOST, LEAST))
    np.testing.assert_allclose(profit_factor(profit - closed, pool - closed), MOST)


def test_capped_profit_scales_everyones_profit():
    """A cap of 0.6 of 100 on a profit of 80: three quarters of it are paid."""
    pnl, profit, pool = (
        jnp.array([20.0, 60.0, -5.0]),
        jnp.full(3, 80.0),
        jnp.full(3, 100),
    )
    pool = pool.astype(float)
    np.testing.assert_allclose(capped_profit(pnl, profit, pool, 0.6), [15, 45, -5])
    np.testing.assert_allclose(capped_profit(pnl, profit, pool, 0.9), [20, 60, -5])
    nothing = capped_profit(pnl, jnp.zeros(3), pool, 0.6)
    np.testing.assert_array_equal(nothing, pnl)
