"""A book in figures: open interest, leverage, margin, concentration, what is odd."""

from typing import Any, NamedTuple

import numpy as np

from adl_jax.inert import quoted
from adl_jax.io.snapshot import Snapshot


QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)
_MOST_NAMED = 5
_FAR = 10.0
# Of fewer positions, one is always large.
_FEW = 20


class Summary(NamedTuple):
    """What a book is, in plain values. USD unless the name says otherwise.

    **Fields:**

    - `totals`: counts, collateral, equity, maintenance margin, notional, the fund; how
        many accounts are under maintenance margin and without equity, what the latter
        owe, and what the fund leaves of it.
    - `markets`: a row a market: open interest of longs and of shorts, in contracts and
        USD, accounts, the largest account's share of a side, depth over open interest.
    - `leverage`: quantiles of notional over equity, over accounts with both.
    - `concentration`: the share of the ten largest accounts in notional and in
        collateral, and the Herfindahl index, the sum of squared shares.
    - `under_margin`: a row an account under maintenance margin, least equity first.
    - `odd`: sentences.
    """

    totals: dict[str, float]
    markets: list[dict[str, Any]]
    leverage: dict[float, float]
    concentration: dict[str, float]
    under_margin: list[dict[str, Any]]
    odd: list[str]


def summarise_book(snapshot: Snapshot) -> Summary:
    """Adds a book up, in the precision that jax has.

    **Returns:** a `Summary`.
    """
    book, market = snapshot.book(), snapshot.market()
    host = lambda values: np.asarray(values, np.float64)
    mark_of = market.mark[book.market]
    equity, notional = host(book.equity(market.mark)), host(book.notional(market.mark))
    maintenance = host(
        book.by_account(
            snapshot.margin().maintenance(abs(book.size) * mark_of, book.market)
        )
    )
    under, insolvent = equity < maintenance, equity < 0
    owed = float(np.maximum(-equity, 0).sum())
    fund = float(snapshot.fund.sum())
    some = (notional > 0) & (equity > 0)
    leverage = notional[some] / equity[some]
    largest = np.quantile(leverage, QUANTILES) if leverage.size else np.zeros(0)
    rows = _markets(snapshot)
    return Summary(
        totals={
            "accounts": len(snapshot.accounts),
            "positions": snapshot.size.size,
            "collateral": float(snapshot.collateral.sum()),
            "equity": float(equity.sum()),
            "maintenance_margin": float(maintenance.sum()),
            "notional": float(notional.sum()),
            "fund": fund,
            "accounts_under_margin": int(under.sum()),
            "accounts_without_equity": int(insolvent.sum()),
            "owed": owed,
            "deficit": max(owed - fund, 0.0),
        },
        markets=rows,
        leverage=dict(zip(QUANTILES, largest.tolist(), strict=False)),
        concentration={
            "top_10_share_of_notional": _top(notional),
            "top_10_share_of_collateral": _top(snapshot.collateral),
            "herfindahl_of_notional": _herfindahl(notional),
        },
        under_margin=[
            {
                "account": snapshot.accounts[i],
                "equity": float(equity[i]),
                "maintenance_margin": float(maintenance[i]),
                "notional": float(notional[i]),
            }
            for i in np.flatnonzero(under)[np.argsort(equity[under])].tolist()
        ],
        odd=_odd(snapshot, rows, equity, notional),
    )


def _top(values: np.ndarray, count: int = 10) -> float:
    total = values.sum()
    return float(np.sort(values)[::-1][:count].sum() / total) if total > 0 else 0.0


def _herfindahl(values: np.ndarray) -> float:
    total = values.sum()
    return float(((values / total) ** 2).sum()) if total > 0 else 0.0


