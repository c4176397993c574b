"""Books from a snapshot: whole accounts, and makers for what does not balance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adl_jax
from adl_jax.scenario import Bootstrap, Given


MARK = jnp.array([100.0, 5.0, 1.0])


def snapshot(**changes):
    """Five accounts, one without positions, longs and shorts out of balance."""
    fields = {
        "account": [0, 0, 1, 2, 2, 2, 4],
        "market": [0, 2, 1, 0, 1, 2, 0],
        "size": [1.0, -7.0, 20.0, -3.0, 4.0, 50.0, 0.5],
        "entry_price": [90.0, 1.5, 4.0, 120.0, 5.5, 0.8, 101.0],
        "collateral": [10.0, 20.0, 300.0, 40.0, 50.0],
    }
    return adl_jax.Book(**fields | changes)


def accounts_of(book, count):
    """Each account as what it holds: collateral and (market, size, entry) rows."""
    rows = zip(
        *(np.asarray(x).tolist() for x in (book.account, book.market, book.size)),
        np.asarray(book.entry_price).tolist(),
        strict=True,
    )
    held = [[] for _ in range(count)]
    for account, market, size, entry in rows:
        if account < count and size != 0:
            held[account].append((market, size, entry))
    collateral = np.asarray(book.collateral).tolist()
    return [
        (collateral[account], tuple(sorted(held[account]))) for account in range(count)
    ]


def test_given_is_the_book_in_the_dtype_of_the_marks(getkey):
    book = snapshot()
    same = Given(book).sample(getkey(), MARK)
    for one, two in zip(jax.tree.leaves(book), jax.tree.leaves(same), strict=True):
        assert one.dtype == two.dtype
        assert (one == two).all()
    narrow = Given(book).sample(getkey(), MARK.astype(jnp.float32))
    assert narrow.size.dtype == narrow.collateral.dtype == jnp.float32


def test_accounts_are_drawn_whole(getkey):
    book = snapshot()
    drawn = Bootstrap(book, 3, num_accounts=60).sample(getkey(), MARK)
    originals = accounts_of(book, 5)
    found = accounts_of(drawn, 60)
    assert set(found) <= set(originals)
    # All five turn up among 60, or a draw of probability 5 * 0.8^60 has.
    assert set(found) == set(originals)


def test_makers_hold_the_imbalance(getkey):
    drawn = Bootstrap(snapshot(), 3, num_accounts=40).sample(getkey(), MARK)
    assert drawn.num_accounts == 43
    longs, shorts = drawn.open_interest(3).T
    np.testing.assert_allclose(longs, shorts, rtol=1e-12)
    of_others = jax.ops.segment_sum(drawn.size[:-3], drawn.market[:-3], 3)
    np.testing.assert_allclose(drawn.size[-3:], -of_others, rtol=1e-12)
    np.testing.assert_allclose(drawn.pnl(MARK)[-3:], 0)
    np.testing.assert_allclose(
        drawn.collateral[-3:], np.abs(of_others) * MARK, rtol=1e-12
    )
    assert (drawn.market[-3:] == jnp.arange(3)).all()


def test_makers_may_have_half_a_notional_more(getkey):
    sampler = Bootstrap(snapshot(), 3, maker_leverage=0.5)
    drawn = sampler.sample(getkey(), MARK)
    np.testing.assert_allclose(
        drawn.collateral[-3:], 2 * drawn.notional(MARK)[-3:], rtol=1e-12
    )


def test_expected_totals_are_the_snapshots(getkey):
    book, count = snapshot(), 4_000
    sampler = Bootstrap(book, 3, num_accounts=10)
    drawn = jax.vmap(lambda key: sampler.sample(key, MARK))(
        jax.random.split(getkey(), count)
    )
    for values, total in (
        (drawn.collateral[:, :10].sum(axis=1), book.collateral.sum()),
        (
            jax.vmap(lambda b: b.notional(MARK)[:10].sum())(drawn),
            book.notional(MARK).sum(),
        ),
        (jax.vmap(lambda b: b.pnl(MARK)[:10].sum())(drawn), book.pnl(MARK).sum()),
    ):
        error = values.std() / np.sqrt(count)
        assert abs(values.mean() - 10 / 5 * total) < 4 * error


def test_a_book_of_single_positions_stays_one(getkey):
    single = snapshot(
        account=[0, 1, 2],
        market=[2, 0, 0],
        size=[3.0, 1.0, -2.0],
        entry_price=[1.0, 99.0, 98.0],
        collateral=[9.0, 9.0, 9.0],
        one_position_each=True,
    )
    drawn = Bootstrap(single, 3, num_accounts=7).sample(getkey(), MARK)
    assert drawn.one_position_each
    assert drawn.num_positions == drawn.num_accounts == 10


def test_holdings_come_with_their_account(getkey):
    book = snapshot(holdings=[[1.0], [2.0], [3.0], [4.0], [5.0]])
    drawn = Bootstrap(book, 3, num_accounts=20).sample(getkey(), MARK)
    owned = dict(zip([10.0, 20.0, 300.0, 40.0, 50.0], [1, 2, 3, 4, 5], strict=True))
    for collateral, holding in zip(
        drawn.collateral[:20].tolist(), drawn.holdings[:20, 0].tolist(), strict=True
    ):
        assert owned[collateral] == holding
    assert (drawn.holdings[20:] == 0).all()


def test_bad_snapshots_are_refused(getkey):
    with pytest.raises(adl_jax.InputError, match="owners"):
        Bootstrap(snapshot(owner=[0, 0, 1, 2, 3]), 3)
    with pytest.raises(adl_jax.InputError, match="market 2, but there are 2"):
        Bootstrap(snapshot(), 2)
    with pytest.raises(adl_jax.InputError, match="num_accounts is 0"):
        Bootstrap(snapshot(), 3, num_accounts=0)
    with pytest.raises(ValueError, match="maker_leverage"):
        Bootstrap(snapshot(), 3, maker_leverage=3.0)
    with pytest.raises(adl_jax.InputError, match="2 marks for 3 markets"):
        Bootstrap(snapshot(), 3).sample(getkey(), MARK[:2])
