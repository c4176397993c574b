"""Tier ladders against a lookup, and prices at which accounts fail."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from adl_jax import Book
from adl_jax.venue import (
    MarginTiers,
    bankruptcy_price,
    flat_margin,
    liquidation_price,
    venues,
)


RATE = np.array([[0.004, 0.005, 0.01, 0.5], [0.0125, 0.025, 0.025, 0.025]])
FLOOR = np.array([[0.0, 50e3, 250e3, 1e6], [0.0, 150e6, 150e6, 150e6]])


def looked_up(rate, floor, notional):
    """A venue's table: notional * rate - deduction of the tier it is in."""
    tier = len(floor) - 1
    while floor[tier] > notional:
        tier -= 1
    deduction = sum(floor[k] * (rate[k] - rate[k - 1]) for k in range(1, tier + 1))
    return rate[tier] * notional - deduction


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(
        st.one_of(
            st.floats(0, 1e9),
            st.sampled_from(FLOOR.ravel().tolist()),
            # Next to a floor, on both sides.
            st.sampled_from(FLOOR.ravel().tolist()).map(lambda x: np.nextafter(x, 2e9)),
            st.sampled_from(FLOOR[:, 1:].ravel().tolist()).map(
                lambda x: np.nextafter(x, 0)
            ),
        ),
        min_size=12,
        max_size=12,
    )
)
def test_a_ladder_is_a_table(notional):
    market = np.arange(12) % 2
    got = MarginTiers(RATE, FLOOR).maintenance(
        jnp.asarray(notional), jnp.asarray(market)
    )
    want = [
        looked_up(RATE[m], FLOOR[m], n) for m, n in zip(market, notional, strict=True)
    ]
    # Margins near a floor are differences of products with it.
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-15 * FLOOR.max())


@pytest.mark.parametrize("market", [0, 1])
def test_margin_is_continuous_at_every_floor(market):
    floors = jnp.asarray(np.unique(FLOOR[market])[1:])
    index = jnp.full(floors.shape, market)
    tiers = MarginTiers(RATE, FLOOR)
    at, below = (tiers.maintenance(x, index) for x in (floors, floors * (1 - 1e-9)))
    np.testing.assert_allclose(at, below, rtol=1e-7)
    slope = jax.vmap(jax.grad(lambda n, m: tiers.maintenance(n[None], m[None])[0]))
    np.testing.assert_allclose(
        slope(floors * 1.01, index), np.unique(RATE[market])[1:], rtol=1e-12
    )


def test_hyperliquid_tier_deduction():
    """BTC, 200 million USD: 200M * 2.5 % - 150M * 1.25 % = 3.125M."""
    margin = venues["hyperliquid"](np.array([40.0])).margin
    got = margin.maintenance(jnp.array([200e6]), jnp.array([0]))
    np.testing.assert_allclose(got, 3.125e6, rtol=1e-14)
    np.testing.assert_allclose(margin.deduction, [[0, 1.875e6]], rtol=1e-14)


def test_binance_brackets():
    """BTCUSDT's ladder, against its slices: 20 million starts the bracket of 10 %."""
    margin = venues["binance"](np.array([125.0])).margin
    got = margin.maintenance(jnp.array([50e3, 250e3, 20e6]), jnp.array([0, 0, 0]))
    by_slices = (
        *(200, 200 + 200e3 * 0.005),
        200 + 200e3 * 0.005 + 750e3 * 0.01 + 9e6 * 0.025 + 10e6 * 0.05,
    )
    np.testing.assert_allclose(got, by_slices, rtol=1e-12)


def test_flat_margin():
    margin = flat_margin(jnp.array([0.01, 0.05]))
    got = margin.maintenance(jnp.array([100.0, 100.0, 3.0]), jnp.array([0, 1, 1]))
    np.testing.assert_allclose(got, [1, 5, 0.15])


@pytest.mark.parametrize(
    ("rate", "floor", "message"),
    [
        ([[0.1, 0.05]], [[0, 1]], r"MarginTiers.rate\[0, 1\] is below the tier before"),
        ([[0.1, 0.2]] * 2, [[0, 1], [0, -1.0]], r"MarginTiers.floor\[1, 1\] is -1.0"),
        ([[0.1, 0.2, 0.3]], [[0, 5, 4.0]], r"MarginTiers.floor\[0, 2\] is below"),
        ([[0.1, 1.2]], [[0, 1]], r"MarginTiers.rate\[0, 1\] is 1.2.*between 0 and 1"),
        ([[np.nan]], [[0]], r"MarginTiers.rate\[0, 0\] is nan"),
        ([0.1], [0.0], r"rate has shape \(1,\).*both are \(markets, tiers\)"),
        ([[0.1, 0.2]], [[0.0]], r"rate has shape \(1, 2\) and floor \(1, 1\)"),
        ([[0.1]] * 2, [[0.0], [7.0]], r"floor\[1, 0\] is 7.0: the first tier starts a"),
    ],
)
def test_ladders_that_do_not_rise_are_refused(rate, floor, message):
    with pytest.raises(ValueError, match=message):
        MarginTiers(np.array(rate), np.array(floor, float))


