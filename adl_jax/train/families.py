"""Several families of scenarios in one program, those alike in one loop."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key as Keys

from adl_jax._types import Key
from adl_jax.policy import AbstractPolicy
from adl_jax.remember import Remember
from adl_jax.result import InputError
from adl_jax.train.problem import AbstractProblem


class Group(NamedTuple):
    """Families that differ in numbers alone: their names, and one stacked problem."""

    names: tuple[str, ...]
    stacked: Any
    abreast: int

    def run(
        self,
        policy: AbstractPolicy,
        keys: Keys[Array, " scenarios"],
        family: Int[Array, " scenarios"],
        wanted: frozenset[str],
        remember: Remember,
    ) -> dict[str, Float[Array, " scenarios"]]:
        """Figures of one scenario a key, each of the family given."""
        arrays, static = eqx.partition(self.stacked, eqx.is_array)

        def one(given: tuple[Any, Any]) -> dict[str, Array]:
            # Raw bits: `lax.map` cannot split a batch of typed keys in all releases.
            bits, number = given
            own = jax.tree.map(lambda leaf: leaf[number], arrays)
            problem: AbstractProblem = eqx.combine(own, static)
            key = jax.random.wrap_key_data(bits, impl=jax.random.key_impl(keys))
            figures = problem.run(key, policy, remember)
            return {name: figures[name] for name in sorted(wanted)}

        given = (jax.random.key_data(keys), family)
        count = family.shape[0]
        if jax.default_backend() != "cpu" or count <= self.abreast:
            return jax.vmap(one)(given)
        side_by_side = max(
            size for size in range(1, self.abreast + 1) if count % size == 0
        )
        return jax.lax.map(one, given, batch_size=side_by_side)


def grouped(problems: Mapping[str, AbstractProblem]) -> list[Group]:
    """Puts families that are alike but for their numbers together.

    **Raises:** `InputError` without families.
    """
    if not problems:
        raise InputError("train: give at least one family of scenarios")
    kinds: dict[Any, dict[str, Any]] = {}
    for name, problem in problems.items():
        problem = jax.tree.map(
            lambda leaf: jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf,
            problem,
        )
        arrays, static = eqx.partition(problem, eqx.is_array)
        shapes = tuple((leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(arrays))
        # Modules are compared by their printed structure: some hold unhashable arrays.
        kind = (jax.tree.structure(arrays), shapes, eqx.tree_pformat(static))
        kinds.setdefault(kind, {})[name] = (arrays, static, problem.abreast)
    groups = []
    for alike in kinds.values():
        stacked = jax.tree.map(
            lambda *leaves: jnp.stack(leaves), *(one[0] for one in alike.values())
        )
        _, static, abreast = next(iter(alike.values()))
        groups.append(Group(tuple(alike), eqx.combine(stacked, static), abreast))
    return groups


def shared_out(batch: int, groups: list[Group]) -> list[int]:
    """How many scenarios of a batch each group has: one a family, in turn.

    **Raises:** `InputError` for a batch that families cannot share equally.
    """
    families = sum(len(group.names) for group in groups)
    if batch % families:
        larger = math.ceil(batch / families) * families
        raise InputError(
            f"train: a batch of {batch} scenarios cannot be shared equally by {families} "
            f"families; give batch_size = {larger}"
        )
    return [batch // families * len(group.names) for group in groups]


def run_all(
    groups: list[Group],
    policy: AbstractPolicy,
    key: Key,
    batch: int,
    wanted: frozenset[str],
    remember: Remember = "all",
) -> dict[str, Float[Array, " scenarios"]]:
    """Figures of a batch, the families in turn, in the order of `names_of`."""
    parts = []
    for number, (group, count) in enumerate(
        zip(groups, shared_out(batch, groups), strict=True)
    ):
        keys = jax.random.split(jax.random.fold_in(key, number), count)
        each = count // len(group.names)
        family = jnp.repeat(jnp.arange(len(group.names)), each)
        parts.append(group.run(policy, keys, family, wanted, remember))
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)


def names_of(groups: list[Group]) -> tuple[str, ...]:
    """Families in the order of `run_all`, each with an equal part of the batch."""
    return tuple(name for group in groups for name in group.names)
