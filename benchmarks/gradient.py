"""What a derivative of a crash costs in time and memory, by what the reverse pass keeps.

Run alone: `python benchmarks/gradient.py`.
"""

import argparse
import dataclasses
import statistics
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
from timing import write_report

import adl_jax
from adl_jax.learned import LogLinear
from adl_jax.scenario.named import default


RESULTS = Path(__file__).parent / "results"


def measured(accounts, rounds, scenarios, repeats):
    """Seconds and bytes, forward and with a gradient, for every `remember`."""
    scenario = dataclasses.replace(default(num_accounts=accounts), num_rounds=rounds)
    keys = jax.random.split(jax.random.key(0), scenarios)
    drawn = jax.vmap(scenario.sample)(keys)
    policy = adl_jax.Policy(LogLinear(), adl_jax.ProRata())
    arrays, static = eqx.partition(policy, eqx.is_inexact_array)
    given, fixed = eqx.partition(drawn, eqx.is_array)

    def loss(arrays, given, remember):
        def one(given):
            book, market, shocks = eqx.combine(given, fixed)
            run = adl_jax.simulate(
                jax.random.key(0), book, market, scenario.venue,
                eqx.combine(arrays, static), shocks,
                keep_haircuts=False, remember=remember,
            )  # fmt: skip
            return jnp.abs(run.records.executed - run.records.needed).sum()

        return jax.vmap(one)(given).mean()

    def compiled(function):
        start = time.perf_counter()
        program = jax.jit(function).lower(arrays, given).compile()
        return program, time.perf_counter() - start

    def gradient(remember):
        return jax.value_and_grad(lambda arrays, given: loss(arrays, given, remember))

    programs = {"forward": compiled(lambda arrays, given: loss(arrays, given, "all"))}
    for remember in ("all", "rounds", "blocks"):
        programs[remember] = compiled(gradient(remember))
    times = {name: [] for name in programs}
    # By turns, so that a busy moment of a shared machine falls on all of them alike.
    for turn in range(repeats + 1):
        for name, (program, _) in programs.items():
            start = time.perf_counter()
            jax.block_until_ready(program(arrays, given))
            if turn:
                times[name].append(time.perf_counter() - start)
    rows = {
        name: {
            "compile_s": compile_s,
            "least_s": min(times[name]),
            "median_s": statistics.median(times[name]),
            "times_forward": min(times[name]) / min(times["forward"]),
            "temporary_bytes": program.memory_analysis().temp_size_in_bytes,
        }
        for name, (program, compile_s) in programs.items()
    }
    return {"rounds": rounds, "rows": rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=1_000)
    parser.add_argument("--scenarios", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--out", type=Path, default=RESULTS / "gradient_cpu.json")
    given = parser.parse_args()
    results = [
        measured(given.accounts, rounds, given.scenarios, given.repeats)
        for rounds in (16, 256)
    ]
    settings = {"accounts": given.accounts, "scenarios": given.scenarios}
    write_report(given.out, settings, results)
    for result in results:
        print(f"{result['rounds']} rounds")
        for name, row in result["rows"].items():
            print(
                f"  {name:8} {row['least_s'] * 1e3:8.1f} ms, "
                f"{row['times_forward']:5.2f} x forward, "
                f"{row['temporary_bytes'] / 1e6:8.2f} MB beside inputs and outputs"
            )


if __name__ == "__main__":
    main()
