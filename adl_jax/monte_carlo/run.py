"""Many scenarios: every policy on common random numbers, batch by batch."""

import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from adl_jax._types import Key
from adl_jax.fingerprint import fingerprint
from adl_jax.monte_carlo.batches import Batches, Rows, choose_batch_size
from adl_jax.monte_carlo.results import Results
from adl_jax.monte_carlo.store import FORMAT, STOPPED, Store, as_table, read_manifest
from adl_jax.monte_carlo.until import Until, Watch
from adl_jax.policy import AbstractPolicy, Recorded
from adl_jax.registry import plugin_versions
from adl_jax.result import InputError
from adl_jax.scenario import Scenario


VERSIONS = ("adl-jax", "jax", "jaxlib", "equinox", "numpy", "pyarrow")


class Progress(NamedTuple):
    """How far a run is: scenarios done and in all; computed here, in how many seconds.

    A resumed run has some done that it did not compute.
    """

    done: int
    total: int
    computed: int
    seconds: float


def monte_carlo(
    key: Key,
    scenario: Scenario,
    policies: Mapping[str, AbstractPolicy],
    num_scenarios: int,
    *,
    batch_size: int | None = None,
    out: Path | str | None = None,
    resume: bool = False,
    until: Until | None = None,
    configuration: Mapping[str, Any] | None = None,
    report: Callable[[Progress], None] | None = None,
    show: Callable[[str, Rows], None] | None = None,
) -> Results:
    """Runs every policy on the same scenarios.

    Scenario i depends on the key and on i alone: the same book, path and draws whatever
    the batch size, the devices, the process or the other policies, and the same row to
    rounding; bit by bit for the same batch size and devices. Results in a folder are
    written batch by batch, so that memory does not grow with the scenarios, and a killed
    run goes on where it stopped.

    Several processes (`jax.distributed`) share a folder: each runs and writes every n-th
    batch, and all return when the last has written.

    **Arguments:**

    - `key`: a typed PRNG key.
    - `scenario`: a `Scenario`; `policies`: by name.
    - `num_scenarios`: how many, from 0.
    - `batch_size`: scenarios at once; chosen from free memory if not given, a power of
        two, and a multiple of the local devices.
    - `out`: a folder for the rows; in memory if not given. `resume`: go on with the run
        in it.
    - `until`: an `Until`: the half width of a figure at which to end, after
        `num_scenarios` at most. One process alone can look.
    - `configuration`: plain values that describe the run, kept in the manifest.
    - `report`: called after every batch. `show`: called with a policy's name and its
        rows of the first batch, as soon as they are there.

    **Returns:** `Results`.

    **Raises:** `InputError` for a raw key, no policies, a number of scenarios or a batch
    size that is no positive whole number, a recorded row, or a folder that holds
    something else; or for `until` with several processes.
    """
    _check(key, policies, num_scenarios, batch_size)
    devices = jax.local_device_count()
    size = batch_size or choose_batch_size(scenario, num_scenarios)
    if out is not None:
        size = _kept_size(Path(out), size, batch_size, resume)
    if size % devices:
        raise InputError(
            f"batch_size is {size}, not a multiple of the {devices} local devices; fix: "
            f"{-(-size // devices) * devices}, or as many devices as it was started with"
        )
    dtype = np.dtype(scenario.market.mark.dtype)
    identity = _identity(key, scenario, policies, num_scenarios, configuration)
    watch = None
    if until is not None:
        identity |= {"until": until.to_dict()}
        watch = _watch(until, policies, identity["tilted"])
    store = None
    if out is not None:
        store = Store(
            Path(out),
            identity | {"batch_size": size},
            resume=resume,
            waits=jax.process_index() > 0,
        )
        if jax.process_count() == 1:
            store.remove_leftovers()
    batches = Batches(key, scenario, policies, size)
    began, tables, computed = time.perf_counter(), [], 0
    done = 0
    process, processes = jax.process_index(), jax.process_count()
    for number, first in enumerate(range(0, num_scenarios, size)):
        count = min(size, num_scenarios - first)
        done = first + count
        mine = number % processes == process
        if mine and not (store and store.has(first, count, len(policies))):
            rows = batches.run(first, count, show)
            computed += count
            table = as_table(first, rows, dtype)
            if store is None:
                tables.append(table)
            else:
                store.write(first, table)
        if report is not None:
            seconds = time.perf_counter() - began
            report(Progress(done, num_scenarios, computed, seconds))
        if watch is not None:
            table = tables[-1] if store is None else store.read(first)
            if watch.enough(table):
                break
    manifest = identity | {"batch_size": size, "num_scenarios": done}
    if store is None:
        return Results(tables=tables, manifest=manifest)
    if done < num_scenarios:
        store.note(STOPPED, {"num_scenarios": done})
    seconds = time.perf_counter() - began
    # What comes back is whole: rows of other processes are read like one's own.
    store.wait_for(range(0, done, size))
    results = Results(folder=store.folder, manifest=manifest)
    store.note(
        f"finished-{process}.json",
        {
            "seconds": seconds,
            "computed_scenarios": computed,
            "devices": [str(device) for device in jax.local_devices()],
            **_checked(results),
        },
    )
    return results


