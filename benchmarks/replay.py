"""Times `replay`: compilation apart from running, one policy and a thousand.

    python benchmarks/replay.py [--out FILE]

Prints milliseconds (least and median of the repeats, whole output blocked on) and the rate
in account-rounds a second; `--out` writes them as JSON with the device and versions.
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from timing import timed, write_report

import adl_jax
from adl_jax import Policy, ProRata, Queue
from adl_jax.severity import ProjectedGradient


ROUNDS, ACCOUNTS, STEP_SIZES, REPEATS = 16, 20_000, 1_000, 20


def event(dtype, *, accounts):
    """Heavy-tailed winners: Pareto with exponent 0.8, as the real ones have."""
    draw = np.random.default_rng(0)
    capacity = (draw.pareto(0.8, (ROUNDS, ACCOUNTS)) * 100).astype(dtype)
    deficit = (draw.pareto(1.0, ROUNDS) * 1e6).astype(dtype)
    starts = np.arange(ROUNDS) * 10_000
    fields = {
        "capacity": capacity,
        "score": draw.normal(size=capacity.shape).astype(dtype),
    }
    return adl_jax.Rounds(
        deficit=deficit,
        needed=(deficit * draw.random(ROUNDS)).astype(dtype),
        capacity_total=capacity.sum(axis=1, dtype=np.float64).astype(dtype),
        start_ms=starts,
        end_ms=starts + 1,
        **(fields if accounts else {}),
    )


def cases(dtype):
    rounds, bare = event(dtype, accounts=True), event(dtype, accounts=False)
    step = jnp.asarray(1e-7, dtype)
    steps = jnp.logspace(-9, -5, STEP_SIZES, dtype=dtype)

    def records(rounds, step, allocation):
        policy = Policy(ProjectedGradient(step), allocation)
        return adl_jax.replay(rounds, policy).records

    def undershoot(step, rounds, allocation):
        return records(rounds, step, allocation).undershoot.sum()

    for allocation in (Queue(), ProRata()):
        name = type(allocation).__name__
        yield (
            f"{name}: one policy",
            ROUNDS * ACCOUNTS,
            timed(REPEATS, lambda r, s, a=allocation: records(r, s, a), rounds, step),
        )
        yield (
            f"{name}: value and gradient in the step size",
            ROUNDS * ACCOUNTS,
            timed(
                REPEATS,
                lambda s, r, a=allocation: jax.value_and_grad(undershoot)(s, r, a),
                step,
                rounds,
            ),
        )
    yield (
        f"without accounts: {STEP_SIZES} step sizes by vmap",
        ROUNDS * STEP_SIZES,
        timed(
            REPEATS,
            lambda s, r: jax.vmap(lambda x: undershoot(x, r, ProRata()))(s),
            steps,
            bare,
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    out = parser.parse_args().out
    jax.config.update("jax_enable_x64", True)
    results = []
    for dtype in (jnp.float32, jnp.float64):
        for name, work, (compile_s, least, median, _) in cases(dtype):
            results.append(
                {
                    "case": name,
                    "dtype": jnp.dtype(dtype).name,
                    "compile_s": compile_s,
                    "least_ms": 1e3 * least,
                    "median_ms": 1e3 * median,
                    "rate_per_s": work / median,
                }
            )
            print(
                f"{jnp.dtype(dtype).name}  {name:48} compile {compile_s:5.2f} s  "
                f"least {1e3 * least:8.2f} ms  median {1e3 * median:8.2f} ms  "
                f"{work / median:9.2e} /s"
            )
    if out is not None:
        write_report(
            out, {"rounds": ROUNDS, "accounts": ACCOUNTS, "repeats": REPEATS}, results
        )


if __name__ == "__main__":
    main()
