"""Laws of a policy on given rounds: money, programs, precision and degenerate rounds."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from adl_jax.loop import replay
from adl_jax.messages import Information
from adl_jax.policy import AbstractPolicy
from adl_jax.result import RESULTS
from adl_jax.rounds import Rounds
from adl_jax.testing.examples import make_rounds, round_fields


DEGENERATE: dict[str, dict[str, Any]] = {
    "no deficit": {"deficit": np.zeros(5)},
    "none needed": {"needed": np.zeros(5)},
    "no winners": {"capacity": np.zeros((5, 7)), "capacity_total": np.zeros(5)},
    "equal": {"capacity": np.ones((5, 7)), "capacity_total": np.full(5, 7.0)},
    "ties": {"score": np.zeros((5, 7))},
    "no close-outs": {"closeout_quantity": np.zeros((5, 3))},
}
"""Changes of `round_fields()` where something is zero or the same for all."""


def require(holds: Any, what: str) -> None:
    """Raises `AssertionError` that says what does not hold, also under `python -O`."""
    if not np.all(np.asarray(holds)):
        raise AssertionError(what)


def check_numbers(part: Any) -> None:
    """Every number of a part is an array of a definite dtype.

    A Python number is compiled in: every other value compiles again, and it can be
    neither trained nor vmapped.
    """
    for path, leaf in jax.tree_util.tree_leaves_with_path(part):
        name = f"{type(part).__name__}{jax.tree_util.keystr(path)}"
        require(
            isinstance(leaf, jax.Array),
            f"{name} is {type(leaf).__name__}: declare it with "
            "eqx.field(converter=adl_jax.as_float)",
        )
        require(not leaf.weak_type, f"{name} has a weak dtype: use adl_jax.as_float")


def check_one_program(policy: AbstractPolicy) -> None:
    """Other numbers of the policy run the same program, and are finite in it."""
    for name in _static_floats(policy, type(policy).__name__):
        raise AssertionError(f"{name} is a static float: every value compiles again")
    rounds, traces = make_rounds(), 0
    arrays, static = eqx.partition(policy, eqx.is_inexact_array)

    @jax.jit
    def status(arrays: Any) -> RESULTS:
        nonlocal traces
        traces += 1
        return replay(rounds, eqx.combine(arrays, static)).status

    for factor in (1.0, 0.9, 0.7):
        changed = jax.tree.map(lambda leaf, factor=factor: factor * leaf, arrays)
        # Records are always finite: the loop reports what was not.
        finite = status(changed) != RESULTS.nonfinite
        require(finite, f"not finite at {factor} of defaults")
    require(traces == 1, "another value of a number traces again")


def _static_floats(part: Any, name: str) -> Iterator[str]:
    if not isinstance(part, eqx.Module):
        return
    for field in dataclasses.fields(part):
        inner, path = getattr(part, field.name), f"{name}.{field.name}"
        if field.metadata.get("static") and isinstance(inner, float):
            yield path
        yield from _static_floats(inner, path)


def check_laws(policy: AbstractPolicy) -> None:
    """Haircuts are in [0, capacity], sum to the budget, and the budget to its limits."""
    for seed in range(3):
        _check_laws_of(policy, make_rounds(seed))


def _check_laws_of(policy: AbstractPolicy, rounds: Rounds) -> None:
    records = replay(rounds, policy).records
    haircut, capacity = np.asarray(records.haircut), np.asarray(rounds.capacity)
    limit = np.asarray(rounds.capacity_total)
    if policy.information is not Information.hindsight:
        limit = np.minimum(limit, rounds.deficit)
    require(haircut >= 0, "a haircut is negative")
    require(haircut <= capacity, "a haircut is above its capacity")
    require(np.asarray(records.budget) <= limit, "a budget is above its limit")
    np.testing.assert_allclose(records.executed, records.budget, rtol=1e-12)
    np.testing.assert_allclose(records.executed, haircut.sum(axis=1), rtol=1e-15)
    np.testing.assert_allclose(
        records.executed + records.undershoot,
        records.needed + records.overshoot,
        rtol=1e-12,
    )
    finite = [np.isfinite(leaf).all() for leaf in jax.tree.leaves(records)]
    require(finite, "a record is not finite")


def check_compiled(policy: AbstractPolicy, accounts: int = 33) -> None:
    """Compiled, batched, and step by step: the same numbers."""
    events = [make_rounds(seed, rounds=3, accounts=accounts) for seed in range(3)]

    def executed(rounds: Rounds) -> Any:
        return replay(rounds, policy).records.executed

    jitted = jnp.stack([jax.jit(executed)(rounds) for rounds in events])
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *events)
    mapped = jax.vmap(executed)(stacked)
    np.testing.assert_allclose(mapped, jitted, rtol=1e-13, atol=1e-13)
    if accounts > 1:
        # Step by step an event takes seconds.
        with jax.disable_jit():
            eager = executed(events[0])
        np.testing.assert_allclose(jitted[0], eager, rtol=1e-13, atol=1e-13)


def check_dtypes(policy: AbstractPolicy) -> None:
    """Records have the dtype of the rounds; a state that changes its own is an error."""
    for dtype in (np.float32, np.float64):
        fields = {
            field: value.astype(dtype) if value.dtype == float else value
            for field, value in round_fields().items()
        }
        records = replay(Rounds(**fields), policy).records
        for path, leaf in jax.tree_util.tree_leaves_with_path(records):
            name = f"records{jax.tree_util.keystr(path)}"
            require(leaf.dtype == dtype, f"{name} is {leaf.dtype} in rounds of {dtype}")


def check_padding(policy: AbstractPolicy, *, draws_lots: bool = False) -> None:
    """Accounts without profit change nothing, nor does the order of the accounts.

    **Arguments:** `draws_lots`: whether who pays depends on the place, so that the order
    may matter.
    """
    fields = round_fields(5)
    accounts = fields["capacity"].shape[1]
    order = np.random.default_rng(0).permutation(accounts)
    shuffled, padded = dict(fields), dict(fields)
    for field in ("capacity", "score", "leverage"):
        shuffled[field] = fields[field][:, order]
        padded[field] = np.pad(fields[field], ((0, 0), (0, 4)))

    def paid(fields: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        records = replay(Rounds(**fields), policy).records
        return np.asarray(records.haircut), np.asarray(records.concentration)

    base, largest = paid(fields)
    # A haircut can be a small rest of a large sum, and is as exact as that.
    slack = 1e-12 * fields["deficit"].max()
    if not draws_lots:
        moved = base[:, order]
        np.testing.assert_allclose(paid(shuffled)[0], moved, rtol=1e-12, atol=slack)
    wider, largest_of_wider = paid(padded)
    np.testing.assert_allclose(wider[:, :accounts], base, rtol=1e-12, atol=slack)
    require(wider[:, accounts:] == 0, "an account without profit pays")
    np.testing.assert_allclose(largest_of_wider, largest, rtol=1e-12)


def check_degenerate(policy: AbstractPolicy, changes: dict[str, Any]) -> None:
    """Values and gradients are finite, and without a deficit nothing is raised.

    **Arguments:** `changes`: of `make_rounds()`; see `DEGENERATE`.
    """
    rounds = make_rounds(**changes)
    arrays, static = eqx.partition(policy, eqx.is_array)

    def loss(arrays: Any, rounds: Rounds) -> Any:
        records = replay(rounds, eqx.combine(arrays, static)).records
        return jnp.abs(records.executed - records.needed).sum()

    require(jnp.isfinite(loss(arrays, rounds)), "a value is not finite")
    gradients = jax.grad(loss, argnums=(0, 1), allow_int=True)(arrays, rounds)
    for path, leaf in jax.tree_util.tree_leaves_with_path(gradients):
        if jnp.issubdtype(leaf.dtype, jnp.floating):
            name = jax.tree_util.keystr(path)
            require(jnp.isfinite(leaf), f"the gradient in {name} is not finite")
    if "deficit" in changes and policy.information is not Information.hindsight:
        raised = replay(rounds, policy).records.executed
        require(raised == 0, "something is raised without a deficit")
