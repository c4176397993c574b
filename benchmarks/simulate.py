"""How fast the venue simulator is, against the bars that peers set.

Four questions, each with its own function: quiet paths (no account is ever under
margin), a crash on one large book, the same crash in an event engine, and a book of a
real venue's size over many scenarios. Run alone: `python benchmarks/simulate.py`.
"""

import argparse
import importlib.util
import os
import resource
import time
from importlib.metadata import version
from pathlib import Path


# Before jax: loaded after it, the engine finds no room for its thread-local storage.
if importlib.util.find_spec("lrvx"):
    import lrvx

import jax
import jax.numpy as jnp
import numpy as np
from crowd import crowd
from jax.sharding import Mesh, PartitionSpec
from timing import timed, write_report

import adl_jax


RESULTS = Path(__file__).parent / "results"
DTYPE = jnp.float32
# The peer without ADL that a quiet path is measured against: account-steps a second.
DEX_SIM = 3.6e8


def falls(paths, rounds, markets, *, mean, spread, seed=1):
    """Independent normal log returns of every market."""
    draw = np.random.default_rng(seed)
    return jnp.asarray(draw.normal(mean, spread, (paths, rounds, markets)), DTYPE)


def one_path(policy):
    """What a path costs: a function of a book, its venue and its log returns."""

    def run(book, market, venue, log_return):
        shocks = adl_jax.Shocks(log_return)
        trajectory = adl_jax.simulate(
            jax.random.key(0), book, market, venue, policy, shocks, keep_haircuts=False
        )
        records = trajectory.records
        return {
            "deficit": records.deficit.sum(),
            "executed": records.executed.sum(),
            "unpaid": records.venue.unpaid[-1],
            "liquidated": records.venue.liquidated.sum(),
            "adl_share": (records.deficit > 0).mean(),
        }

    return run


def over(run, how):
    """The same over paths: `vmap`; one path after another (`map`); or so on every core,
    as `monte_carlo` does it (`split`).
    """

    def all_paths(book, market, venue, log_returns):
        one = lambda log_return: run(book, market, venue, log_return)
        if how == "vmap":
            return jax.vmap(one)(log_returns)
        after_another = lambda x: jax.lax.map(one, x)
        if how == "map":
            return after_another(log_returns)
        mesh = Mesh(np.array(jax.local_devices()), ("path",))
        along = PartitionSpec("path")
        return jax.shard_map(
            after_another, mesh=mesh, in_specs=along, out_specs=along, check_vma=False
        )(log_returns)

    return all_paths


def policy_of(name):
    """Half of the deficit, from whom the name says."""
    allocation = {"pro_rata": adl_jax.ProRata, "queue": adl_jax.Queue}[name]()
    return adl_jax.Policy(adl_jax.severity.Fixed(jnp.asarray(0.5, DTYPE)), allocation)


def measure(name, book_of, log_returns, how, repeats):
    """One row: times, rates, and what happened, so that nobody times nothing."""
    book, market, venue = book_of
    paths, rounds, _ = log_returns.shape
    compile_s, least, median, value = timed(
        repeats, over(one_path(policy_of(name)), how), book, market, venue, log_returns
    )
    steps = book.num_accounts * paths * rounds
    return {
        "policy": name,
        "accounts": book.num_accounts,
        "positions": book.num_positions,
        "markets": market.num_markets,
        "paths": paths,
        "rounds": rounds,
        "over_paths": how,
        "compile_s": compile_s,
        "least_s": least,
        "median_s": median,
        "account_steps_a_second": steps / least,
        "nanoseconds_an_account_round": least / steps * 1e9,
        "liquidated_a_path": float(value["liquidated"].mean()),
        "share_of_rounds_with_deficit": float(value["adl_share"].mean()),
        "executed_over_deficit": float(
            value["executed"].sum() / jnp.maximum(value["deficit"].sum(), 1)
        ),
    }


def quiet(repeats):
    """2,000 accounts x 100 paths x 100 rounds in which nothing has to be done."""
    book_of = crowd(2_000, leverage=(1.0, 2.0))
    moves = falls(100, 100, 1, mean=0, spread=0.002)
    rows = [
        measure("pro_rata", book_of, moves, how, repeats)
        for how in ("map", "vmap", "split")
    ]
    for row in rows:
        row["times_dex_sim"] = row["account_steps_a_second"] / DEX_SIM
    return rows


