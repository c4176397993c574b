"""Scenarios in batches: one compiled program a policy, every local device."""

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import psutil
from jax.extend.core import Var, jaxpr_as_fun
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Int

from adl_jax._types import Key
from adl_jax.book import Book
from adl_jax.market import Market, Shocks
from adl_jax.monte_carlo.rows import scenario_row
from adl_jax.policy import AbstractPolicy
from adl_jax.scenario import Scenario
from adl_jax.venue import Venue


# More scenarios at once than this do not run faster, and lose more when killed; an
# accelerator needs more of them before starting its operations costs nothing.
LARGEST, LARGEST_SIDE_BY_SIDE = 4096, 32_768
# Positions that a CPU device takes side by side: enough to hide the cost of starting each
# operation, few enough for its cache.
ABREAST = 32_768
# A batch holds at most this share of the memory that is free.
SHARE = 0.125


Rows: TypeAlias = dict[str, np.ndarray]


def scenario_key(key: Key, index: Int[Array, ""]) -> tuple[Key, Key]:
    """The keys of scenario i: for its book and path, and for what happens in it.

    They depend on the key and the index alone, so that a scenario is the same in any
    batch, on any device and in any process.
    """
    own = jax.random.fold_in(key, index)
    return jax.random.fold_in(own, 0), jax.random.fold_in(own, 1)


class Draws(eqx.Module):
    """Keys, books, markets and paths of a batch of scenarios.

    **Fields:** two halves of the same tree, `None` where the other has an array: `each`
    with a leading axis of scenarios, and `shared`, what does not depend on the key, once.
    """

    each: Any
    shared: Any

    @property
    def batch_size(self) -> int:
        """How many scenarios there are."""
        return jax.tree.leaves(self.each)[0].shape[0]


class Program(NamedTuple):
    """A compiled program with its arguments: `run()` runs it, in `peak_bytes`."""

    run: Callable[[], Any]
    peak_bytes: int


def _compiled(function: Any, arguments: tuple[Any, ...]) -> Program:
    compiled = function.lower(*arguments).compile()
    memory = compiled.compiled.memory_analysis()
    peak = (
        memory.argument_size_in_bytes
        + memory.output_size_in_bytes
        + memory.temp_size_in_bytes
    )
    return Program(lambda: compiled(*arguments), peak)


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
        self._compiled = False
        self.batch_size = batch_size
        self.mesh = Mesh(np.array(jax.local_devices()), ("scenario",))

    def draw(self, first: int) -> Draws:
        """Books, markets and paths of `batch_size` scenarios, starting with `first`."""
        return _draw(*self._to_draw(first))

    def act(self, name: str, drawn: Draws) -> dict[str, Array]:
        """Rows of a policy on what `draw` returned, by column, on the devices."""
        return _act(*self._to_act(name, drawn))

    def run(
        self, first: int, count: int, show: Callable[[str, Rows], None] | None = None
    ) -> dict[str, Rows]:
        """Rows of scenarios `first` to `first + count - 1`, by policy and column.

        The first time, programs are compiled side by side, and `show` is called with
        each policy's rows as soon as they are there.
        """
        drawn = self.draw(first)
        rows = {}

        def act(name: str) -> Rows:
            values = jax.device_get(self.act(name, drawn))
            return {column: value[:count] for column, value in values.items()}

        if not self._compiled:
            # Policies of one structure share a program; the first of them compiles it.
            alone: dict[Any, str] = {}
            for name, policy in self._policies.items():
                alone.setdefault(_structure(policy), name)
            first_one, *others = alone.values()
            # The first one alone, so that something is to be seen as soon as can be.
            for names in ([first_one], others):
                with ThreadPoolExecutor() as pool:
                    begun = {pool.submit(act, name): name for name in names}
                    for done in as_completed(begun):
                        rows[begun[done]] = done.result()
                        if show is not None:
                            show(begun[done], rows[begun[done]])
            self._compiled = True
        return {
            name: rows[name] if name in rows else act(name) for name in self._policies
        }

    def compile_draw(self) -> Program:
        """The program of `draw`, from scenario 0."""
        return _compiled(_draw, self._to_draw(0))

    def compile_act(self, name: str, drawn: Draws) -> Program:
        """The program of `act` on what `draw` returned."""
        return _compiled(_act, self._to_act(name, drawn))

    def _to_draw(self, first: int) -> tuple[Any, ...]:
        index = jnp.arange(self.batch_size, dtype=jnp.int32) + first
        return self.mesh, self._key, self._scenario, index

    def _to_act(self, name: str, drawn: Draws) -> tuple[Any, ...]:
        return self.mesh, self._scenario.venue, self._policies[name], drawn


