"""The same crash under every venue's rules.

    python experiments/venues.py [--scenarios 256] [--out DIR]

Every preset of `adl_jax.venue.venues` meets the same books and paths, with its own
margin, trigger, close price, score and allocation; each closes as much as its rules say
(severity 1). What differs is who pays, how much, and what stays unpaid.
"""

import dataclasses
import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from matplotlib.ticker import EngFormatter
from rich.console import Console
from rich.table import Table
from scenario_runs import head, keys_of, options

import adl_jax
from adl_jax import Policy
from adl_jax._types import as_dtype
from adl_jax.allocator import LeverageWeighted, ProRata, Queue, RandomOrder
from adl_jax.scenario import scenarios
from adl_jax.severity import Fixed
from adl_jax.venue import Fund, venue_facts, venues


ALLOCATIONS = {
    ("queue", ""): Queue(),
    ("pro_rata", ""): ProRata(),
    ("pro_rata", "leverage"): LeverageWeighted(),
    ("random_order", ""): RandomOrder(),
    # The first of the criteria that Ethereal documents is leverage, and it decides.
    ("lexicographic", ""): Queue(),
}
# A pool stands against all that is open, an insurance fund does not: here, about half of
# the open interest of both sides.
POOL_USD = 50e6
FIGURES = {
    "needed": "needed, all outside",
    "executed": "paid by winners",
    "unpaid": "unpaid at the end",
    "from_fund": "paid by the fund",
    "closed": "winners' notional closed",
    "unhedged": "exposure changed",
    "payers": "accounts touched",
    "worst": "largest haircut fraction",
}


@eqx.filter_jit
def run(scenario, policy, keys):
    def one(key):
        book, market, shocks = scenario.sample(key)
        done = adl_jax.simulate(key, book, market, scenario.venue, policy, shocks)
        records, venue = done.records, done.records.venue
        touched = (records.haircut != 0) | (venue.exposure != 0)
        closed = (venue.closed_by_adl.sum(axis=2) * venue.mark).sum()
        return {
            "needed": records.needed.sum(),
            "executed": records.executed.sum(),
            "unpaid": venue.unpaid[-1],
            "from_fund": venue.paid_by_fund.sum(),
            "closed": closed,
            "unhedged": venue.unhedged.sum(),
            "payers": touched.any(axis=0).sum(),
            "worst": records.concentration.max(),
            "profit_closed": venue.profit_closed[-1],
            "cash": jnp.ptp(venue.cash) / jnp.abs(venue.cash).max(),
            "status": done.status._value,
        }

    return jax.lax.map(one, keys)


def by_leverage(positions):
    return positions.leverage


def main() -> None:
    chosen = options(__doc__)
    base = scenarios[chosen.scenario]()
    facts = venue_facts()
    keys = keys_of(chosen)
    rows = []
    for name, make in venues.items():
        venue = make(
            np.asarray(base.market.max_leverage),
            fund=np.asarray(base.venue.fund.balance),
        )
        dtype = base.market.mark.dtype
        venue = as_dtype(venue, dtype)
        fact = facts[name]
        if fact["allocation"] == "lexicographic":
            venue = dataclasses.replace(venue, score=by_leverage)
        if venue.pool is not None:
            venue = dataclasses.replace(venue, fund=Fund(jnp.full((), POOL_USD, dtype)))
        scenario = dataclasses.replace(base, venue=venue)
        allocation = ALLOCATIONS[fact["allocation"], fact["weight"]]
        values = run(scenario, Policy(Fixed(1), allocation), keys)
        row = {"venue": name, "incomplete": fact["incomplete"]}
        for figure, sample in values.items():
            sample = np.asarray(sample, np.float64)
            row[figure] = sample.mean()
            row[f"{figure}_se"] = sample.std(ddof=1) / np.sqrt(sample.size)
        rows.append(row)
    table = pd.DataFrame(rows)
    show(table)
    table.to_csv(chosen.out / "venues.csv", index=False)
    (chosen.out / "venues.json").write_text(json.dumps(head(chosen), indent=2) + "\n")


def show(table: pd.DataFrame) -> None:
    plain = EngFormatter(places=1)
    shown = Table(title="mean a crash, USD, with its standard error")
    shown.add_column("venue")
    for title in FIGURES.values():
        shown.add_column(title, justify="right")
    for row in table.to_dict("records"):
        cells = [
            f"{plain(row[figure])}\n± {plain(row[f'{figure}_se'])}"
            for figure in FIGURES
        ]
        flag = " *" if row["incomplete"] == "yes" else ""
        shown.add_row(row["venue"] + flag, *cells)
    console = Console(width=140)
    console.print(shown)
    console.print(
        "* weak evidence, see docs/venues.md. At the mark, winners lose nothing and debts "
        "stay; under drift and paradex everybody with equity pays."
    )


if __name__ == "__main__":
    main()
