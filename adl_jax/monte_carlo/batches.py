"""Scenarios in batches: one compiled program a policy, every local device."""

import math
import os
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Int

from adl_jax._types import Key
from adl_jax.book import Book
from adl_jax.market import Market, Shocks
from adl_jax.monte_carlo.rows import scenario_row
from adl_jax.policy import AbstractPolicy
from adl_jax.scenario import Scenario


# More scenarios at once than this do not run faster, and lose more when killed.
LARGEST = 4096
# Positions that a CPU device takes side by side: enough to hide the cost of starting each
# operation, few enough for its cache.
ABREAST = 65_536
# A batch holds at most this share of the memory that is free.
SHARE = 0.125


def scenario_key(key: Key, index: Int[Array, ""]) -> tuple[Key, Key]:
    """The keys of scenario i: for its book and path, and for what happens in it.

    They depend on the key and the index alone, so that a scenario is the same in any
    batch, on any device and in any process.
    """
    own = jax.random.fold_in(key, index)
    return jax.random.fold_in(own, 0), jax.random.fold_in(own, 1)


class Batches:
    """Runs policies on ranges of scenarios, all on the same books and paths.

    Scenarios are split over the local devices. On a CPU each device takes its own one
    after another, so that a round in which nothing happens costs next to nothing and a
    book stays in the cache; on an accelerator they run side by side.

    **Arguments:** `key`, `scenario`, `policies`; `batch_size`: scenarios at once, a
    multiple of the number of local devices.
    """

    def __init__(
        self,
        key: Key,
        scenario: Scenario,
        policies: Mapping[str, AbstractPolicy],
        batch_size: int,
    ):
        """Compiles nothing yet."""
        self._key, self._scenario, self._policies = key, scenario, dict(policies)
        self.batch_size = batch_size
        self.mesh = Mesh(np.array(jax.local_devices()), ("scenario",))

    def draw(self, first: int) -> Any:
        """Books, markets and paths of `batch_size` scenarios, starting with `first`."""
        index = jnp.arange(self.batch_size, dtype=jnp.int32) + first
        return _draw(self.mesh, self._key, self._scenario, index)

    def act(self, name: str, drawn: Any) -> dict[str, Array]:
        """Rows of a policy on what `draw` returned, by column, on the devices."""
        return _act(self.mesh, self._scenario, self._policies[name], drawn)

    def run(self, first: int, count: int) -> dict[str, dict[str, np.ndarray]]:
        """Rows of scenarios `first` to `first + count - 1`, by policy and column."""
        drawn = self.draw(first)
        rows = {}
        for name in self._policies:
            values = jax.device_get(self.act(name, drawn))
            rows[name] = {column: value[:count] for column, value in values.items()}
        return rows


def over_devices(
    mesh: Mesh, function: Any, shared: Any, mapped: Any, side_by_side: int
) -> Any:
    """`function(shared, one)` over the leading axis of `mapped`, split over devices."""

    def local(shared: Any, mapped: Any) -> Any:
        one = lambda x: function(shared, x)
        if mesh.devices.flat[0].platform == "cpu":
            return jax.lax.map(one, mapped, batch_size=side_by_side)
        return jax.vmap(one)(mapped)

    along, whole = PartitionSpec("scenario"), PartitionSpec()
    return jax.shard_map(
        local, mesh=mesh, in_specs=(whole, along), out_specs=along, check_vma=False
    )(shared, mapped)


@eqx.filter_jit
def _draw(mesh: Mesh, key: Key, scenario: Scenario, index: Int[Array, " batch"]) -> Any:
    arrays, static = eqx.partition((key, scenario), eqx.is_array)

    def one(shared: Any, i: Int[Array, ""]) -> tuple[Key, Book, Market, Shocks]:
        key, scenario = eqx.combine(shared, static)
        for_draw, for_run = scenario_key(key, i)
        return for_run, *scenario.sample(for_draw)

    positions = jax.eval_shape(scenario.sample, key)[0].num_positions
    return over_devices(mesh, one, arrays, index, abreast(index.size, mesh, positions))


@eqx.filter_jit
def _act(
    mesh: Mesh, scenario: Scenario, policy: AbstractPolicy, drawn: Any
) -> dict[str, Array]:
    arrays, static = eqx.partition((scenario.venue, policy), eqx.is_array)
    sampled, fixed = eqx.partition(drawn, eqx.is_array)

    def one(shared: Any, sample: Any) -> dict[str, Array]:
        venue, policy = eqx.combine(shared, static)
        key, book, market, shocks = eqx.combine(sample, fixed)
        return scenario_row(key, book, market, venue, policy, shocks)

    batch, positions = drawn[1].size.shape
    return over_devices(mesh, one, arrays, sampled, abreast(batch, mesh, positions))


def abreast(batch: int, mesh: Mesh, positions: int) -> int:
    """A power of two that divides what each device is given."""
    each = batch // mesh.size
    wanted = max(ABREAST // positions, 1)
    return math.gcd(each, 2 ** int(math.log2(wanted)))


def choose_batch_size(scenario: Scenario, num_scenarios: int) -> int:
    """A power of two that fits the memory that is free, a multiple of the devices.

    Chosen once for a run and kept: rows are the same to rounding whatever it is, and to
    the bit for the same one.
    """
    shapes = jax.eval_shape(scenario.sample, jax.random.key(0))
    each = sum(
        math.prod(leaf.shape) * leaf.dtype.itemsize
        for leaf in jax.tree.leaves(shapes)
        if hasattr(leaf, "shape")
    )
    devices = jax.local_devices()
    # Side by side a scenario holds some forty arrays of the size of its book.
    alive = 2 if devices[0].platform == "cpu" else 40
    fits = SHARE * _free_memory(devices[0]) / max(alive * each, 1)
    wanted = min(fits, LARGEST, max(num_scenarios / 4, 1))
    size = 2 ** max(int(math.log2(max(wanted, 1))), 0)
    return max(size, 1) * len(devices) // math.gcd(size, len(devices))


def _free_memory(device: Any) -> int:
    statistics = device.memory_stats() if device.platform != "cpu" else None
    if statistics and "bytes_limit" in statistics:
        return statistics["bytes_limit"] - statistics.get("bytes_in_use", 0)
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