def _markets(snapshot: Snapshot) -> list[dict[str, Any]]:
    count = len(snapshot.markets)
    held = np.bincount(snapshot.market_of, minlength=count)
    rows: list[dict[str, Any]] = [
        {"market": name, "mark": mark, "positions": positions}
        for name, mark, positions in zip(
            snapshot.markets, snapshot.mark.tolist(), held.tolist(), strict=True
        )
    ]
    for side, sign in {"long": 1, "short": -1}.items():
        contracts = np.maximum(sign * snapshot.size, 0)
        total = np.bincount(snapshot.market_of, contracts, minlength=count)
        most = np.zeros(count)
        np.maximum.at(most, snapshot.market_of, contracts)
        share = most / np.where(total > 0, total, 1)
        for number, row in enumerate(rows):
            row[f"{side}_contracts"] = float(total[number])
            row[f"{side}_usd"] = float(total[number] * snapshot.mark[number])
            row[f"{side}_largest_share"] = float(share[number])
    for row, depth in zip(rows, snapshot.depth_usd.tolist(), strict=True):
        most_usd = max(row["long_usd"], row["short_usd"])
        row["depth_share"] = depth / most_usd if most_usd else None
    return rows


def _odd(
    snapshot: Snapshot,
    rows: list[dict[str, Any]],
    equity: np.ndarray,
    notional: np.ndarray,
) -> list[str]:
    """What is possible, but rarely meant."""
    found = []
    say = lambda what, where: (
        found.append(f"{what}: {_named(where)}") if where else None
    )
    of = lambda which: [snapshot.accounts[i] for i in np.flatnonzero(which).tolist()]
    held = np.bincount(snapshot.account_of, minlength=len(snapshot.accounts))
    say("accounts without a position", of(held == 0))
    mark_of = snapshot.mark[snapshot.market_of]
    far = np.abs(np.log(snapshot.entry_price / mark_of)) > np.log(_FAR)
    say(
        f"positions entered at {_FAR:g} times the mark, or a tenth of it",
        [_position(snapshot, i) for i in np.flatnonzero(far).tolist()],
    )
    least = np.ones(len(snapshot.accounts))
    np.maximum.at(least, snapshot.account_of, snapshot.max_leverage[snapshot.market_of])
    say(
        "accounts above every leverage limit",
        of((equity > 0) & (notional > least * equity)),
    )
    if snapshot.lot is not None:
        lots = np.abs(snapshot.size) / snapshot.lot[snapshot.market_of]
        broken = np.abs(lots - np.round(lots)) > 1e-6 * np.maximum(lots, 1)
        say(
            "positions that are no whole number of lots",
            [_position(snapshot, i) for i in np.flatnonzero(broken).tolist()],
        )
    of_market = lambda which: [row["market"] for row in rows if which(row)]
    say("markets without a position", of_market(lambda row: not row["positions"]))
    for side in ("long", "short"):
        say(
            f"markets in which one account holds most of the {side}s",
            of_market(
                lambda row, side=side: (
                    row["positions"] > _FEW and row[f"{side}_largest_share"] > 0.5
                )
            ),
        )
    say("markets in which longs and shorts differ", of_market(_unbalanced))
    say(
        "markets whose order book takes all that is open",
        of_market(lambda row: row["positions"] and row["depth_share"] > 1),
    )
    if snapshot.fund.sum() == 0:
        found.append("the fund is empty")
    return found


def _unbalanced(row: dict[str, Any]) -> bool:
    long, short = row["long_contracts"], row["short_contracts"]
    return abs(long - short) > 1e-9 * (long + short)


def _position(snapshot: Snapshot, row: int) -> str:
    account = snapshot.accounts[snapshot.account_of[row]]
    return f"{account} in {snapshot.markets[snapshot.market_of[row]]}"


def _named(names: list[str]) -> str:
    named = ", ".join(quoted(name) for name in names[:_MOST_NAMED])
    more = len(names) - _MOST_NAMED
    return f"{len(names):,} ({named}{f', and {more:,} more' if more > 0 else ''})"