def crash(repeats, accounts):
    """A crash of 16 rounds on one book: time must be linear in the accounts.

    On one core, one path; and as many paths as there are cores.
    """
    rows = []
    for count in accounts:
        book_of = crowd(count, leverage=(5.0, 40.0))
        path = falls(1, 16, 1, mean=-0.02, spread=0.01)
        each = jnp.repeat(path, jax.local_device_count(), axis=0)
        for name in ("pro_rata", "queue"):
            rows.append(measure(name, book_of, path, "map", repeats))
            rows.append(measure(name, book_of, each, "split", repeats))
    return rows


def event_engine(accounts):
    """The same book and path in an event-driven engine in C++, with its own rules.

    `lrvx` (the successor of flox-py): isolated positions, one fund, an ADL queue. What
    differs: no order book depth, no impact; one mark a round. Times are of the marks
    alone, without opening the positions.
    """
    rows = []
    for count in accounts:
        book, _, venue = crowd(count, leverage=(5.0, 40.0))
        path = falls(1, 16, 1, mean=-0.02, spread=0.01)
        marks = 100 * np.exp(np.cumsum(np.asarray(path, np.float64)[0, :, 0]))
        engine = lrvx.LiquidationEngine()
        engine.add_tier(0.0, 0.0125)
        engine.set_insurance_fund_capital(float(venue.fund.balance))
        engine.set_adl_enabled(True)
        size, collateral = np.asarray(book.size), np.asarray(book.collateral)
        for i in range(count):
            engine.open_position(i, 1, float(size[i]), 100.0, float(collateral[i]))
        start = time.perf_counter()
        for mark in marks:
            engine.on_mark(1, float(mark))
        took = time.perf_counter() - start
        rows.append(
            {
                "engine": f"lrvx {version('lrvx')}",
                "accounts": count,
                "rounds": len(marks),
                "least_s": took,
                "nanoseconds_an_account_round": took / count / len(marks) * 1e9,
                "liquidated_a_path": engine.liquidations_count(),
                "closed_by_adl": engine.adl_closeouts_count(),
            }
        )
    return rows


def real_size(repeats, scenarios):
    """20,000 accounts, 160 markets, 50,000 positions, 16 rounds, many scenarios."""
    book_of = crowd(20_000, leverage=(5.0, 40.0), markets=160, extra=30_000)
    moves = falls(scenarios, 16, 160, mean=-0.02, spread=0.01)
    rows = []
    for name in ("pro_rata", "queue"):
        row = measure(name, book_of, moves, "vmap", repeats)
        row["peak_memory_gib"] = (
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        )
        rows.append(row)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scenarios", type=int, default=256)
    parser.add_argument("--out", type=Path, default=RESULTS / "simulate_cpu.json")
    parser.add_argument(
        "--engine", type=int, nargs="*", default=[1_000, 10_000, 100_000]
    )
    chosen = parser.parse_args()
    jax.config.update("jax_num_cpu_devices", os.cpu_count())
    sizes = (1_000, 10_000, 100_000)
    results = {"quiet": quiet(chosen.repeats), "crash": crash(chosen.repeats, sizes)}
    if not importlib.util.find_spec("lrvx"):
        print("event engine left out: install the package lrvx")
    else:
        results["event_engine"] = event_engine(chosen.engine)
        for row in results["event_engine"]:
            for ours in results["crash"]:
                if ours["accounts"] == row["accounts"]:
                    cores = "one_core" if ours["over_paths"] == "map" else "every_core"
                    row[f"times_{ours['policy']}_on_{cores}"] = (
                        row["nanoseconds_an_account_round"]
                        / ours["nanoseconds_an_account_round"]
                    )
    results["real_size"] = real_size(max(1, chosen.repeats // 2), chosen.scenarios)
    for part, rows in results.items():
        for row in rows:
            shown = {
                key: f"{value:.3g}" if isinstance(value, float) else value
                for key, value in row.items()
            }
            print(part, shown)
    write_report(chosen.out, {"dtype": str(np.dtype(DTYPE))}, results)


if __name__ == "__main__":
    main()
