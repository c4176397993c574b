"""Which numbers of a policy are trained, and how each stays in its range."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from adl_jax.config.policies import PARAMETERS
from adl_jax.result import InputError


_Policy = TypeVar("_Policy")
# How far inside of its range a number starts: at the edge it would have no slope.
_INSIDE = 1e-3


class Range(NamedTuple):
    """The open interval that a number stays in. `None` is no limit.

    A number between two limits is a sigmoid of what is trained, one above a limit an
    exponential, so that steps are in shares of it; one without limits is itself.
    """

    low: float | None = None
    high: float | None = None

    def raw(self, value: Array) -> Array:
        """What is trained, at a value; a value at a limit is moved inside."""
        if self.low is None:
            return value
        if self.high is None:
            return jnp.log(jnp.maximum(value - self.low, _INSIDE))
        share = (value - self.low) / (self.high - self.low)
        # Small numbers are normal (rates of one per cent), ends are not.
        share = jnp.where(
            share <= 0, _INSIDE, jnp.where(share >= 1, 1 - _INSIDE, share)
        )
        return jnp.log(share) - jnp.log1p(-share)

    def value(self, raw: Array) -> Array:
        """The number, from what is trained."""
        if self.low is None:
            return raw
        if self.high is None:
            return self.low + jnp.exp(raw)
        return self.low + (self.high - self.low) * jax.nn.sigmoid(raw)


FREE, POSITIVE = Range(), Range(0.0)


class Leaves(NamedTuple):
    """The trained leaves of a policy: their paths, and the range of each."""

    ranges: dict[str, Range]

    def split(self, policy: Any) -> dict[str, Array]:
        """What is trained, by path."""
        values = numbers_of(policy)
        return {path: self.ranges[path].raw(values[path]) for path in self.ranges}

    def join(self, policy: _Policy, raw: Mapping[str, Array]) -> _Policy:
        """The policy with its trained leaves at what was trained."""

        def replaced(path: Any, leaf: Any) -> Any:
            name = _name(path)
            if name not in self.ranges:
                return leaf
            return self.ranges[name].value(raw[name])

        return jax.tree_util.tree_map_with_path(replaced, policy)


def numbers_of(policy: Any) -> dict[str, Array]:
    """Every number that a policy could be trained in, by path.

    ```python
    >>> import adl_jax
    >>> from adl_jax.train import numbers_of
    >>> policy = adl_jax.Policy(adl_jax.severity.ConstantRate(0.01), adl_jax.ProRata())
    >>> print(list(numbers_of(policy)))
    ['severity.rate']

    ```
    """
    leaves = jax.tree_util.tree_leaves_with_path(policy)
    return {_name(path): leaf for path, leaf in leaves if eqx.is_inexact_array(leaf)}


def choose(
    policy: Any,
    patterns: Iterable[str] = ("*",),
    ranges: Mapping[str, Range] | None = None,
) -> Leaves:
    """Chooses leaves by path.

    **Arguments:**

    - `patterns`: paths as in `numbers_of`, where `*` stands for anything.
    - `ranges`: the range of leaves, by pattern; the first that fits counts. A leaf that
        none fits has the range that configurations allow its name; without one it is
        free.

    **Raises:** `InputError` for a pattern that fits no leaf, and for a leaf outside of
    its range.
    """
    numbers, given = numbers_of(policy), dict(ranges or {})
    for pattern in (*patterns, *given):
        if not any(fnmatchcase(path, pattern) for path in numbers):
            known = ", ".join(numbers) or "none"
            raise InputError(
                f"{pattern!r} fits no number of the policy; there are: {known}"
            )
    chosen = {
        path: _range(path, given)
        for path in numbers
        if any(fnmatchcase(path, pattern) for pattern in patterns)
    }
    if not chosen:
        raise InputError("no number of the policy is to be trained: give a pattern")
    for path, allowed in chosen.items():
        values = np.asarray(numbers[path])
        low, high = allowed
        fine = np.isfinite(values)
        fine &= True if low is None else values >= low
        fine &= True if high is None else values <= high
        if not fine.all():
            raise InputError(
                f"{path} is {values[~fine][0]}, outside of its range {low} to {high}: "
                "start inside, or give another range"
            )
    return Leaves(chosen)


def _range(path: str, given: Mapping[str, Range]) -> Range:
    for pattern, allowed in given.items():
        if fnmatchcase(path, pattern):
            return allowed
    known = PARAMETERS.get(path.rpartition(".")[2])
    if known is None:
        return FREE
    if known.low >= 0 and known.high > 1:
        return POSITIVE
    return Range(float(known.low), float(known.high))


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")