def _checked(results: Results) -> dict[str, float | int]:
    """Of all rows, whoever computed them: the conservation check, and how many miss."""
    errors = results.column("cash_error", as_drawn=True)
    worst = max(float(np.max(values)) for values in errors.values())
    if not np.isfinite(worst):
        raise InputError(
            f"{results.folder}: the cash of some scenario is not finite (column "
            "cash_error); fix: look at its book and venue, or run it in float64"
        )
    there = sum(values.size for values in errors.values())
    expected = results.num_scenarios * len(results.policies)
    return {"largest_cash_error": worst, "dropped_rows": expected - there}


def _check(
    key: Key,
    policies: Mapping[str, AbstractPolicy],
    num_scenarios: int,
    batch_size: int | None,
) -> None:
    if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        raise InputError("monte_carlo: give a typed key, jax.random.key(seed)")
    if not policies:
        raise InputError("monte_carlo: give at least one policy")
    for name, policy in policies.items():
        if isinstance(policy, Recorded):
            raise InputError(f"monte_carlo: {name} is a recorded row, which cannot act")
    for name, value in {
        "num_scenarios": num_scenarios,
        "batch_size": batch_size,
    }.items():
        if value is not None and (not isinstance(value, int) or value < 1):
            raise InputError(f"monte_carlo: {name} is {value}; give 1 or more")


def _watch(until: Until, policies: Mapping[str, Any], tilted: bool) -> Watch:
    if jax.process_count() > 1:
        raise InputError(
            "monte_carlo: until needs all rows in order, and each of the "
            f"{jax.process_count()} processes has its own; run one, or leave until out"
        )
    return Watch(until, list(policies), tilted)


def _kept_size(folder: Path, size: int, asked: int | None, resume: bool) -> int:
    """The batch size that a run was started with, where nobody asks for another."""
    there = read_manifest(folder) if resume and asked is None else None
    return size if there is None else int(there["batch_size"])


def _identity(
    key: Key,
    scenario: Scenario,
    policies: Mapping[str, AbstractPolicy],
    num_scenarios: int,
    configuration: Mapping[str, Any] | None,
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "num_scenarios": num_scenarios,
        "key": np.asarray(jax.random.key_data(key)).tolist(),
        "policies": list(policies),
        "policy_hashes": {
            name: fingerprint(policy) for name, policy in policies.items()
        },
        "scenario_hash": fingerprint(scenario),
        "tilted": jax.eval_shape(scenario.sample, key)[2].log_weight is not None,
        "configuration": None if configuration is None else dict(configuration),
        "dtype": str(scenario.market.mark.dtype),
        "versions": {name: version(name) for name in VERSIONS}
        | plugin_versions(scenario, policies),
        "python": platform.python_version(),
        "device": jax.devices()[0].device_kind,
        "backend": jax.default_backend(),
    }
