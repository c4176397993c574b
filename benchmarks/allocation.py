"""Time and budget error of every allocation and projection, beside its rivals.

    python benchmarks/allocation.py [--quick] [--out FILE]

Needs the `bench` extra. Everything runs in one process, on the same inputs, one row
after the other; compare ratios within one file, not times across files. Compile time is
apart, inputs are on the device before the clock starts and every output is waited for.
The JSON goes to benchmarks/results/allocation_<device>.json.
"""

import argparse
import json
import os
import platform
import time
from functools import partial
from importlib import metadata, util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from adl_jax import allocation, projection


jax.config.update("jax_enable_x64", True)

BATCH = 256
BUDGET_FRACTION = 0.3


def inputs(n, batch, dtype):
    """Heavy books: Pareto 0.8 over six orders of magnitude, a third zeros, ties."""
    rng = np.random.default_rng(n)
    heavy = lambda: np.minimum((1 - rng.random((batch, n))) ** (-1 / 0.8), 1e6)
    capacity = heavy() * (rng.random((batch, n)) < 0.67)
    point = heavy()
    point[::2], capacity[::2] = np.round(point[::2]), np.round(capacity[::2])
    capacity, point = capacity.astype(dtype), point.astype(dtype)
    budget = BUDGET_FRACTION * capacity.sum(1, dtype=np.float64)
    lot = rng.choice([0.1, 0.5, 1.0, 2.0], (batch, n))
    score = np.where(rng.random((batch, n)) < 0.5, np.round(point), point)
    values = {
        "capacity": capacity,
        "point": point,
        "score": score,
        "budget": budget,
        "lot": lot,
        "cap": rng.uniform(0.2, 1, (batch, n)),
        "group": np.arange(n) % 8 * np.ones((batch, 1)),
    }
    values = {name: array.astype(dtype) for name, array in values.items()}
    values["group"] = values["group"].astype(np.int32)
    return values


def argsort_queue(score, capacity, budget):
    order = jnp.argsort(-score)
    ordered = capacity[order]
    before = jnp.cumsum(ordered) - ordered
    haircut = jnp.clip(budget - before, 0, ordered)
    return jnp.zeros_like(haircut).at[order].set(haircut)


def bisection(steps, point, capacity, budget):
    """Euclidean projection by plain bisection: what one writes in an afternoon."""

    def halve(_, ends):
        low, high = ends
        middle = (low + high) / 2
        under = jnp.sum(jnp.clip(point + middle, 0, capacity)) <= budget
        return jnp.where(under, middle, low), jnp.where(under, high, middle)

    ends = -jnp.max(point), jnp.max(capacity - point)
    low, high = jax.lax.fori_loop(0, steps, halve, ends)
    return jnp.clip(point + (low + high) / 2, 0, capacity)


def numpy_queue(score, capacity, budget):
    order = np.argsort(-score, axis=1, kind="stable")
    ordered = np.take_along_axis(capacity, order, 1)
    before = np.cumsum(ordered, axis=1, dtype=np.float64) - ordered
    haircut = np.clip(budget[:, None] - before, 0, ordered)
    out = np.empty_like(haircut)
    np.put_along_axis(out, order, haircut, 1)
    return out


def numpy_euclidean(point, capacity, budget, steps=32):
    low, high = -point.max(1), (capacity - point).max(1)
    for _ in range(steps):
        middle = (low + high) / 2
        under = np.clip(point + middle[:, None], 0, capacity).sum(1) <= budget
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    return np.clip(point + ((low + high) / 2)[:, None], 0, capacity)


def numpy_min_max(capacity, budget, lot, steps=30):
    """The same monotone search on z, and the same lots taken back afterwards."""
    most, per_unit = np.floor(capacity / lot), capacity / lot
    low, high = np.zeros(len(budget)), np.ones(len(budget))
    for _ in range(steps):
        z = (low + high) / 2
        raised = (np.minimum(np.floor(z[:, None] * per_unit), most) * lot).sum(1)
        low, high = (
            np.where(raised < budget, z, low),
            np.where(raised < budget, high, z),
        )
    z = np.where(high == 1, 2, high)[:, None]
    lots = np.minimum(np.floor(z * per_unit), most)
    fewer = np.minimum(np.floor(low[:, None] * per_unit), most)
    step = (lots - fewer) * lot
    excess = (lots * lot).sum(1) - budget
    back = np.where(step.cumsum(1) <= excess[:, None], lots - fewer, 0)
    lots, excess = lots - back, excess - (back * lot).sum(1)
    rows = np.arange(len(lots))
    for _ in range(4):
        size = np.where((lots > 0) & (lot <= excess[:, None]), lot, 0)
        first = size.argmax(1)
        value = size[rows, first]
        fits = np.floor(excess / np.where(value > 0, value, np.inf))
        count = np.minimum(lots[rows, first], fits)
        lots[rows, first] -= count
        excess -= count * value
    return lots * lot


