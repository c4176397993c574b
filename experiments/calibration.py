"""Are synthetic winners like the real ones? A table and a figure, data against samples.

    python experiments/calibration.py [--data DIR] [--books 200] [--out DIR]

The data are the 19,337 accounts deleveraged on October 10, 2025. Every statistic is shown
for them and for synthetic books of as many winners: the median book, and the range of 5
to 95 % of books. That range is the sampling noise of one book of heavy-tailed accounts,
which no number of price paths averages out.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import equinox as eqx
import jax
import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from provenance import provenance
from rich.console import Console
from rich.table import Table
from scipy import stats

from adl_jax.scenario import Winners, facts
from adl_jax.scenario.structure import draw_structure
from adl_jax.tables import written_whole


DATA = Path(__file__).parents[2] / "shared" / "data" / "oct10"
RESULTS = Path(__file__).parent / "results"
CREDIT = (
    "Data: github.com/ConejoCapital/HyperReplay (Powered by HyperReplay - (c) "
    "ConejoCapital) and github.com/pluriholonomic/autodeleveraging-analysis"
)
AMOUNTS = ("equity", "notional", "profit")
Accounts = dict[str, np.ndarray]


def real(folder: Path) -> Accounts:
    """Winners with a profit and an equity, as the copula was fitted to."""
    table = pd.read_csv(folder / "accounts_deleveraged.csv")
    accounts = {
        "equity": table["account_value_realtime"].to_numpy(),
        "notional": table["adl_notional"].to_numpy(),
        "profit": table["closed_pnl"].to_numpy(),
        "positions": table["num_adl_events"].to_numpy(),
    }
    good = np.all([accounts[name] > 0 for name in AMOUNTS], axis=0)
    return {name: values[good] for name, values in accounts.items()}


def synthetic(books: int, count: int, seed: int) -> list[Accounts]:
    """Books of `count` winners, with positions in as many markets as the data has."""
    draw, zeta = np.random.default_rng(seed), facts()["positions.zeta"].value
    tables = [draw_structure(draw, count, np.ones(162), zeta) for _ in range(8)]
    sample = eqx.filter_jit(Winners().sample)
    found = []
    for index, key in enumerate(jax.random.split(jax.random.key(seed), books)):
        table = tables[index % len(tables)]
        amounts = np.asarray(sample(key, table.score))
        positions = np.bincount(np.asarray(table.account))
        found.append(
            dict(zip(AMOUNTS, amounts, strict=True)) | {"positions": positions}
        )
    return found


def hill(values: np.ndarray, largest: int) -> float:
    """Tail exponent from the largest values."""
    top = np.sort(values)[::-1][: largest + 1]
    return float(1 / np.log(top[:-1] / top[-1]).mean())


def top_share(values: np.ndarray, share: float) -> float:
    """Part of the total that the largest `share` of accounts have."""
    top = np.sort(values)[::-1][: round(share * values.size)]
    return float(top.sum() / values.sum())


def gini(values: np.ndarray) -> float:
    """Gini coefficient."""
    rank = np.arange(1, values.size + 1)
    return float(
        2 * (rank * np.sort(values)).sum() / (values.size * values.sum())
        - (values.size + 1) / values.size
    )


def statistics() -> dict[str, Callable[[Accounts], float]]:
    """Everything that is compared, by name."""
    rows: dict[str, Callable[[Accounts], float]] = {}
    for name in AMOUNTS:
        rows[f"{name} total (million USD)"] = lambda a, n=name: a[n].sum() / 1e6
        for level in (0.05, 0.25, 0.5, 0.75, 0.95, 0.99):
            rows[f"{name} {level:.0%} quantile (USD)"] = lambda a, n=name, q=level: (
                float(np.quantile(a[n], q))
            )
        for share in (0.001, 0.01, 0.1):
            rows[f"{name} share of top {share:.1%}"] = lambda a, n=name, s=share: (
                top_share(a[n], s)
            )
        for largest in (100, 500):
            rows[f"{name} Hill exponent, {largest} largest"] = (
                lambda a, n=name, k=largest: hill(a[n], k)
            )
        rows[f"{name} Gini"] = lambda a, n=name: gini(a[n])
    for first, second in (
        ("profit", "equity"),
        ("profit", "notional"),
        ("equity", "notional"),
        ("positions", "equity"),
        ("positions", "profit"),
    ):
        rows[f"Spearman {first}, {second}"] = lambda a, f=first, s=second: float(
            stats.spearmanr(a[f], a[s]).statistic
        )
    ratios = {
        "profit over notional": lambda a: a["profit"] / a["notional"],
        "notional over equity": lambda a: a["notional"] / a["equity"],
    }
    for label, ratio in ratios.items():
        for level in (0.05, 0.25, 0.5, 0.75, 0.95):
            rows[f"{label} {level:.0%} quantile"] = lambda a, r=ratio, q=level: float(
                np.quantile(r(a), q)
            )
    many = lambda a: a["positions"] > 10
    rows["accounts with one position"] = lambda a: float((a["positions"] == 1).mean())
    rows["accounts with over 10 positions"] = lambda a: float(many(a).mean())
    for name in ("notional", "profit"):
        rows[f"{name} share of those"] = lambda a, n=name: float(
            a[n][many(a)].sum() / a[n].sum()
        )
    return rows


def compared(data: Accounts, books: list[Accounts]) -> pd.DataFrame:
    """One row a statistic."""
    rows = []
    for name, statistic in statistics().items():
        values = np.array([statistic(book) for book in books])
        low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
        seen = statistic(data)
        rows.append((name, seen, middle, low, high, low <= seen <= high))
    columns = ["statistic", "data", "median_book", "low_5", "high_95", "within"]
    return pd.DataFrame(rows, columns=columns)


def shown(table: pd.DataFrame) -> Table:
    """The comparison for a terminal."""
    view = Table("statistic", "data", "median book", "5-95 % of books", "within")
    for row in table.itertuples():
        amount = lambda x: f"{x:,.0f}" if abs(x) >= 100 else f"{x:.3g}"
        view.add_row(
            row.statistic,
            amount(row.data),
            amount(row.median_book),
            f"{amount(row.low_5)} to {amount(row.high_95)}",
            "yes" if row.within else "no",
        )
    return view


def draw_figure(data: Accounts, books: list[Accounts], path: Path) -> None:
    """Survival functions: the data, and the range of books."""
    style = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(12, 4.2), layout="constrained")
        for axes, name in zip(figure.subplots(1, 3, sharey=True), AMOUNTS, strict=True):
            grid = np.geomspace(1, data[name].max() * 2, 200)
            beyond = lambda values, at=grid: (
                1 - np.searchsorted(np.sort(values), at) / values.size
            )
            curves = np.array([beyond(book[name]) for book in books])
            low, high = np.quantile(curves, [0.05, 0.95], axis=0)
            axes.fill_between(grid, low, high, alpha=0.4, label="5-95 % of books")
            axes.plot(grid, beyond(data[name]), "k", linewidth=1, label="data")
            axes.set(xscale="log", yscale="log", ylim=(3e-5, 1.2))
            axes.set(xlabel="USD", ylabel="share of winners above")
            axes.set_title(f"{name} of winners", loc="left", fontsize=10)
            axes.grid(alpha=0.25)
            axes.legend(frameon=False, fontsize=8)
        figure.supxlabel(CREDIT, fontsize=6)
        with written_whole(path) as temporary:
            figure.savefig(temporary, dpi=150)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="the public tables")
    parser.add_argument("--books", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args(arguments)
    console = Console()
    if not (args.data / "accounts_deleveraged.csv").is_file():
        console.print(
            f"no public tables in {args.data}: nothing to compare with (docs/data.md "
            "says where they are)"
        )
        return
    jax.config.update("jax_enable_x64", True)
    made_with = provenance()
    data = real(args.data)
    books = synthetic(args.books, data["profit"].size, args.seed)
    table = compared(data, books)
    console.print(shown(table))
    console.print(f"{table['within'].sum()} of {len(table)} within the range of books")
    console.print(CREDIT)
    with written_whole(args.out / "calibration.csv") as path:
        table.to_csv(path, index=False, float_format="%.6g")
    draw_figure(data, books, args.out / "calibration.png")
    record = {"books": args.books, "seed": args.seed, "credit": CREDIT, **made_with}
    with written_whole(args.out / "calibration.json") as path:
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
