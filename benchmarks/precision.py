"""What float32 costs: every column of a row against float64, on the same scenarios.

Books, paths, venue and policies are rounded to float32 and run in both precisions, so
that only the arithmetic differs. `python benchmarks/precision.py` writes
results/precision_cpu.json; `python -m tests.precision_page` puts it into the docs.
"""

import argparse
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from timing import write_report

from adl_jax._types import as_dtype
from adl_jax.config import build, changed, load
from adl_jax.monte_carlo import COLUMNS, scenario_key
from adl_jax.monte_carlo.rows import scenario_row
from adl_jax.monte_carlo.summary import DIFFERENCES, FIGURES


RESULTS = Path(__file__).parent / "results"
CONFIGURATIONS = ("default", "october10", "severe", "hyperliquid")
# Numbers of accounts or rounds. One more or less is an account or a round that crossed a
# threshold in one precision and not in the other.
COUNTS = (
    *("closed_out", "liquidated", "insolvent", "touched", "left"),
    *("rounds_active", "rounds_with_deficit", "status"),
)
# Columns that say nothing about a venue: an error of rounding itself, and a weight.
LEFT_OUT = ("cash_error", "log_weight")


@eqx.filter_jit
def draw(scenario, index):
    """Keys, books, markets and paths of scenarios, in float64."""

    def one(i):
        for_draw, for_run = scenario_key(jax.random.key(0), i)
        return for_run, *scenario.sample(for_draw)

    return jax.vmap(one)(index)


@eqx.filter_jit
def rows_of(venue, policy, drawn, dtype):
    """Rows of what was drawn, rounded to float32, in the given precision."""
    rounded = lambda tree: as_dtype(as_dtype(tree, jnp.float32), dtype)
    venue, policy = rounded(venue), rounded(policy)
    arrays, static = eqx.partition(rounded(drawn), eqx.is_array)

    def one(scenario):
        key, book, market, shocks = eqx.combine(scenario, static)
        return scenario_row(key, book, market, venue, policy, shocks)

    return jax.lax.map(one, arrays)


def scale_of(name, double):
    """What an error is relative to: the value, or something small that matters.

    An amount that cancels to almost nothing has no relative error worth telling. So USD
    are told relative to 1e-5 of the scenario's open interest at least, numbers of
    accounts and rounds to 1, and shares to 1e-3.
    """
    least = 1.0 if name in COUNTS else 1e-3
    if COLUMNS[name].startswith("USD"):
        least = 1e-5 * double["open_interest_start"]
    return np.maximum(np.abs(double[name]), least)


def compare(single, double):
    """Errors of each column, and where the two precisions took different ways."""
    flipped = np.any([single[name] != double[name] for name in COUNTS], axis=0)
    same = ~flipped
    table = {}
    for name in COLUMNS:
        if name in LEFT_OUT:
            continue
        scale = scale_of(name, double)
        error = np.abs(single[name] - double[name]) / scale
        table[name] = {
            "median": float(np.median(error)),
            "p99": float(np.quantile(error, 0.99)),
            "worst": float(error.max()),
            "worst_without_flips": float(error[same].max()),
            "mean_shift": float(
                abs(single[name].mean() - double[name].mean()) / scale.mean()
            ),
        }
    return {
        "flips": int(flipped.sum()),
        "flips_by_column": {
            name: int((single[name] != double[name]).sum()) for name in COUNTS
        },
        "largest_count_difference": max(
            float(np.abs(single[name] - double[name]).max()) for name in COUNTS
        ),
        "largest_cash_error": {
            "float32": float(single["cash_error"].max()),
            "float64": float(double["cash_error"].max()),
        },
        "columns": table,
    }


def figures(rows, reference):
    """Every figure of a run's summary, and its difference to the first policy."""
    found = {
        figure.name: figure.estimate(
            [rows[name] for name in figure.columns], None
        ).value
        for figure in FIGURES
    }
    for name in DIFFERENCES:
        found[f"{name}_difference"] = float((rows[name] - reference[name]).mean())
    return found


def figure_errors(single, double, reference):
    """Errors of figures: of probabilities as they are, of others relative to the value.

    **Arguments:** rows in both precisions; `reference`: the first policy's, likewise.
    """
    one, two = figures(single, reference[0]), figures(double, reference[1])
    least = 1e-5 * double["open_interest_start"].mean()
    share = lambda name: name.startswith(("probability", "concentration", "reported"))
    return {
        name: abs(one[name] - two[name])
        / (1 if share(name) else max(abs(two[name]), least))
        for name in one
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", type=int, default=1_000)
    parser.add_argument("--accounts", type=int, default=1_000)
    parser.add_argument("--out", type=Path, default=RESULTS / "precision_cpu.json")
    chosen = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    results = {}
    for name in CONFIGURATIONS:
        configuration = changed(
            load(name), dtype="float64", book={"accounts": chosen.accounts}
        )
        scenario, policies = build(configuration)
        drawn = draw(scenario, jnp.arange(chosen.scenarios))
        results[name], reference = {}, None
        for policy, acts in policies.items():
            single, double = (
                {
                    column: np.asarray(values, np.float64)
                    for column, values in rows_of(
                        scenario.venue, acts, drawn, jnp.dtype(dtype)
                    ).items()
                }
                for dtype in ("float32", "float64")
            )
            reference = (single, double) if reference is None else reference
            errors = figure_errors(single, double, reference)
            results[name][policy] = compare(single, double) | {"figures": errors}
            print(name, policy, results[name][policy]["flips"], flush=True)
    settings = {"scenarios": chosen.scenarios, "accounts": chosen.accounts}
    write_report(chosen.out, settings, results)


if __name__ == "__main__":
    main()
