"""Times the online learners: the expert pools, and many scenarios of long events.

    python benchmarks/online.py [--out FILE]

Compilation apart from running; least and median of the repeats, whole output blocked on.
`--out` writes them as JSON with the device, the machine's load, the versions, and a number
that says whether what was timed is right (tracking over what was needed).
"""

import argparse
import os
from importlib.metadata import version
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from timing import timed, write_report

import adl_jax
from adl_jax import Policy, ProRata, Rounds
from adl_jax.backtesting import random_orders, tracking_by_order
from adl_jax.severity import (
    CoinBetting,
    MirrorDescentSeverity,
    ProjectedGradient,
    severities,
)


REPEATS = 10
VERSIONS = ("jaxlib", "equinox", "optax", "numpy")


def event(rounds, markets, dtype, seed=0):
    draw = np.random.default_rng(seed)
    notional = draw.lognormal(0, 1, (rounds, markets)).astype(dtype)
    gap = (0.01 * notional * draw.lognormal(0, 0.5, notional.shape)).astype(dtype)
    needed = gap.sum(axis=1)
    starts = np.arange(rounds) * 10_000
    return Rounds(
        deficit=(3 * needed * draw.lognormal(0, 0.5, rounds)).astype(dtype),
        needed=needed,
        capacity_total=np.full(rounds, 1e9, dtype),
        start_ms=starts,
        end_ms=starts + 1,
        closeout_quantity=notional,
        closeout_price=np.ones_like(notional),
        closeout_gap=gap,
        max_leverage=draw.choice([5.0, 10.0, 40.0], markets).astype(dtype),
    )


def relative_loss(rounds, severity):
    records = adl_jax.replay(rounds, Policy(severity, ProRata())).records
    return jnp.abs(records.executed - records.needed).sum() / records.needed.sum()


def cases():
    sixteen = event(16, 162, np.float64)
    for name in ("ada_hedge_tiers", "notional_learner", "deficit_learner"):
        severity = severities[name]()
        yield (
            f"{name}: 16 rounds, 162 markets",
            timed(REPEATS, relative_loss, sixteen, severity),
        )
    orders = random_orders(16)

    def over_orders(rounds, severity, orders):
        policy = Policy(severity, ProRata())
        return tracking_by_order(rounds, policy, orders) / rounds.needed.sum()

    yield (
        "ada_hedge_tiers: 200 orders of 16 rounds",
        timed(REPEATS, over_orders, sixteen, severities["ada_hedge_tiers"](), orders),
    )
    # One long event, and 1,000 scenarios of it by vmap: needed money differs in each.
    long = event(10_000, 1, np.float32)
    bare = Rounds(
        long.deficit, long.needed, long.capacity_total, long.start_ms, long.end_ms
    )
    factors = jnp.asarray(
        np.random.default_rng(1).lognormal(0, 0.3, 1_000), jnp.float32
    )

    def over_scenarios(rounds, severity, factors):
        def one(factor):
            scenario = eqx.tree_at(
                lambda rounds: rounds.needed, rounds, rounds.needed * factor
            )
            return relative_loss(scenario, severity)

        return jax.vmap(one)(factors)

    for name, severity in (
        ("projected_gradient, fixed step", ProjectedGradient(0.1)),
        ("mirror_descent, sgd", MirrorDescentSeverity(optimizer=optax.sgd)),
        ("coin_betting", CoinBetting()),
    ):
        yield (
            f"{name}: 10,000 rounds x 1,000 scenarios",
            timed(REPEATS, over_scenarios, bare, severity, factors),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    out = parser.parse_args().out
    jax.config.update("jax_enable_x64", True)
    results = []
    for name, (compile_s, least, median, losses) in cases():
        quality = float(jnp.mean(losses))
        results.append(
            {
                "case": name,
                "compile_s": compile_s,
                "least_ms": 1e3 * least,
                "median_ms": 1e3 * median,
                "tracking_over_needed": quality,
            }
        )
        print(
            f"{name:60} compile {compile_s:5.2f} s  least {1e3 * least:9.3f} ms  "
            f"median {1e3 * median:9.3f} ms  tracking/needed {quality:.3f}"
        )
    if out is not None:
        settings = {
            "repeats": REPEATS,
            "load_average": os.getloadavg()[0],
            "versions": {name: version(name) for name in VERSIONS},
        }
        write_report(out, settings, results)


if __name__ == "__main__":
    main()
