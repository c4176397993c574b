"""Times how a book is read: 500,000 positions from CSV and from Parquet.

    python benchmarks/read_book.py [--positions 500000] [--out FILE]

Prints seconds to a `Snapshot`, validated, on one core: of the clock, least and median of
the repeats, and of the processor, which other programs do not add to. `--out`
writes them as JSON with the machine and versions.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from adl_jax.io import book_from_tables, read_book, write_book


MARKETS, REPEATS = 50, 5


def book(positions):
    """Two or three positions an account; longs and shorts balance to rounding."""
    draw = np.random.default_rng(0)
    accounts = positions * 2 // 5
    size = draw.lognormal(0, 2, positions // 2).round(3) + 0.001
    market = draw.integers(0, MARKETS, positions // 2)
    # No account twice in a market: neighbours in one cycle through the accounts.
    holder = np.arange(positions) % accounts
    order = np.arange(positions)
    market = np.concatenate([market, market])
    size = np.concatenate([size, -size])
    table = pd.DataFrame({"a": holder[order], "m": market, "s": size})
    table = table.groupby(["a", "m"], as_index=False)["s"].sum()
    table = table[table["s"].abs() > 1e-9]
    names = np.array([f"0x{number:040x}" for number in range(accounts)])
    markets = np.array([f"COIN{number}" for number in range(MARKETS)])
    mark = draw.lognormal(3, 2, MARKETS)
    entry = mark[table["m"]] * draw.lognormal(0, 0.1, len(table))
    return book_from_tables(
        {
            "accounts": pd.DataFrame(
                {"account": names, "collateral_usd": draw.lognormal(8, 2, accounts)}
            ),
            "positions": pd.DataFrame(
                {
                    "account": names[table["a"]],
                    "market": markets[table["m"]],
                    "size": table["s"].to_numpy(),
                    "entry_price_usd": entry,
                }
            ),
            "markets": pd.DataFrame(
                {"market": markets, "mark_usd": mark, "max_leverage": 20.0}
            ),
            "margin_tiers": pd.DataFrame(
                {"market": markets, "floor_usd": 0.0, "maintenance_rate": 0.025}
            ),
            "depth": pd.DataFrame({"market": markets, "depth_usd": 1e6}),
            "fund": pd.DataFrame({"balance_usd": [1e6]}),
        }
    )


def measure(positions):
    snapshot = book(positions)
    rows = {"positions": snapshot.size.size, "accounts": len(snapshot.accounts)}
    with tempfile.TemporaryDirectory() as folder:
        for parquet in (False, True):
            place = Path(folder) / ("parquet" if parquet else "csv")
            write_book(snapshot, place, parquet=parquet)
            seconds, processor = [], []
            for _ in range(REPEATS):
                began, began_cpu = time.perf_counter(), time.process_time()
                read = read_book(place)
                seconds.append(time.perf_counter() - began)
                processor.append(time.process_time() - began_cpu)
            assert read.sha256() == snapshot.sha256()
            rows[place.name] = {
                "least_seconds": min(seconds),
                "median_seconds": statistics.median(seconds),
                "least_processor_seconds": min(processor),
                "bytes": sum(path.stat().st_size for path in place.iterdir()),
            }
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--positions", type=int, default=500_000)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    # One core, so that nothing else is counted.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    rows = measure(given.positions) | {
        "cores": 1,
        "machine": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "versions": {
            name: version(name) for name in ("numpy", "pandas", "pyarrow", "pydantic")
        },
    }
    text = json.dumps(rows, indent=2)
    print(text)
    if given.out is not None:
        given.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