def highs_min_max(capacity, budget, lot, limit):
    n = len(capacity)
    return milp(
        c=np.r_[np.zeros(n), 1],
        constraints=[
            LinearConstraint(np.c_[np.diag(lot), -capacity], ub=np.zeros(n)),
            LinearConstraint(np.r_[lot, 0][None], lb=budget),
        ],
        integrality=np.r_[np.ones(n), 0],
        bounds=Bounds(np.zeros(n + 1), np.r_[np.floor(capacity / lot), 1]),
        options={"time_limit": limit},
    )


def numba_queue():
    if util.find_spec("numba") is None:
        return None
    import numba

    @numba.njit(parallel=True)
    def run(score, capacity, budget):
        haircut = np.zeros_like(capacity)
        for row in numba.prange(score.shape[0]):
            left = np.float64(budget[row])
            for i in np.argsort(-score[row]):
                paid = min(np.float64(capacity[row, i]), left)
                haircut[row, i] = paid
                left -= paid
                if left <= 0:
                    break
        return haircut

    return run


def jaxopt_euclidean():
    if util.find_spec("jaxopt") is None:
        return None
    from jaxopt.projection import projection_box_section

    def run(point, capacity, budget):
        bounds = jnp.zeros_like(point), capacity, jnp.ones_like(point), budget
        return projection_box_section(point, bounds, check_feasible=False)

    return run


OURS = {
    "queue": (allocation.queue, ("score", "capacity", "budget")),
    "pro_rata": (allocation.pro_rata, ("capacity", "budget")),
    "pro_rata_capped": (
        lambda u, b, c: allocation.pro_rata(u, b, cap=c),
        ("capacity", "budget", "cap"),
    ),
    "equal_share": (allocation.equal_share, ("capacity", "budget")),
    "soft_queue": (
        lambda s, u, b: allocation.soft_queue(s, u, b, 1.0),
        ("score", "capacity", "budget"),
    ),
    "integer_pro_rata": (allocation.integer_pro_rata, ("capacity", "budget", "lot")),
    "min_max_integer": (allocation.min_max_integer, ("capacity", "budget", "lot")),
    "queue_8_groups": (
        lambda s, u, b, g: (
            allocation.queue_by_group(s, u, jnp.full(8, b / 8), g).haircut
        ),
        ("score", "capacity", "budget", "group"),
    ),
    "pro_rata_8_groups": (
        lambda u, b, g: allocation.pro_rata_by_group(u, jnp.full(8, b / 8), g).haircut,
        ("capacity", "budget", "group"),
    ),
    "euclidean": (projection.euclidean, ("point", "capacity", "budget")),
    "entropic": (projection.entropic, ("point", "capacity", "budget")),
}
RIVALS = {
    "argsort_queue": (argsort_queue, ("score", "capacity", "budget")),
    "bisection_28": (partial(bisection, 28), ("point", "capacity", "budget")),
    "bisection_32": (partial(bisection, 32), ("point", "capacity", "budget")),
    "bisection_64": (partial(bisection, 64), ("point", "capacity", "budget")),
}
NUMPY = {
    "numpy_queue": (numpy_queue, ("score", "capacity", "budget")),
    "numpy_euclidean": (numpy_euclidean, ("point", "capacity", "budget")),
    "numpy_min_max": (numpy_min_max, ("capacity", "budget", "lot")),
}
# Whole lots and eight budgets of which some groups cannot raise theirs: no one total.
NO_TOTAL = {"queue_8_groups", "pro_rata_8_groups"}


def measure(run, seconds):
    jax.block_until_ready(run())
    times, start = [], time.perf_counter()
    while not times or (time.perf_counter() - start < seconds and len(times) < 20):
        begin = time.perf_counter()
        out = jax.block_until_ready(run())
        times.append(time.perf_counter() - begin)
    return out, min(times), float(np.median(times))


def row(name, n, batch, dtype, out, timing, budget, extra):
    best, median = timing
    wide = np.asarray(out, np.float64)
    total = np.asarray(budget, np.float64)
    error = np.max(np.abs(wide.sum(-1) - total) / total)
    result = {
        "name": name,
        "n": n,
        "batch": batch,
        "dtype": np.dtype(dtype).name,
        "min_s": best,
        "median_s": median,
        "accounts_per_s": n * batch / best,
        "worst_relative_budget_error": None if name in NO_TOTAL else float(error),
    } | extra
    shown = "-" if name in NO_TOTAL else f"{error:.1e}"
    print(
        f"{name:20} n={n:<7} batch={batch:<4} {result['dtype']} {best * 1e3:10.3f} ms "
        f"{result['accounts_per_s']:.2e}/s error {shown}",
        flush=True,
    )
    return result