def _structure(policy: AbstractPolicy) -> Any:
    leaves, structure = jax.tree.flatten(policy)
    kind = lambda leaf: jax.typeof(leaf) if eqx.is_array(leaf) else leaf
    return structure, tuple(map(kind, leaves))


def over_draws(
    mesh: Mesh,
    function: Callable[[Any, Key, Book, Market, Shocks], Any],
    shared: Any,
    draws: Draws,
) -> Any:
    """`function(shared, key, book, market, shocks)` of every scenario of a batch.

    Scenarios are split over the devices of the mesh. On a CPU each device takes a few
    side by side; on an accelerator all of them.

    **Arguments:** `shared`: arrays that all scenarios share.
    """
    ours, fixed = eqx.partition(draws.shared, eqx.is_array)

    def one(shared: Any, own: Any) -> Any:
        arrays, ours = shared
        return function(arrays, *eqx.combine(own, ours, fixed))

    positions = eqx.combine(draws.each, draws.shared)[1].size.shape[-1]
    return _over(mesh, one, (shared, ours), draws.each, positions)


def _over(mesh: Mesh, function: Any, shared: Any, mapped: Any, positions: int) -> Any:
    """`function(shared, one)` over the leading axis of `mapped`, split over devices."""
    batch = jax.tree.leaves(mapped)[0].shape[0]
    at_once = _abreast(batch, mesh, positions)

    def local(shared: Any, mapped: Any) -> Any:
        one = lambda x: function(shared, x)
        if mesh.devices.flat[0].platform == "cpu":
            return jax.lax.map(one, mapped, batch_size=at_once)
        return jax.vmap(one)(mapped)

    along, whole = PartitionSpec("scenario"), PartitionSpec()
    return jax.shard_map(
        local, mesh=mesh, in_specs=(whole, along), out_specs=along, check_vma=False
    )(shared, mapped)


@eqx.filter_jit
def _draw(mesh: Mesh, key: Key, scenario: Scenario, index: Int[Array, " batch"]) -> Any:
    arrays, static = eqx.partition((key, scenario), eqx.is_array)

    def draw(i: Int[Array, ""], arrays: Any) -> tuple[Key, Book, Market, Shocks]:
        key, scenario = eqx.combine(arrays, static)
        for_draw, for_run = scenario_key(key, i)
        return for_run, *scenario.sample(for_draw)

    # Traced once, and used three times.
    program, shape = jax.make_jaxpr(draw, return_shape=True)(index[0], arrays)
    again = jaxpr_as_fun(program)
    varies = _varies(program)

    def those(wanted: bool, i: Int[Array, ""], arrays: Any) -> Any:
        found = again(i, *jax.tree.leaves(arrays))
        kept = [
            value if of_each == wanted else None
            for value, of_each in zip(found, varies, strict=True)
        ]
        return jax.tree.unflatten(jax.tree.structure(shape), kept)

    each = lambda shared, i: those(True, i, shared)
    positions = shape[1].size.shape[0]
    return Draws(
        _over(mesh, each, arrays, index, positions), those(False, index[0], arrays)
    )


def _varies(program: Any) -> list[bool]:
    """Which results of a program depend on its first argument.

    Those that do not are kept once: indexing by one table in all scenarios of a batch is
    several times as fast as by one each.
    """
    varying = {program.jaxpr.invars[0]}
    depends = lambda value: isinstance(value, Var) and value in varying
    for step in program.jaxpr.eqns:
        if any(map(depends, step.invars)):
            varying.update(step.outvars)
    return list(map(depends, program.jaxpr.outvars))


@eqx.filter_jit
def _act(
    mesh: Mesh, venue: Venue, policy: AbstractPolicy, draws: Draws
) -> dict[str, Array]:
    arrays, static = eqx.partition((venue, policy), eqx.is_array)

    def row(shared: Any, *drawn: Any) -> dict[str, Array]:
        key, book, market, shocks = drawn
        venue, policy = eqx.combine(shared, static)
        return scenario_row(key, book, market, venue, policy, shocks)

    return over_draws(mesh, row, arrays, draws)


def _abreast(batch: int, mesh: Mesh, positions: int) -> int:
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
    one_by_one = devices[0].platform == "cpu"
    alive, largest = (2, LARGEST) if one_by_one else (40, LARGEST_SIDE_BY_SIDE)
    fits = SHARE * _free_memory(devices[0]) / max(alive * each, 1)
    wanted = min(fits, largest, max(num_scenarios / 4, 1))
    size = 2 ** max(int(math.log2(max(wanted, 1))), 0)
    return max(size, 1) * len(devices) // math.gcd(size, len(devices))


def _free_memory(device: Any) -> int:
    statistics = device.memory_stats() if device.platform != "cpu" else None
    if statistics and "bytes_limit" in statistics:
        return statistics["bytes_limit"] - statistics.get("bytes_in_use", 0)
    return psutil.virtual_memory().available
