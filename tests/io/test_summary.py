"""A book's figures against sums that are made by hand."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from adl_jax.io import book_from_tables, example, summarise_book
from tests.io.books import large, tables


def test_the_example_by_hand():
    summary = summarise_book(example())
    totals = summary.totals
    assert totals["collateral"] == 709_200
    # anna 30,000 - 40,000; trader-17 25,000 - 30,000; the fund has 6,000.
    assert (totals["owed"], totals["deficit"]) == (15_000, 9_000)
    assert totals["accounts_without_equity"] == 2
    assert [row["account"] for row in summary.under_margin] == [
        *("anna", "trader-17", "bakery-hedge")
    ]
    assert summary.under_margin[2]["maintenance_margin"] == pytest.approx(800)
    bitcoin, ether = summary.markets
    assert bitcoin["long_contracts"] == pytest.approx(2.2)
    assert bitcoin["short_largest_share"] == pytest.approx(1.5 / 2.2)
    assert ether["short_usd"] == pytest.approx(480_000)
    assert ether["depth_share"] == pytest.approx(60_000 / 480_000)


def test_a_large_book_against_pandas():
    frames = large(accounts=2_000)
    summary = summarise_book(book_from_tables(frames))
    rows = frames["positions"].merge(frames["markets"], on="market")
    rows["notional"] = rows["size"].abs() * rows["mark_usd"]
    rows["pnl"] = rows["size"] * (rows["mark_usd"] - rows["entry_price_usd"])
    sums = rows.groupby("account")[["notional", "pnl"]].sum()
    table = frames["accounts"].set_index("account").join(sums).fillna(0)
    equity = table["collateral_usd"] + table["pnl"]
    assert summary.totals["equity"] == pytest.approx(equity.sum())
    under = equity < 0.025 * table["notional"]
    assert summary.totals["accounts_under_margin"] == under.sum()
    assert summary.totals["owed"] == pytest.approx(-equity[equity < 0].sum())
    share = table["notional"] / table["notional"].sum()
    assert summary.concentration["top_10_share_of_notional"] == pytest.approx(
        share.nlargest(10).sum()
    )
    assert summary.concentration["herfindahl_of_notional"] == pytest.approx(
        (share**2).sum()
    )
    both = (equity > 0) & (table["notional"] > 0)
    leverage = table["notional"][both] / equity[both]
    assert summary.leverage[0.5] == pytest.approx(np.median(leverage))


def test_what_is_odd_is_said():
    frames = tables()
    frames["accounts"].loc[6] = ["idle", 5.0]
    frames["positions"].loc[0, "entry_price_usd"] = 44_000.0
    frames["positions"].loc[4, "size"] = 0.2005
    frames["fund"] = pd.DataFrame({"balance_usd": [0.0]})
    frames["depth"]["depth_usd"] = 1e7
    odd = "\n".join(summarise_book(book_from_tables(frames, balanced=False)).odd)
    for sentence in (
        "accounts without a position: 1 ('idle')",
        "positions entered at 10 times the mark, or a tenth of it: 1 ('anna in ETH')",
        "no whole number of lots: 1 ('market-maker in BTC')",
        "accounts above every leverage limit: 1 ('bakery-hedge')",
        "markets in which longs and shorts differ: 1 ('BTC')",
        "markets whose order book takes all that is open: 2 ('BTC', 'ETH')",
        "the fund is empty",
    ):
        assert sentence in odd


def test_one_account_that_is_most_of_a_side_is_odd():
    book = book_from_tables(large(accounts=600))
    size = book.size.copy()
    in_market = book.market_of == 3
    longs, shorts = in_market & (size > 0), in_market & (size < 0)
    size[np.flatnonzero(longs)[0]] += 1e6
    size[shorts] -= 1e6 / shorts.sum()
    odd = summarise_book(dataclasses.replace(book, size=size)).odd
    said = [one for one in odd if "one account holds most of the longs" in one]
    assert len(said) == 1
    assert "'COIN3'" in said[0]
