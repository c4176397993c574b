"""The whole contract of a severity, of an allocation and of a policy."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from adl_jax.allocator import AbstractAllocation, ProRata
from adl_jax.messages import Observation
from adl_jax.policy import AbstractPolicy, Policy
from adl_jax.severity import AbstractSeverity, Fixed
from adl_jax.testing.conservation import check_conservation
from adl_jax.testing.laws import (
    DEGENERATE,
    check_compiled,
    check_degenerate,
    check_dtypes,
    check_laws,
    check_numbers,
    check_one_program,
    check_padding,
    require,
)
from adl_jax.testing.leaks import (
    COLUMNS,
    check_declares,
    check_never_shown,
    check_unseen,
    check_unseen_without_accounts,
)
from adl_jax.venue.presets import bitmex


def check_severity(make: Callable[[], AbstractSeverity]) -> None:
    """Holds a severity, with a pro-rata allocation, to `check_policy`.

    **Arguments:** `make`: makes it without arguments: the class, or a function.

    **Raises:** `AssertionError` that says what does not hold.

    ```python
    >>> from adl_jax.severity import Fixed
    >>> from adl_jax.testing import check_severity
    >>> check_severity(lambda: "much")
    Traceback (most recent call last):
    AssertionError: str is no AbstractSeverity

    ```
    """
    _require_kind(make(), AbstractSeverity)
    check_policy(lambda: Policy(make(), ProRata()))


def check_allocation(
    make: Callable[[], AbstractAllocation], *, draws_lots: bool = False
) -> None:
    """Holds an allocation, under half of every deficit, to `check_policy`; and its class's
    `by_group`, where it is true, on a venue that settles in contracts.

    **Arguments:** `make`: makes it without arguments; `draws_lots`: whether who pays
    depends on the place in the array.

    **Raises:** `AssertionError` that says what does not hold.
    """
    _require_kind(make(), AbstractAllocation)
    with jax.enable_x64(True):
        for accounts in (1, 2, 65):
            check_feasible(make(), accounts)
        if make().by_group:
            check_conservation(Policy(Fixed(), make()), bitmex)
    check_policy(lambda: Policy(Fixed(), make()), draws_lots=draws_lots)


def check_policy(
    make: Callable[[], AbstractPolicy], *, draws_lots: bool = False
) -> None:
    """Holds a policy to everything that policies of this package are held to.

    Its numbers are arrays, of which other values compile nothing again. Haircuts are
    within capacities and sum to the budget. Compiled, batched and step by step it does
    the same, with one account too, in float32 and in float64, with empty accounts and in
    another order. What it may not see changes nothing. Gradients are finite where there
    is no deficit, no winner, no close-out. In a simulated crash no money appears or is
    lost.

    **Arguments:** `make`: makes it without arguments; `draws_lots`: whether who pays
    depends on the place in the array.

    **Raises:** `AssertionError` that says what does not hold.

    **Cost:** some ten programs to compile, less than a minute on one core.
    """
    _require_kind(make(), AbstractPolicy)
    with jax.enable_x64(True):
        policy = make()
        check_declares(policy)
        check_numbers(policy)
        check_one_program(policy)
        check_laws(policy)
        check_compiled(policy)
        check_compiled(policy, accounts=1)
        check_dtypes(policy)
        check_padding(policy, draws_lots=draws_lots)
        for column in COLUMNS:
            check_unseen(policy, column)
        check_never_shown(policy)
        check_unseen_without_accounts(policy)
        for changes in DEGENERATE.values():
            check_degenerate(policy, changes)
        check_conservation(policy)


def check_feasible(allocation: AbstractAllocation, accounts: int) -> None:
    """0 <= x <= capacity and sum x = budget, from no budget to all there is."""
    draw = np.random.default_rng(0)
    capacity = jnp.asarray(draw.pareto(0.8, accounts) * 100)
    seen = Observation(
        capacity=capacity,
        capacity_total=capacity.sum(),
        score=jnp.asarray(draw.normal(size=accounts)),
    )
    for share in (0.0, 0.3, 1.0):
        budget = share * capacity.sum()
        haircut = allocation(seen, budget, key=jax.random.key(0))
        require(
            haircut.shape == (accounts,), f"shape {haircut.shape}, not one a winner"
        )
        require(haircut >= 0, "a haircut is negative")
        require(haircut <= capacity, "a haircut is above its capacity")
        np.testing.assert_allclose(haircut.sum(), budget, rtol=1e-12)


def _require_kind(part: object, kind: type) -> None:
    require(isinstance(part, kind), f"{type(part).__name__} is no {kind.__name__}")
