"""Books: what is refused, and derived amounts against loops over positions."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from adl_jax import Book
from adl_jax.result import InputError


def fields(**changes):
    """Three accounts in three markets; the last account has no position."""
    good = {
        "account": np.array([0, 0, 1, 1]),
        "market": np.array([0, 2, 0, 1]),
        "size": np.array([2.0, -10.0, -2.0, 4.0]),
        "entry_price": np.array([100.0, 5.0, 90.0, 20.0]),
        "collateral": np.array([50.0, 80.0, 7.0]),
    }
    return good | changes


def changed(name, index, value):
    array = fields()[name].copy()
    array[index] = value
    return {name: array}


def random_fields(seed, accounts=40, markets=5, positions=80):
    """Accounts in none to all markets, some positions of size 0; of one shape."""
    draw = np.random.default_rng(seed)
    pairs = np.sort(draw.choice(accounts * markets, positions, replace=False))
    account, market = np.divmod(pairs, markets)
    size = draw.normal(size=account.size) * 10 ** draw.uniform(-3, 3, account.size)
    size[draw.random(account.size) < 0.1] = 0
    return {
        "account": account,
        "market": market,
        "size": size,
        "entry_price": draw.uniform(0.1, 100, account.size),
        "collateral": draw.pareto(1.0, accounts) * 100,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (changed("size", 2, np.nan), r"Book.size\[2\] is nan: it must be finite"),
        (changed("size", 1, np.inf), r"Book.size\[1\] is inf: it must be finite"),
        (
            changed("entry_price", 3, np.nan),
            r"Book.entry_price\[3\] is nan.*finite and at least 0",
        ),
        (
            changed("entry_price", 1, -2.0),
            r"Book.entry_price\[1\] is -2.0.*at least 0",
        ),
        (
            changed("entry_price", 2, 0.0),
            r"Book.entry_price\[2\] is 0: give the average entry price",
        ),
        (
            changed("collateral", 1, -3.5),
            r"Book.collateral\[1\] is -3.5: it must be finite and at least 0",
        ),
        (changed("collateral", 2, np.nan), r"Book.collateral\[2\] is nan"),
        (
            changed("account", 3, 3),
            "row 3: account 3, market 1: accounts are numbered 0 to 2",
        ),
        (
            changed("account", 0, -1),
            "row 0: account -1, market 0: accounts are numbered 0 to 2",
        ),
        (
            changed("market", 1, -1),
            "row 1: account 0, market -1: markets are numbered from 0",
        ),
        (
            {"account": np.array([0, 1, 0, 1]), "market": np.array([0, 2, 1, 1])},
            "row 2: account 0, market 1: sort the positions by account",
        ),
        (
            changed("market", 3, 0),
            "row 3: account 1, market 0: the account has a position in this market",
        ),
        ({"size": np.ones(3)}, r"Book.account has shape \(4,\)"),
        ({"entry_price": np.ones(5)}, r"Book.entry_price has shape \(5,\).*size has"),
        (
            {"size": np.ones((2, 2))},
            r"Book.size has shape \(2, 2\): give \(positions,\)",
        ),
        ({"collateral": 3.0}, r"Book.collateral has shape \(\): give \(accounts,\)"),
        ({"account": np.zeros(4)}, "Book.account is float64: give whole numbers"),
        ({"market": np.zeros(4, bool)}, "Book.market is bool: give whole numbers"),
        ({"owner": np.zeros(3)}, "Book.owner is float64: give whole numbers"),
        ({"owner": np.array([0, 1])}, r"Book.owner has shape \(2,\) for 3 accounts"),
        (
            {"holdings": np.ones(3)},
            r"Book.holdings has shape \(3,\): give \(accounts, ",
        ),
        ({"holdings": np.ones((2, 1))}, r"Book.holdings has shape \(2, 1\) for 3 acc"),
        (
            {"holdings": np.array([[1.0, 0.0], [0.0, -2.0], [0.0, 0.0]])},
            r"Book.holdings\[1, 1\] is -2.0",
        ),
        ({"one_position_each": True}, "there are 4 positions for 3 accounts"),
    ],
)
def test_bad_books_are_refused(changes, message):
    Book(**fields())
    with pytest.raises(ValueError, match=message):
        Book(**fields(**changes))


def test_one_position_each_needs_account_i_in_row_i():
    isolated = {"collateral": np.ones(4), "one_position_each": True}
    Book(**fields(account=np.arange(4), **isolated))
    with pytest.raises(
        InputError, match="row 2: account 1, market 0: one_position_eac"
    ):
        Book(**fields(account=np.array([0, 1, 1, 3]), **isolated))


def test_traced_books_are_not_checked():
    """What is known is still checked: here the shapes, not the price of 0."""

    def equity(price):
        return Book(**fields(entry_price=price)).equity(jnp.ones(3)).sum()

    assert np.isfinite(jax.jit(equity)(np.zeros(4)))
    with pytest.raises(InputError, match="has shape"):
        jax.jit(equity)(np.zeros(5))


def test_an_empty_table_is_a_book():
    none = np.zeros(0)
    book = Book(none.astype(int), none.astype(int), none, none, np.array([5.0, 6.0]))
    np.testing.assert_array_equal(book.equity(jnp.ones(2)), [5, 6])
    np.testing.assert_array_equal(book.open_interest(2), np.zeros((2, 2)))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_derived_amounts_against_loops(seed):
    given_fields = random_fields(seed)
    mark = np.random.default_rng(seed + 1).uniform(0.1, 100, 5)
    pnl, notional, interest = np.zeros(40), np.zeros(40), np.zeros((5, 2))
    for row, account in enumerate(given_fields["account"]):
        market, size = given_fields["market"][row], given_fields["size"][row]
        pnl[account] += size * (mark[market] - given_fields["entry_price"][row])
        notional[account] += abs(size) * mark[market]
        interest[market, int(size < 0)] += abs(size)
    book, mark = Book(**given_fields), jnp.asarray(mark)
    equity = given_fields["collateral"] + pnl
    scale = 1e-12 * (notional.max(initial=1) + equity.max())
    for got, want in [
        (book.pnl(mark), pnl),
        (book.equity(mark), equity),
        (book.notional(mark), notional),
        (book.open_interest(5), interest),
        (book.solvency(mark), equity.sum()),
    ]:
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=scale)
    assert book.num_accounts == 40
    assert book.num_positions == given_fields["size"].size


def test_one_position_each_gives_the_same_sums():
    isolated = fields(account=np.arange(4), collateral=np.arange(4.0))
    general, each = Book(**isolated), Book(**isolated, one_position_each=True)
    mark = jnp.array([90.0, 25.0, 4.0])
    for name in ("pnl", "equity", "notional", "solvency"):
        np.testing.assert_array_equal(
            getattr(general, name)(mark), getattr(each, name)(mark)
        )
    values = jnp.arange(8.0).reshape(4, 2)
    np.testing.assert_array_equal(general.of_account(values), each.of_account(values))


def test_sums_and_lookups_take_trailing_axes():
    book = Book(**fields())
    values = jnp.arange(8.0).reshape(4, 2)
    np.testing.assert_array_equal(book.by_account(values), [[2, 4], [10, 12], [0, 0]])
    rows = jnp.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(book.of_account(rows), np.asarray(rows)[[0, 0, 1, 1]])


def test_dtype_follows_the_collateral_and_prices():
    for dtype in (np.float32, np.float64):
        cast = {
            name: value.astype(dtype) if value.dtype == float else value
            for name, value in fields().items()
        }
        book = Book(**cast)
        assert book.equity(jnp.ones(3, dtype)).dtype == dtype
    assert Book([0], [0], [1], [2], [3]).collateral.dtype == jnp.float64


def test_owners_add_up_their_accounts():
    book = Book(
        account=[0, 1, 2],
        market=[0, 0, 0],
        size=[1.0, -2.0, 1.0],
        entry_price=[10.0, 10.0, 10.0],
        collateral=[5.0, 6.0, 7.0],
        owner=[1, 0, 1],
    )
    np.testing.assert_array_equal(book.by_owner(book.collateral, 2), [6.0, 12.0])
    alone = dataclasses.replace(book, owner=None)
    with pytest.raises(InputError, match=r"Book.owner is not given"):
        alone.by_owner(book.collateral, 2)


ROWS = {
    "account": ["x", "a", "m", "a"],
    "market": ["ETH", "BTC", "BTC", "ETH"],
    "size": [4.0, -1.0, 1.0, -4.0],
    "entry_price": [3.0, 95.0, 90.0, 3.5],
    "collateral": [10.0, 50.0, 20.0, 50.0],
}


@pytest.mark.parametrize("kind", [dict, pd.DataFrame, pa.table])
def test_a_table_of_positions_is_a_book_in_any_order(kind):
    book = Book.from_table(kind(ROWS))
    np.testing.assert_array_equal(book.account, [0, 0, 1, 2])
    np.testing.assert_array_equal(book.market, [0, 1, 0, 1])
    np.testing.assert_array_equal(book.size, [-1, -4, 1, 4])
    np.testing.assert_array_equal(book.entry_price, [95, 3.5, 90, 3])
    np.testing.assert_array_equal(book.collateral, [50, 20, 10])
    assert not book.one_position_each
    turned = Book.from_table(kind(ROWS), markets=["SOL", "ETH", "BTC"])
    np.testing.assert_array_equal(turned.market, [1, 2, 2, 1])
    np.testing.assert_array_equal(turned.size, [-4, -1, 1, 4])
    assert Book.from_table(pd.DataFrame(ROWS).iloc[:3]).one_position_each


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": None}, "no column 'size'"),
        ({"collateral": [10.0, 50.0, 20.0, 51.0]}, "account a has collateral"),
        ({"collateral": [10.0, np.nan, 20.0, 50.0]}, "row 1: collateral is nan"),
        ({"account": [1.0, np.nan, 2.0, 3.0]}, "row 1: account is nan"),
        ({"account": ["x", "a", None, "a"]}, "row 2: account is None"),
        ({"size": ["4", "-1", "1", "-4"]}, "column 'size' is .*: give numbers"),
        ({"size": [np.inf, -1.0, 1.0, -4.0]}, "row 0: size is inf"),
        ({"size": [4.0]}, "different lengths"),
        ({"market": ["ETH", "BTC", "BTC", "DOGE"]}, "row 3: market DOGE"),
        ({"entry_price": [3.0, -95.0, 90.0, 3.5]}, "entry_price"),
        ({"account": ["x", "a", "m", "x"], "collateral": [9.0] * 4}, "net them"),
    ],
)
def test_a_table_that_is_no_book_is_refused(change, message):
    rows = {name: row for name, row in (ROWS | change).items() if row is not None}
    with pytest.raises(ValueError, match=message):
        Book.from_table(rows, markets=["BTC", "ETH"])


@pytest.mark.parametrize(
    ("markets", "message"),
    [(["BTC", "ETH", "BTC"], "twice"), ([], "row 0: market ETH")],
)
def test_markets_are_named_once_each(markets, message):
    with pytest.raises(InputError, match=message):
        Book.from_table(ROWS, markets=markets)