def jax_row(name, function, names, values, n, batch, dtype, seconds, bandwidth):
    arrays = [jax.device_put(values[key]) for key in names]
    if batch == 1:
        arrays = [array[0] for array in arrays]
    else:
        function = jax.vmap(function)
    begin = time.perf_counter()
    compiled = jax.jit(function).lower(*arrays).compile()
    compile_s = time.perf_counter() - begin
    out, *timing = measure(lambda: compiled(*arrays), seconds)
    # Reading every input and writing the haircut once is the least that must be moved.
    least = sum(array.nbytes for array in arrays) + out.nbytes
    extra = {
        "compile_s": compile_s,
        "least_bytes": least,
        "passes_worth_of_copy_bandwidth": timing[0] * bandwidth / least,
    }
    budget = values["budget"] if batch > 1 else values["budget"][0]
    return row(name, n, batch, dtype, out, timing, budget, extra)


def copy_bandwidth():
    """Bytes read and written per second by x + 1 over 64 MiB."""
    x = jax.device_put(jnp.zeros(16 << 20, jnp.float32))
    add = jax.jit(lambda x: x + 1)
    _, best, _ = measure(lambda: add(x), 1.0)
    return 2 * x.nbytes / best


def highs_rows(n, cases):
    """Time and agreement of the min-max integer program with HiGHS."""
    mine = jax.jit(allocation.min_max_integer)
    equal, proven, spent = 0, 0, 0.0
    for seed in range(cases):
        values = {k: v[0] for k, v in inputs(n + seed, 1, np.float64).items()}
        capacity = np.maximum(values["capacity"][:n], 0.1)
        lot, budget = values["lot"][:n], BUDGET_FRACTION * capacity.sum()
        begin = time.perf_counter()
        best = highs_min_max(capacity, budget, lot, 10)
        spent += time.perf_counter() - begin
        if best.status == 0:
            proven += 1
            worst = float((mine(capacity, budget, lot) / capacity).max())
            equal += abs(worst - best.fun) < 1e-6
    print(f"HiGHS n={n}: {proven}/{cases} proven, {equal} equal, {spent / cases:.2f} s")
    return {
        "name": "highs_min_max",
        "n": n,
        "cases": cases,
        "proven": proven,
        "equal": int(equal),
        "mean_s": spent / cases,
    }


def versions():
    names = ("jax", "jaxlib", "numpy", "scipy", "jaxopt", "numba")
    return {
        name: metadata.version(name)
        for name in names
        if util.find_spec(name) is not None
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="n = 1e3 and 1e4, float32")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    device = jax.devices()[0]
    bandwidth = copy_bandwidth()
    print(f"{device.device_kind}: copy {bandwidth / 1e9:.1f} GB/s")
    rivals = dict(RIVALS)
    if (run := jaxopt_euclidean()) is not None:
        rivals["jaxopt_box_section"] = (run, ("point", "capacity", "budget"))
    numpy_rivals = dict(NUMPY)
    if (run := numba_queue()) is not None:
        numpy_rivals["numba_queue"] = (run, ("score", "capacity", "budget"))
    sizes = (1_000, 10_000) if args.quick else (1_000, 10_000, 100_000)
    dtypes = (np.float32,) if args.quick else (np.float32, np.float64)
    seconds = 0.3
    folder = Path(__file__).parent / "results"
    label = device.device_kind.lower().replace(" ", "_")
    out = (
        args.out or folder / f"allocation_{label}{'_quick' if args.quick else ''}.json"
    )
    report = {
        "date": time.strftime("%Y-%m-%d"),
        "load_average": os.getloadavg(),
        "device": device.device_kind,
        "platform": device.platform,
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "versions": versions() | {"python": platform.python_version()},
        "copy_bytes_per_s": bandwidth,
        "budget_fraction": BUDGET_FRACTION,
    }
    rows = []
    for dtype in dtypes:
        for n in sizes:
            for batch in (1, BATCH):
                values = inputs(n, batch, dtype)
                case = values, n, batch, dtype, seconds
                for name, (function, names) in (OURS | rivals).items():
                    rows.append(jax_row(name, function, names, *case, bandwidth))
                if device.platform == "cpu":
                    for name, (function, names) in numpy_rivals.items():
                        arrays = [values[key] for key in names]
                        result, *timing = measure(partial(function, *arrays), seconds)
                        budget = values["budget"]
                        rows.append(
                            row(name, n, batch, dtype, result, timing, budget, {})
                        )
                # After every case: a run that is stopped keeps what it measured.
                save(out, report | {"rows": rows})
    if device.platform == "cpu":
        rows.append(highs_rows(200, 3 if args.quick else 10))
        save(out, report | {"rows": rows})
    print(f"wrote {out}")


def save(out, report):
    out.parent.mkdir(parents=True, exist_ok=True)
    partial_file = out.with_suffix(".partial")
    partial_file.write_text(json.dumps(report, indent=1) + "\n")
    partial_file.replace(out)


if __name__ == "__main__":
    main()
