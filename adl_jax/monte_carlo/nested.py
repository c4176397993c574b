"""Several paths on each of several books: how much of the noise is the book."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from adl_jax._types import Key
from adl_jax.monte_carlo.batches import Batches, Draws
from adl_jax.policy import AbstractPolicy
from adl_jax.result import InputError
from adl_jax.scenario import Scenario
from adl_jax.statistics import VarianceParts, variance_parts


# Scenarios at once: what is held of them is little beside a batch of a large run.
_BATCH = 1024


class Nested(NamedTuple):
    """Rows of a nested design, by policy."""

    rows: dict[str, dict[str, Float[np.ndarray, "books paths"]]]
    """Of each policy and column."""

    def column(self, name: str) -> dict[str, Float[np.ndarray, "books paths"]]:
        """A column of every policy, in float64."""
        return {
            policy: columns[name].astype(np.float64)
            for policy, columns in self.rows.items()
        }

    def parts(self, name: str) -> dict[str, VarianceParts]:
        """The mean of a column, and the variance between and within books."""
        return {
            policy: variance_parts(values)
            for policy, values in self.column(name).items()
        }


def nested(
    key: Key,
    scenario: Scenario,
    policies: Mapping[str, AbstractPolicy],
    books: int,
    paths: int,
) -> Nested:
    """Runs every policy on `paths` paths on each of `books` books.

    Scenario (i, j) is book i, which depends on the key and on i alone, and path j, which
    depends on the key, i and j; paths of different books are independent. All policies
    meet the same. Account sizes have heavy tails, so a large part of what differs between
    scenarios can be the book; more paths do not average it away.

    **Arguments:** `books`, `paths`: 2 or more of each.

    **Returns:** `Nested`, in memory.

    **Raises:** `InputError` for fewer, and for a tilted scenario: the parts of a weighted
    variance are not those of a book and a path.

    **Example:**

    ```python
    >>> import jax, adl_jax
    >>> from adl_jax.monte_carlo.nested import nested
    >>> from adl_jax.scenario import scenarios
    >>> policy = adl_jax.Policy(adl_jax.severity.Fixed(1), adl_jax.ProRata())
    >>> scenario = scenarios["default"](num_accounts=60)
    >>> found = nested(jax.random.key(0), scenario, {"all": policy}, 4, 3)
    >>> found.column("needed")["all"].shape
    (4, 3)

    ```
    """
    for name, count in {"books": books, "paths": paths}.items():
        if count < 2:
            raise InputError(f"nested: {name} is {count}; give 2 or more")
    if jax.eval_shape(scenario.sample, key)[2].log_weight is not None:
        raise InputError("nested: the scenario is tilted; give one that is not")
    total, devices = books * paths, jax.local_device_count()
    size = -(-min(total, _BATCH) // devices) * devices
    batches = Batches(key, scenario, policies, size)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in policies}
    for first in range(0, total, size):
        index = jnp.arange(size, dtype=jnp.int32) + first
        drawn = _draw(key, scenario, index, paths)
        for name in policies:
            found[name].append(jax.device_get(batches.act(name, drawn)))
    return Nested(
        {
            name: {
                column: np.concatenate([batch[column] for batch in parts])[
                    :total
                ].reshape(books, paths)
                for column in parts[0]
            }
            for name, parts in found.items()
        }
    )


@eqx.filter_jit
def _draw(
    key: Key, scenario: Scenario, index: Int[Array, " batch"], paths: int
) -> Draws:
    """What `Batches.draw` returns, of books and paths in turn."""

    def one(i: Int[Array, ""]) -> Any:
        own = jax.random.fold_in(key, i // paths)
        for_book, for_paths = jax.random.split(own)
        for_path, for_run = jax.random.split(jax.random.fold_in(for_paths, i % paths))
        book = scenario.books.sample(for_book, scenario.market.mark)
        shocks = scenario.shocks.sample(for_path, scenario.market, scenario.num_rounds)
        return for_run, book, scenario.market, shocks

    # Draws have a leading axis of scenarios, and what has no array once.
    return Draws(*eqx.partition(eqx.filter_vmap(one)(index), eqx.is_array))
