"""How much is closed, by rule; and the size whose sale restores the margin."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import brentq

from adl_jax import Book
from adl_jax.venue import Full, Slice, ToMargin, greedy_liquidation_size


BOOK = Book([0, 0, 1, 2], [0, 1, 0, 0], [1.0, -2, 3, 4], np.ones(4), np.ones(3))
NOTIONAL = jnp.array([150e3, 100e3, 20e3, 100_001.0])
EQUITY = jnp.array([300.0, -5.0, 0.0])
MAINTENANCE = jnp.array([400.0, 10.0, 0.0])


def share(rule):
    return np.asarray(rule(BOOK, NOTIONAL, EQUITY, MAINTENANCE))


def test_full():
    np.testing.assert_array_equal(share(Full()), np.ones(4))


def test_slice_closes_large_positions_in_part():
    """A fifth above 100,000 USD; exactly at it is not above it."""
    np.testing.assert_allclose(share(Slice()), [0.2, 1, 1, 0.2])
    np.testing.assert_allclose(share(Slice(0.5, 0.0)), np.full(4, 0.5))


def test_to_margin():
    """1 - 300 / (1.5 * 400) = 0.5; nothing left of one who owes; none without margin."""
    np.testing.assert_allclose(share(ToMargin()), [0.5, 0.5, 1, 0])
    np.testing.assert_allclose(share(ToMargin(1.0)), [0.25, 0.25, 1, 0])


@pytest.mark.parametrize("target", [1.0, 1.5, 3.0])
def test_to_margin_reaches_its_target(target):
    """With the share closed, equity is the target times the margin that is left."""
    closed = share(ToMargin(target))[0]
    np.testing.assert_allclose(EQUITY[0], target * (1 - closed) * MAINTENANCE[0])


def test_an_account_over_its_target_closes_nothing():
    rule = ToMargin(1.0)
    got = rule(BOOK, NOTIONAL, 2 * MAINTENANCE, MAINTENANCE)
    np.testing.assert_array_equal(got, np.zeros(4))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Slice(1.5), "Slice.share is 1.5: it must be between 0 and 1"),
        (lambda: Slice(0.5, -1.0), "Slice.above is -1.0.*at least 0"),
        (lambda: ToMargin(0.9), "ToMargin.target is .*0.9.*at least 1"),
    ],
)
def test_bad_rules_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_companion_greedy_size():
    """C-(11): p = 100, q = 10, mu = 0.05, e = 40, a = 0.2 and no fee."""
    got = greedy_liquidation_size(100.0, 10.0, 0.05, 40.0, 0.2)
    np.testing.assert_allclose(got, 2.087, atol=5e-4)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    price=st.floats(1, 1e3),
    size=st.floats(0.1, 1e3),
    rate=st.floats(0.005, 0.2),
    cover=st.floats(0.0, 0.999),
    impact=st.floats(0.0, 1.0),
    fee=st.floats(0.0, 0.1),
)
def test_greedy_size_against_a_root_finder(price, size, rate, cover, impact, fee):
    """Equity after selling q at p - a*q/2 on average, less the margin of what is left."""
    maintenance = rate * price * size
    equity, fee = cover * maintenance, fee * maintenance
    # Up to the slope at which selling everything just stops helping, and beyond.
    slope = 2 * impact * rate * price / size

    def missing(q):
        return rate * price * (size - q) - (equity - fee - slope / 2 * q * q)

    got = float(greedy_liquidation_size(price, size, rate, equity, slope, fee))
    # missing falls until q = rate * price / slope, so a root before it is the least one.
    turn = min(size, rate * price / slope) if slope > 0 else size
    if missing(turn) < -1e-9 * maintenance:
        want = brentq(missing, 0, turn, xtol=1e-12 * size, rtol=1e-12)
        assert got == pytest.approx(want, rel=1e-6)
    elif missing(turn) > 1e-9 * maintenance:
        assert got == pytest.approx(size)


def test_greedy_size_at_its_edges():
    """Enough equity, none that is enough, and no impact at all."""
    assert float(greedy_liquidation_size(100.0, 10.0, 0.05, 60.0, 0.2)) == 0
    assert float(greedy_liquidation_size(100.0, 10.0, 0.05, -500.0, 0.2)) == 10
    flat = greedy_liquidation_size(100.0, 10.0, 0.05, 40.0, 0.0)
    np.testing.assert_allclose(flat, 2)
    slopes = jax.vmap(
        jax.grad(lambda a: greedy_liquidation_size(100.0, 10.0, 0.05, 40.0, a))
    )(jnp.array([0.0, 0.2, 5.0]))
    assert bool(jnp.isfinite(slopes).all())
    assert float(slopes[1]) > 0
