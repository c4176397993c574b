"""Random small venues, as the arrays of `simulate` and as rules for the oracle."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import adl_jax
from adl_jax import Book, Market, Shocks
from adl_jax.venue import (
    Bankruptcy,
    Full,
    Fund,
    MarginTiers,
    Mark,
    PreviousMark,
    Slice,
    ToMargin,
    Vault,
    Venue,
)


ACCOUNTS, MARKETS, POSITIONS, ROUNDS = 12, 3, 20, 4


class Variant(NamedTuple):
    """Everything that is compiled in."""

    who: str = "queue"
    theta: float | None = 0.8
    liquidation: str = "full"
    closes_out: str = "under_margin"
    settlement: str = "pnl"
    basis: str = "profit"
    surplus: str = "fund"
    close_price: str = "bankruptcy"
    protect: bool = True
    leaves: bool = True
    vault: bool = False
    per_market: bool = False
    most: bool = False
    equity_floor: bool = False
    lot: bool = False
    holdings: bool = False
    sees_execution: bool = False


class Case(NamedTuple):
    """One venue, twice."""

    book: Book
    market: Market
    venue: Venue
    shocks: Shocks
    theta: Any
    rules: dict
    numbers: dict
    path: list


CLOSE_PRICE: dict[str, Callable] = {
    "bankruptcy": Bankruptcy,
    "mark": Mark,
    "previous_mark": PreviousMark,
}


def make_book(draw, mark, lev, *, holdings=None, dtype=np.float64) -> Book:
    """Balanced positions; some accounts hold nothing, and some rows are empty."""
    pairs = np.sort(draw.choice(ACCOUNTS * MARKETS, POSITIONS, replace=False))
    account, market = np.divmod(pairs, MARKETS)
    notional = draw.pareto(1.0, POSITIONS) * 1e3 + 100
    size = np.where(draw.random(POSITIONS) < 0.5, 1, -1) * notional / mark[market]
    for m in range(MARKETS):
        here = np.flatnonzero(market == m)
        if here.size > 1:
            net = size[here].sum()
            side = np.sign(size[here]) == -np.sign(net)
            if side.any():
                size[here[side]] *= 1 + abs(net) / np.abs(size[here[side]]).sum()
    size[draw.random(POSITIONS) < 0.05] = 0
    entry = mark[market] * draw.uniform(0.9, 1.1, POSITIONS)
    worth = np.bincount(account, np.abs(size) * mark[market], ACCOUNTS)
    loss = np.bincount(account, size * (mark[market] - entry), ACCOUNTS)
    collateral = worth / draw.uniform(*lev, ACCOUNTS) + np.maximum(-loss, 0)
    return Book(
        account, market, size.astype(dtype), entry.astype(dtype),
        collateral.astype(dtype), holdings=holdings,
    )  # fmt: skip


def make(variant: Variant, seed: int) -> Case:
    """A venue with its path, from one seed."""
    draw = np.random.default_rng(seed)
    mark = np.array([100.0, 10.0, 1.0]) * draw.uniform(0.5, 2, MARKETS)
    holdings = draw.pareto(1.5, (ACCOUNTS, 2)) if variant.holdings else None
    book = make_book(draw, mark, (3, 25), holdings=holdings)
    total = np.bincount(book.market, np.abs(book.size), MARKETS)
    depth = total * draw.uniform(0, 0.3, (ROUNDS, MARKETS))
    depth[:, 0] *= draw.random() < 0.5
    impact = draw.uniform(0, 0.15, (ROUNDS, MARKETS)) * mark / np.maximum(total, 1)
    numbers = {
        "mark": mark.tolist(),
        "permanent": (0.05 * mark / np.maximum(total, 1)).tolist(),
        "impact_estimate": impact.mean(axis=0).tolist(),
        "recovery": draw.uniform(0, 1),
        "lot": [0.5, 3.0, 20.0] if variant.lot else None,
    }
    assets = {}
    if variant.holdings:
        assets = {"asset_price": [50.0, 3.0], "asset_haircut": [0.1, 0.4]}
        assets["asset_market"] = [0, -1]
    scale = float((np.abs(book.size) * mark[book.market]).sum())
    rate = np.sort(draw.uniform(0.01, 0.06, (MARKETS, 2)), axis=1)
    floor = np.stack([np.zeros(MARKETS), draw.uniform(500, 5_000, MARKETS)], axis=1)
    fund = scale * draw.uniform(0, 0.02, MARKETS) * (draw.random(MARKETS) < 0.7)
    rule = {
        "full": {},
        "slice": {"share": 0.3, "above": 2_000.0},
        "to_margin": {"target": draw.uniform(1, 2)},
    }[variant.liquidation]
    vault = None
    if variant.vault:
        vault = {"cash": scale * draw.uniform(0, 0.05), "leverage": 3.0, "below": 0.9}
    rules = {
        **variant._asdict(),
        "rate": rate.tolist(), "floor": floor.tolist(),
        "liquidation": (variant.liquidation, rule),
        "fee": draw.uniform(0, 0.01), "fee_to_fund": draw.random(),
        "margin_to_fund": draw.random(),
        "fund": fund.tolist() if variant.per_market else float(fund[0]),
        "fund_floor": draw.choice([0.0, 0.7]),
        "fund_most": scale * 0.003 if variant.most else None,
        "inflow": scale * 1e-4, "vault": vault,
        "largest": draw.choice([1.0, 0.6]) if variant.equity_floor else 1.0,
        "equity_floor": 50.0 if variant.equity_floor else None,
    }  # fmt: skip
    venue = Venue(
        margin=MarginTiers(rate, floor),
        liquidation={"full": Full, "slice": Slice, "to_margin": ToMargin}[
            variant.liquidation
        ](**rule),
        closes_out=variant.closes_out,
        liquidation_fee=rules["fee"], fee_to_fund=rules["fee_to_fund"],
        margin_to_fund=rules["margin_to_fund"],
        fund=Fund(
            np.asarray(rules["fund"]), floor=rules["fund_floor"],
            most=rules["fund_most"], inflow=rules["inflow"],
        ),
        vault=None if vault is None else Vault(**vault),
        settlement=variant.settlement,
        close_price=CLOSE_PRICE[variant.close_price](),
        protect_collateral=variant.protect, basis=variant.basis,
        largest_haircut=rules["largest"], equity_floor=rules["equity_floor"],
        surplus=variant.surplus, leaves=variant.leaves,
        sees_execution=variant.sees_execution,
    )  # fmt: skip
    market = Market(
        mark, impact[0], depth[0],
        impact_estimate=np.asarray(numbers["impact_estimate"]),
        permanent=np.asarray(numbers["permanent"]),
        recovery=numbers["recovery"],
        lot=None if not variant.lot else np.asarray(numbers["lot"]),
        **{k: np.asarray(v) for k, v in assets.items()},
    )  # fmt: skip
    path = draw.normal(0, 0.06, (ROUNDS, MARKETS)) + draw.normal(0, 0.08, (ROUNDS, 1))
    path[0] *= draw.random() < 0.7
    funding = draw.normal(0, 0.005, (ROUNDS, MARKETS))
    shocks = Shocks(path, impact=impact, depth=depth, funding=funding)
    rows = [
        {
            "log_return": path[t].tolist(), "impact": impact[t].tolist(),
            "depth": depth[t].tolist(), "funding": funding[t].tolist(),
        }
        for t in range(ROUNDS)
    ]  # fmt: skip
    theta = None if variant.theta is None else draw.choice([variant.theta, 1.0, 0.3])
    return Case(book, market, venue, shocks, theta, rules, numbers | assets, rows)


class Expected(adl_jax.severity.Fixed):
    """Raises what the venue expects to need."""

    @property
    def information(self):
        return adl_jax.Information.notional

    def commit(self, state, observation):
        del state
        return adl_jax.Commitment(budget=observation.expected_needed)


def policy_of(variant: Variant, theta):
    """The policy that the oracle plays."""
    who = {"queue": adl_jax.Queue, "pro_rata": adl_jax.ProRata}[variant.who]()
    if variant.theta is None:
        return adl_jax.Policy(Expected(1.0), who)
    return adl_jax.Policy(adl_jax.severity.Fixed(theta), who)


def stack(trees):
    """Equal trees as one with a leading axis."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


@functools.cache
def compiled(variant: Variant):
    """All cases of a variant in one call, one after another: quiet rounds stay quiet."""

    def one(parts):
        book, market, venue, shocks, theta = parts
        policy = policy_of(variant, theta)
        run = adl_jax.simulate(jax.random.key(0), book, market, venue, policy, shocks)
        return run.records, run.ledger, run.status._value

    return jax.jit(lambda given: jax.lax.map(one, given))


def simulate_all(variant: Variant, cases: list[Case]):
    """Records, ledgers and statuses, with a leading axis of cases."""
    given = stack([
        (c.book, c.market, c.venue, c.shocks, jnp.asarray(c.theta or 0.0))
        for c in cases
    ])  # fmt: skip
    return jax.tree.map(np.asarray, compiled(variant)(given))
