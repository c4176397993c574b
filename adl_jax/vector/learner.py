"""Mirror descent on haircut fractions: what is remembered, played and learned."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp

from adl_jax._sums import sum_of
from adl_jax._types import PerAccount, Scalar, as_float
from adl_jax.vector.geometry import AbstractGeometry
from adl_jax.vector.gradient import fraction_gradient


class LearnerState(NamedTuple):
    """One coordinate for each account, and what the step is made of."""

    learned: PerAccount
    started: Scalar
    """1 once there was a winner to pay, else 0."""
    sum_of_squares: Scalar
    """Of the gradients' dual norms so far."""


class FractionLearner(eqx.Module):
    r"""Online mirror descent on the surrogate (10) in haircut fractions.

    $h_{t+1}=\arg\min_{h\in H_{t+1}}\langle\eta_t g_t,h\rangle+\mathcal D(h,h_t)$ over
    $H_t=\{0\le h\le1,\ u_t\cdot h=B_t\}$, with a subgradient $g_t$ of (10) at what was
    played. Coordinates belong to accounts and persist while capacities, winners and
    budgets change; the first round is pro rata.
    $\eta_t=\mathrm{step}/\sqrt{\sum_{s\le t}\|g_s\|_*^2}$ needs neither the horizon nor
    a unit of money.

    **Arguments:**

    - `geometry`: `Euclidean()` or `Entropic()`.
    - `step_size`: shape `()`, without unit, > 0. The bound is least near the distance
        to the comparator over sqrt(2).
    - `track`: shape `()`, lambda_track, without unit, >= 0.
    - `fair`: shape `()`, >= 0, lambda_fair over the round's capacity U_t: fairness then
        costs U_t times the largest fraction, in USD as the tracking does.

    **Guarantee** (Euclidean): dynamic regret at most
    `adl_jax.evaluate.descent_bounds.fraction_descent_bound`, feasible sets that change
    included.

    **Cost:** one projection and a few passes over the accounts a round.
    """

    geometry: AbstractGeometry
    step_size: Scalar = eqx.field(default=1.0, converter=as_float)
    track: Scalar = eqx.field(default=1.0, converter=as_float)
    fair: Scalar = eqx.field(default=1.0, converter=as_float)

    def init(self, capacity: PerAccount) -> LearnerState:
        """Nothing learned, for accounts of this shape and dtype."""
        zero = jnp.zeros((), capacity.dtype)
        return LearnerState(jnp.zeros_like(capacity), zero, zero)

    def play(
        self, state: LearnerState, capacity: PerAccount, budget: Scalar
    ) -> PerAccount:
        """The learned coordinates, projected onto the budget, in USD."""
        return self.geometry.play(
            _coordinates(state, capacity, budget), capacity, budget
        )

    def learn(
        self,
        state: LearnerState,
        capacity: PerAccount,
        budget: Scalar,
        haircut: PerAccount,
        needed: Scalar,
        *,
        price: Scalar | None = None,
    ) -> LearnerState:
        """One step from the haircuts that were played.

        **Arguments:** `capacity`, `haircut`: shape `(accounts,)`, USD; `budget`,
        `needed`: shape `()`, USD; `price`: shape `()`, added to `fair`.
        """
        dtype = capacity.dtype
        fair = jnp.maximum(self.fair, 0).astype(dtype)
        gradient = fraction_gradient(
            haircut,
            capacity,
            needed,
            track=jnp.maximum(self.track, 0).astype(dtype),
            fair=(fair if price is None else fair + price) * sum_of(capacity),
        )
        total = state.sum_of_squares + self.geometry.squared_norm(gradient, capacity)
        some = total > 0
        root = jnp.sqrt(jnp.where(some, total, 1))
        step = jnp.where(some, self.step_size.astype(dtype) / root, 0)
        learned = _coordinates(state, capacity, budget)
        played = self.geometry.keep(learned, haircut, capacity)
        now = jnp.where(sum_of(capacity) > 0, 1, 0).astype(dtype)
        return LearnerState(
            self.geometry.move(played, gradient, capacity, step),
            jnp.maximum(state.started, now),
            total,
        )


def _coordinates(
    state: LearnerState, capacity: PerAccount, budget: Scalar
) -> PerAccount:
    held = sum_of(capacity)
    even = jnp.where(held > 0, budget, 1) / jnp.where(held > 0, held, 1)
    # Where nothing is raised any equal coordinates are pro rata; entropy needs some
    # above 0.
    even = jnp.where(even > 0, even, 1)
    return jnp.where(state.started > 0, state.learned, even)