# C-(9), (10) and 2.2.1 at a price of 1 and a margin of 10 %: signed size, collateral,
# bankruptcy price, liquidation price. The last one is printed as 1.0010, but
# 1.1010 / 1.1 = 1.0009.
COMPANION = [
    (1.0, 2 / 3, 0.3333, 0.3704),
    (-4.0, 8 / 3, 1.6667, 1.5152),
    (1.0, 2 / 19, 0.8947, 0.9942),
    (-1.0, 10 / 99, 1.1010, 1.0009),
]


def prices(book, mark, rate):
    """Bankruptcy and liquidation prices of single positions."""
    bankruptcy = bankruptcy_price(
        book.size, mark[book.market], book.equity(mark), book.notional(mark)
    )
    return bankruptcy, liquidation_price(bankruptcy, book.size, rate)


@pytest.mark.parametrize("mark", [1.0, 1.05, 0.97])
@pytest.mark.parametrize(("size", "collateral", "bankrupt", "liquidated"), COMPANION)
def test_companion_prices(size, collateral, bankrupt, liquidated, mark):
    """Anchored at entry: they do not move with the mark, as C-(9) printed would."""
    book = Book([0], [0], [size], [1.0], [collateral])
    got = prices(book, jnp.array([mark]), jnp.array([0.1]))
    np.testing.assert_allclose(np.ravel(got), [bankrupt, liquidated], atol=5e-5)


def test_companion_bad_debt():
    """C-(12): 0.4 long with p_bk 0.8747 executed at 0.78 owe 0.0379."""
    book = Book([0], [0], [0.4], [1.0], [0.4 * (1 - 0.8747)])
    bankrupt, _ = prices(book, jnp.array([1.0]), jnp.array([0.1]))
    np.testing.assert_allclose(bankrupt, 0.8747, rtol=1e-14)
    np.testing.assert_allclose(book.equity(jnp.array([0.78])), -0.0379, atol=5e-5)


def test_dydx_bankruptcy():
    """B posts 100, sells 500 at 1; at 2 it has -400, and A gets 100 instead of 500."""
    book = Book([0, 1], [0, 0], [500.0, -500.0], [1.0, 1.0], [100.0, 100.0])
    mark = jnp.array([2.0])
    np.testing.assert_allclose(book.equity(mark), [600, -400])
    bankrupt, _ = prices(book, mark, jnp.array([0.1, 0.1]))
    np.testing.assert_allclose(bankrupt[1], 1.2, rtol=1e-14)
    got = book.size[0] * (bankrupt[1] - book.entry_price[0])
    np.testing.assert_allclose([book.pnl(mark)[0], got], [500, 100])


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    markets=st.integers(1, 5),
    side=st.sampled_from([(1,), (-1,), (-1, 1)]),
)
def test_bankruptcy_prices_use_up_an_accounts_equity(seed, markets, side):
    """Sum over an account of (mark - p_bk) * size = equity, also where it is negative."""
    draw = np.random.default_rng(seed)
    accounts, most = 6, 5
    account, market = np.divmod(np.arange(accounts * most), most)
    size = draw.lognormal(0, 2, account.size) * draw.choice(side, account.size)
    book = Book(
        account,
        market,
        np.where(market < markets, size, 0),
        draw.uniform(1, 10, size.size),
        draw.uniform(0, 50, accounts),
    )
    mark = jnp.asarray(draw.uniform(1, 10, most))
    equity, notional = book.equity(mark), book.notional(mark)
    price = bankruptcy_price(
        book.size, mark[book.market], book.of_account(equity), book.of_account(notional)
    )
    used = book.by_account((mark[book.market] - price) * book.size)
    np.testing.assert_allclose(used, equity, rtol=1e-11, atol=1e-12 * notional.max())


def test_positions_fail_in_proportion_to_notional():
    """Half the notional each: half the equity of 30 moves each price."""
    price = bankruptcy_price(
        jnp.array([10.0, -5.0]),
        jnp.array([10.0, 20.0]),
        jnp.array([30.0, 30.0]),
        jnp.array([200.0, 200.0]),
    )
    np.testing.assert_allclose(price, [10 - 1.5, 20 + 3.0])


def test_no_position_has_the_mark_as_its_price():
    price = bankruptcy_price(
        jnp.zeros(2), jnp.array([3.0, 4.0]), jnp.ones(2), jnp.array([0.0, 7.0])
    )
    np.testing.assert_array_equal(price, [3, 4])


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_equity_at_the_liquidation_price_is_the_margin(seed):
    draw = np.random.default_rng(seed)
    n = 8
    size = draw.lognormal(0, 1, n) * draw.choice([-1, 1], n)
    entry, rate = draw.uniform(1, 10, n), draw.uniform(0.001, 0.2, n)
    collateral = np.abs(size) * entry * draw.uniform(0.01, 0.9, n)
    book = Book(np.arange(n), np.arange(n), size, entry, collateral)
    _, liquidated = prices(book, jnp.asarray(entry), jnp.asarray(rate))
    np.testing.assert_allclose(
        book.equity(liquidated), rate * np.abs(size) * liquidated, rtol=1e-9, atol=1e-12
    )
