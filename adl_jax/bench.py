"""How fast this machine runs a configuration: rounds, compiling, memory, bandwidth."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from adl_jax._types import Key
from adl_jax.monte_carlo import Batches
from adl_jax.policy import AbstractPolicy
from adl_jax.scenario import Scenario


SAMPLING = "sampling"
_Result = TypeVar("_Result")


class Throughput(NamedTuple):
    """What one program did.

    **Fields:**

    - `program`: a policy's name, or `SAMPLING`, which draws books and paths.
    - `accounts`, `positions`, `rounds`, `scenarios`, `dtype`: what it ran on.
    - `compile_s`: seconds to trace and compile.
    - `least_s`, `median_s`: seconds of a run, of the repeats.
    - `account_rounds_a_second`: accounts times rounds times scenarios over `least_s`.
    - `active_share`, `deficit_share`: of rounds, in which anybody was liquidated or a
        debt stood, and in which there was a deficit; `None` for sampling.
    - `peak_bytes`: arguments, results and everything between, as compiled.
    - `bandwidth_share`: the least that has to be read and written, each position and
        account once a round, over what a copy of memory moves in that time; `None` for
        sampling.
    """

    program: str
    accounts: int
    positions: int
    rounds: int
    scenarios: int
    dtype: str
    compile_s: float
    least_s: float
    median_s: float
    account_rounds_a_second: float
    active_share: float | None
    deficit_share: float | None
    peak_bytes: int
    bandwidth_share: float | None


def machine() -> dict[str, Any]:
    """Device and versions that figures belong to."""
    device = jax.local_devices()[0]
    return {
        "device": device.device_kind,
        "devices": jax.local_device_count(),
        "backend": jax.default_backend(),
        "processor": platform.machine(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("adl-jax", "jax", "jaxlib")},
    }


def copy_bandwidth(size: int = 2**26, repeats: int = 5) -> float:
    """Bytes a second that the devices read and write when they add 1 to an array.

    **Arguments:** `size`: numbers in float32, over all devices.
    """
    devices = jax.local_devices()
    size = -(-size // len(devices))
    mesh = jax.make_mesh((len(devices),), ("device",))
    split = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("device"))
    values = jax.device_put(jnp.zeros(size * len(devices), jnp.float32), split)
    add = jax.jit(lambda values: values + 1)
    add(values)
    least = min(_timed(lambda: add(values))[1] for _ in range(repeats))
    return 2 * values.nbytes / least


def throughput(
    key: Key,
    scenario: Scenario,
    policies: Mapping[str, AbstractPolicy],
    num_scenarios: int,
    *,
    bandwidth: float,
    repeats: int = 5,
) -> list[Throughput]:
    """Times the sampling and each policy's rounds on one batch of scenarios.

    Programs run by turns, so that a noisy machine disturbs all of them alike.

    **Arguments:** `num_scenarios`: in the batch, a multiple of the local devices;
    `bandwidth`: what `copy_bandwidth` measured; `repeats`: runs of each program after the
    first.

    **Returns:** a `Throughput` of the sampling and of each policy.
    """
    batches = Batches(key, scenario, policies, num_scenarios)
    programs, compile_s = {}, {}
    programs[SAMPLING], compile_s[SAMPLING] = _timed(batches.compile_draw)
    drawn = programs[SAMPLING].run()
    rows = {}
    for name in policies:
        compiling = partial(batches.compile_act, name, drawn)
        programs[name], compile_s[name] = _timed(compiling)
        rows[name] = jax.device_get(programs[name].run())
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(repeats):
        for name, program in programs.items():
            seconds[name].append(_timed(program.run)[1])
    book = jax.eval_shape(scenario.sample, key)[0]
    rounds = num_scenarios * scenario.num_rounds
    # A round reads and writes a position's size and entry price, an account's collateral.
    least_numbers = 2 * (2 * book.num_positions + book.num_accounts) * rounds
    least_bytes = least_numbers * scenario.market.mark.dtype.itemsize
    results = []
    for name, program in programs.items():
        least, row = min(seconds[name]), rows.get(name)
        share = lambda column, row=row: (
            None if row is None else float(row[column].sum() / rounds)
        )
        results.append(
            Throughput(
                program=name,
                accounts=book.num_accounts,
                positions=book.num_positions,
                rounds=scenario.num_rounds,
                scenarios=num_scenarios,
                dtype=str(scenario.market.mark.dtype),
                compile_s=compile_s[name],
                least_s=least,
                median_s=statistics.median(seconds[name]),
                account_rounds_a_second=book.num_accounts * rounds / least,
                active_share=share("rounds_active"),
                deficit_share=share("rounds_with_deficit"),
                peak_bytes=program.peak_bytes,
                bandwidth_share=None
                if row is None
                else least_bytes / least / bandwidth,
            )
        )
    return results


def _timed(run: Callable[[], _Result]) -> tuple[_Result, float]:
    began = time.perf_counter()
    result = jax.block_until_ready(run())
    return result, time.perf_counter() - began
