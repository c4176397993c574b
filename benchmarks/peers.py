"""How fast adl_jax is beside the same rounds in numba, NumPy and plain JAX.

`benchmarks/plain.py` holds the peers. Nothing is timed before all of them agree with
`adl_jax.simulate`, scenario by scenario, in both precisions. Programs run by turns, so
that a noisy machine disturbs all of them alike; a ratio is the median over turns.
Run alone: `python benchmarks/peers.py`.
"""

import argparse
import dataclasses
import math
import os
import statistics
import time
from importlib.metadata import version
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numba
import numpy as np
from crowd import crowd
from plain import Crowd, with_numba, with_numpy, with_plain_jax
from timing import write_report

import adl_jax
from adl_jax.bench import machine
from adl_jax.monte_carlo import Batches
from adl_jax.monte_carlo.batches import over_draws
from adl_jax.monte_carlo.rows import scenario_row
from adl_jax.scenario import AbstractReturns, Crash, Given, Scenario


RESULTS = Path(__file__).parent / "results"
ROUNDS = 16
SIZES = ((1_000, 2_048), (10_000, 128))
# Leverage of longs, mean and spread of log returns, and times the crowd's own impact.
WORKLOADS = {
    "quiet": ((1.0, 2.0), 0.0, 0.002, 1),
    "crash": ((5.0, 40.0), -0.02, 0.01, 1),
    # Winners cannot pay it all: they leave, and debt is carried. Checked, not timed.
    "collapse": ((5.0, 40.0), -0.02, 0.01, 10),
}
SUMS = ("executed", "needed", "unpaid")
TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
OURS, OURS_IN_FULL = "adl_jax", "adl_jax, all columns"


class NormalReturns(AbstractReturns):
    """Independent normal log returns."""

    mean: float
    spread: float

    def sample(self, key, market, num_rounds):
        shape = num_rounds, market.num_markets
        draws = jax.random.normal(key, shape, market.mark.dtype)
        return self.mean + self.spread * draws


def scenario_of(workload, accounts, dtype):
    """One market without depth; the same book in every scenario."""
    leverage, mean, spread, times = WORKLOADS[workload]
    book, market, venue = crowd(accounts, leverage=leverage, dtype=dtype)
    nothing = jnp.zeros_like(market.depth)
    market = dataclasses.replace(market, depth=nothing, impact=times * market.impact)
    path = Crash(NormalReturns(mean, spread))
    return Scenario(Given(book), market, venue, path, num_rounds=ROUNDS)


@eqx.filter_jit
def three_sums(mesh, venue, policy, drawn):
    """`Batches.act`, of the columns alone that the peers have too."""
    arrays, static = eqx.partition((venue, policy), eqx.is_array)

    def sums(shared, key, book, market, shocks):
        row = scenario_row(key, book, market, *eqx.combine(shared, static), shocks)
        return {name: row[name] for name in SUMS}

    return over_draws(mesh, sums, arrays, drawn)


def programs_of(scenario, scenarios):
    """What each program does on the same scenarios; all inputs are where it wants them."""
    full = adl_jax.Policy(adl_jax.severity.Fixed(1.0), adl_jax.ProRata())
    batches = Batches(jax.random.key(0), scenario, {"full": full}, scenarios)
    drawn = batches.draw(0)
    _, _, _, shocks = drawn.each
    paths = np.asarray(shocks.log_return[..., 0])
    book, market, venue = scenario.books.book, scenario.market, scenario.venue
    accounts = book.size, book.entry_price, book.collateral
    one = market.mark[0], venue.margin.rate[0, 0], market.impact[0], venue.fund.balance
    parts = Crowd(*(np.asarray(value)[()] for value in (*accounts, *one)))
    placed = jax.device_put((parts, paths), jax.devices()[0])
    return {
        OURS: lambda: three_sums(batches.mesh, venue, full, drawn),
        OURS_IN_FULL: lambda: batches.act("full", drawn),
        "numba": lambda: with_numba(parts, paths),
        "numpy": lambda: with_numpy(parts, paths),
        "plain JAX": lambda: with_plain_jax(*placed),
    }


def sums_of(value):
    """Executed, needed and unpaid of each scenario, whoever computed them."""
    if isinstance(value, dict):
        value = np.stack([value[name] for name in SUMS], axis=-1)
    return np.asarray(value, np.float64)


