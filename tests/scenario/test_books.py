"""Synthetic books: balanced, margined, and as large as the data says."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from adl_jax._types import as_dtype
from adl_jax.scenario import Losers, SyntheticBook, Winners, facts, scenarios
from adl_jax.scenario.structure import draw_structure
from adl_jax.venue import MarginTiers


MARK = jnp.array([100.0, 20.0, 0.5, 3_000.0])
WEIGHT = np.array([0.5, 0.3, 0.15, 0.05])
MARGIN = MarginTiers(
    rate=np.array([[0.0125, 0.025], [0.02, 0.04], [0.05, 0.1], [0.05, 0.1]]),
    floor=np.array([[0.0, 1e5], [0.0, 1e5], [0.0, 1e4], [0.0, 1e4]]),
)


def sampler(**changes):
    return SyntheticBook(MARGIN, WEIGHT, **{"num_accounts": 300} | changes)


def many(books, key, count, mark=MARK):
    return jax.vmap(lambda one: books.sample(one, mark))(jax.random.split(key, count))


def maintenance(book, mark):
    notional = jnp.abs(book.size) * mark[book.market]
    margin = as_dtype(MARGIN, mark.dtype).maintenance(notional, book.market)
    return book.by_account(margin)


@pytest.mark.parametrize("one_position_each", [True, False])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_every_book_is_balanced_and_margined(one_position_each, dtype, getkey):
    books, mark = sampler(one_position_each=one_position_each), MARK.astype(dtype)
    drawn = many(books, getkey(), 20, mark)
    assert drawn.size.dtype == drawn.collateral.dtype == dtype
    longs, shorts = jnp.moveaxis(
        jax.vmap(lambda b: b.open_interest(MARK.size))(drawn), -1, 0
    )
    positions = drawn.size.shape[1]
    slack = positions * jnp.finfo(dtype).eps * shorts
    assert (jnp.abs(longs - shorts) <= slack).all()
    equity = jax.vmap(lambda b: b.equity(mark))(drawn)
    need = jax.vmap(lambda b: maintenance(b, mark))(drawn)
    # The buffer is 1.1; an entry price far from the mark costs digits in float32.
    assert (equity > (1.1 if dtype == jnp.float64 else 1.05) * need * (1 - 1e-9)).all()
    assert (drawn.collateral >= 0).all()


@pytest.mark.parametrize("one_position_each", [True, False])
def test_winners_are_shorts_in_profit_and_losers_longs_in_loss(
    one_position_each, getkey
):
    books = sampler(one_position_each=one_position_each)
    book = books.sample(getkey(), MARK)
    winners, losers = books.winning.score.size, books.losing.score.size
    assert winners + losers + MARK.size == book.num_accounts == 300
    group = jnp.where(
        book.account < winners, 0, jnp.where(book.account < winners + losers, 1, 2)
    )
    assert (book.size[group == 0] < 0).all()
    assert (book.size[group == 1] > 0).all()
    pnl = book.pnl(MARK)
    assert (pnl[:winners] > 0).all()
    assert (pnl[winners : winners + losers] <= 0).all()
    np.testing.assert_allclose(pnl[winners + losers :], 0, atol=1e-9)


def test_losers_hold_their_share_of_each_market(getkey):
    books = sampler(loser_share=0.4)
    book = books.sample(getkey(), MARK)
    winners, losers = books.winning.score.size, books.losing.score.size
    of = lambda low, high: jax.ops.segment_sum(
        jnp.where((book.account >= low) & (book.account < high), book.size, 0),
        book.market,
        MARK.size,
    )
    sold, bought = -of(0, winners), of(winners, winners + losers)
    np.testing.assert_allclose(bought, 0.4 * sold, rtol=1e-12)
    np.testing.assert_allclose(of(winners + losers, 300), 0.6 * sold, rtol=1e-12)


def test_profit_and_equity_are_what_was_drawn(getkey):
    books = sampler(one_position_each=True)
    key = getkey()
    book = books.sample(jax.random.clone(key), MARK)
    for_winners, _ = jax.random.split(key)
    equity, notional, profit = books.winners.sample(
        jax.random.split(for_winners)[0], books.winning.score
    )
    count = notional.size
    np.testing.assert_allclose(book.pnl(MARK)[:count], profit, rtol=1e-9)
    np.testing.assert_allclose(book.notional(MARK)[:count], notional, rtol=1e-12)
    floor = 1.1 * maintenance(book, MARK)[:count] - profit
    np.testing.assert_allclose(
        book.collateral[:count], jnp.maximum(equity, floor), rtol=1e-12
    )
    # Few winners of real sizes lack margin, so that the floor rarely binds.
    assert (equity >= floor).mean() > 0.9


def test_scores_correlate_as_the_matrix_says(getkey):
    winners, count = Winners(), 200_000
    events = jax.random.normal(getkey(), (count,))
    amounts = np.asarray(winners.sample(getkey(), events))
    scores = stats.norm.ppf(
        (stats.rankdata(np.vstack([events, amounts]), axis=1) - 0.5) / count
    )
    # The standard error of a correlation is below 1/sqrt(n).
    np.testing.assert_allclose(
        np.corrcoef(scores), winners.correlation, atol=5 / np.sqrt(count)
    )


def test_rank_correlations_are_those_of_the_data(getkey):
    events = jax.random.normal(getkey(), (18_821,))
    amounts = dict(
        zip(
            ("equity", "notional", "profit"),
            np.asarray(Winners().sample(getkey(), events)),
            strict=True,
        )
    )
    for first, second in (
        ("profit", "equity"),
        ("profit", "notional"),
        ("equity", "notional"),
    ):
        seen = stats.spearmanr(amounts[first], amounts[second]).statistic
        fact = facts()[f"spearman.{first}.{second}"].value
        # Two samples of 18,821, and a copula that is not quite Gaussian.
        assert abs(seen - fact) < 0.025, (first, second)


def test_the_number_of_positions_follows_the_zeta_law():
    count = 20_000
    table = draw_structure(np.random.default_rng(0), count, np.ones(8), 2.34)
    have = np.bincount(np.bincount(table.account, minlength=count), minlength=9)[1:]
    law = np.arange(1, 9.0) ** -2.34
    np.testing.assert_allclose(have / count, law / law.sum(), atol=1 / count)


def test_the_position_table_is_sorted_without_repeats():
    table = draw_structure(np.random.default_rng(1), 500, WEIGHT, 1.2)
    account, market = np.asarray(table.account), np.asarray(table.market)
    assert (np.diff(account) >= 0).all()
    assert len(set(zip(account, market, strict=True))) == account.size
    assert set(account) == set(range(500))
    # More positions go with a higher score.
    number = np.bincount(account)
    assert stats.spearmanr(number, table.score).statistic > 0.5


def test_first_markets_are_spread_by_weight():
    table = draw_structure(np.random.default_rng(2), 400, WEIGHT, None)
    np.testing.assert_allclose(
        np.bincount(table.market, minlength=4), 400 * WEIGHT, atol=1
    )


def test_splitting_keeps_each_accounts_amount(getkey):
    table = draw_structure(np.random.default_rng(3), 100, WEIGHT, 1.1)
    amount = jnp.linspace(1.0, 5.0, 100)
    parts = table.split(getkey(), amount, jnp.asarray(WEIGHT))
    assert (parts > 0).all()
    np.testing.assert_allclose(table.by_account(parts), amount, rtol=1e-12)


def test_open_interest_is_concentrated_as_weights_say(getkey):
    # Heavy tails: the mean share over 2,000 books of 300 accounts.
    books = sampler(one_position_each=True)
    drawn = many(books, getkey(), 2_000)
    interest = jax.vmap(lambda b: b.open_interest(4)[:, 1] * MARK)(drawn)
    share = interest / interest.sum(axis=1, keepdims=True)
    error = share.std(axis=0) / np.sqrt(2_000)
    # Shares are spread to a position of 178 winners.
    assert (np.abs(np.asarray(share.mean(axis=0)) - WEIGHT) < 4 * error + 1 / 178).all()


def test_margin_use_is_a_truncated_lognormal(getkey):
    losers, buffer = Losers(), jnp.asarray(1.1)
    need = jnp.full(20_000, 7.0)
    margin = losers.sample(getkey(), need, buffer)
    use = np.asarray(need / margin.equity)
    log_sd, median = float(losers.margin_use_log_sd), float(losers.margin_use_median)
    end = (np.log(1 / 1.1) - np.log(median)) / log_sd
    law = stats.truncnorm(-np.inf, end, loc=np.log(median), scale=log_sd)
    assert stats.kstest(np.log(use), law.cdf).pvalue > 1e-3
    lost = np.asarray(margin.loss / (margin.loss + margin.equity))
    assert stats.kstest(lost, stats.uniform(0, 0.5).cdf).pvalue > 1e-3
    # 10 to 60x where maintenance is 0.5 %.
    np.testing.assert_allclose(
        np.quantile(use, [0.05, 0.95]) / 0.005, [10, 60], rtol=0.03
    )


def test_sizes_change_with_the_key_and_the_table_does_not(getkey):
    books = sampler()
    key = getkey()
    first, again = (books.sample(jax.random.clone(key), MARK) for _ in range(2))
    other = books.sample(getkey(), MARK)
    for one, two in zip(jax.tree.leaves(first), jax.tree.leaves(again), strict=True):
        assert (one == two).all()
    assert (first.account == other.account).all()
    assert (first.market == other.market).all()
    assert (first.size != other.size).all()
    tables = [sampler(seed=seed).winning.market for seed in (0, 0, 1)]
    assert (tables[0] == tables[1]).all()
    assert tables[0].shape != tables[2].shape or (tables[0] != tables[2]).any()


def test_amounts_scale_with_nothing_but_contracts_with_marks(getkey):
    books, key = sampler(), getkey()
    book = books.sample(jax.random.clone(key), MARK)
    doubled = books.sample(key, 2 * MARK)
    np.testing.assert_allclose(doubled.size, book.size / 2, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(doubled.collateral, book.collateral, rtol=1e-9)


def test_parameters_have_finite_gradients(getkey):
    books = sampler()
    diff, static = jax.tree.flatten(books)
    moving = [jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in diff]
    key = getkey()

    def total(leaves):
        merged = iter(leaves)
        full = [
            next(merged) if m else leaf for m, leaf in zip(moving, diff, strict=True)
        ]
        book = jax.tree.unflatten(static, full).sample(jax.random.clone(key), MARK)
        return jnp.log(book.collateral).sum() + jnp.log(book.entry_price).sum()

    grads = jax.grad(total)([leaf for m, leaf in zip(moving, diff, strict=True) if m])
    assert all(jnp.isfinite(grad).all() for grad in grads)
    assert sum(float(jnp.abs(grad).sum()) for grad in grads) > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_accounts": 5}, "no winners or no losers"),
        ({"winner_share": 1.0}, "no winners or no losers"),
        ({"loser_share": 1.5}, "loser_share"),
        ({"maker_leverage": 2.0}, "maker_leverage"),
        ({"buffer": 1.0}, "buffer"),
    ],
)
def test_bad_parameters_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        sampler(**change)


def test_bad_parts_are_refused():
    with pytest.raises(ValueError, match="market_weight"):
        SyntheticBook(MARGIN, [0.5, 0.5, 0.0, 0.1])
    with pytest.raises(ValueError, match="4 markets, market_weight 3"):
        SyntheticBook(MARGIN, [0.5, 0.5, 0.1])
    with pytest.raises(ValueError, match="symmetric"):
        Winners(correlation=np.eye(4) + np.triu(np.full((4, 4), 0.1), 1))
    with pytest.raises(ValueError, match="eigenvalue"):
        Winners(correlation=np.full((4, 4), -0.9) + 1.9 * np.eye(4))
    with pytest.raises(ValueError, match="margin_lost"):
        Losers(margin_lost=1.0)


def test_a_book_of_the_registry_passes_the_books_own_checks(getkey):
    scenario = scenarios["default"](one_position_each=False, num_accounts=120)
    book = scenario.books.sample(getkey(), scenario.market.mark)
    dataclasses.replace(book)  # Checks again, now that values are known.