def differences(scenario, values):
    """By program: the difference of each scenario to adl_jax, relative.

    Amounts that cancel to almost nothing are told relative to 1e-5 of the open interest.
    """
    ours = sums_of(values[OURS])
    book, mark = scenario.books.book, scenario.market.mark
    least = 1e-5 * float((jnp.abs(book.size) * mark[0]).sum())
    scale = np.maximum(np.abs(ours), least)
    return {
        name: (np.abs(sums_of(value) - ours) / scale).max(axis=1)
        for name, value in values.items()
    }


def agreed(scenario, values):
    """By program: the largest difference, and in how many scenarios it is not rounding.

    In float32 an account may cross its margin a round earlier or later, since marks of
    two exponential functions differ in their last bit: in one scenario of a thousand.
    """
    dtype = str(scenario.market.mark.dtype)
    found = {}
    for name, difference in differences(scenario, values).items():
        beyond = int((difference > TOLERANCE[dtype]).sum())
        allowed = 0 if dtype == "float64" else math.ceil(difference.size / 1000)
        assert beyond <= allowed, (name, dtype, beyond, difference.max())
        found[name] = {"difference": float(difference.max()), "beyond": beyond}
    return found


def check(scenarios=64, accounts=1_000):
    """Largest differences on every workload in both precisions."""
    rows = []
    for dtype in ("float64", "float32"):
        jax.config.update("jax_enable_x64", dtype == "float64")
        for workload in WORKLOADS:
            scenario = scenario_of(workload, accounts, dtype)
            programs = programs_of(scenario, scenarios)
            values = {name: run() for name, run in programs.items()}
            row = {"workload": workload, "dtype": dtype, "scenarios": scenarios}
            rows.append({**row, "programs": agreed(scenario, values)})
            print(rows[-1], flush=True)
    return rows


def timed(run):
    """Seconds on the clock, seconds of all processors, and the value."""
    clock, processors = time.perf_counter(), time.process_time()
    value = jax.block_until_ready(run())
    return time.perf_counter() - clock, time.process_time() - processors, value


def measure(workload, accounts, scenarios, repeats):
    """One row a program."""
    scenario = scenario_of(workload, accounts, "float32")
    programs = programs_of(scenario, scenarios)
    values = {name: run() for name, run in programs.items()}
    found = agreed(scenario, values)
    turns = [
        {name: timed(run)[:2] for name, run in programs.items()} for _ in range(repeats)
    ]
    full = values[OURS_IN_FULL]
    rounds = scenarios * ROUNDS
    rows = []
    for name in programs:
        seconds, processors = zip(*(turn[name] for turn in turns), strict=True)
        times = [
            statistics.median(turn[name][clock] / turn[OURS][clock] for turn in turns)
            for clock in (0, 1)
        ]
        rows.append(
            {
                "workload": workload,
                "accounts": accounts,
                "rounds": ROUNDS,
                "scenarios": scenarios,
                "program": name,
                "least_s": min(seconds),
                "median_s": statistics.median(seconds),
                "least_processor_s": min(processors),
                "account_rounds_a_second": accounts * rounds / min(seconds),
                "times_adl_jax": times[0],
                "processor_times_adl_jax": times[1],
                **found[name],
                "active_share": float(full["rounds_active"].sum() / rounds),
                "deficit_share": float(full["rounds_with_deficit"].sum() / rounds),
            }
        )
        print(rows[-1], flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--out", type=Path, default=RESULTS / "peers_cpu.json")
    chosen = parser.parse_args()
    jax.config.update("jax_num_cpu_devices", os.cpu_count())
    # Read when numba starts its threads: where others use the machine too, a thread that
    # waits by spinning takes five times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    checked = check()
    timings = [
        row
        for workload in ("quiet", "crash")
        for accounts, scenarios in SIZES
        for row in measure(workload, accounts, scenarios, chosen.repeats)
    ]
    settings = {
        "dtype": "float32",
        "repeats": chosen.repeats,
        "load_average": os.getloadavg()[0],
        "numba_threads": numba.get_num_threads(),
        "numba_threading_layer": numba.threading_layer(),
        "versions": {
            **machine()["versions"],
            **{name: version(name) for name in ("numba", "numpy")},
        },
    }
    write_report(chosen.out, settings, {"agreement": checked, "timings": timings})


if __name__ == "__main__":
    main()
