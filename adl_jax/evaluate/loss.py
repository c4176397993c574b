r"""Losses of a trajectory, one number a round (section 3.6 and eq. (23)).

Every function takes arrays of any one shape, USD unless it says otherwise, and returns
USD of the same shape. All are convex in what was executed, and differentiable almost
everywhere; the kinks are where executed money meets what was needed.

`concentration` is the largest haircut fraction, max_i x_i / u_i, without unit. The
weights of the fairness terms in (9), (10) and (16) are therefore in USD; in (23) the
weight has no unit.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


Amounts = Float[Array, "*rounds"] | Float[np.ndarray, "*rounds"]
Weight = float | int | Float[Array, ""]


class Components(NamedTuple):
    """A loss in its two parts: how much was raised, and how evenly. USD."""

    tracking: Amounts
    fairness: Amounts

    @property
    def total(self) -> Amounts:
        """Their sum."""
        return self.tracking + self.fairness


def asymmetric(
    executed: Amounts,
    needed: Amounts,
    concentration: Amounts,
    *,
    under: Weight = 1.0,
    over: Weight = 1.0,
    fair: Weight = 1.0,
) -> Amounts:
    r"""The asymmetric round loss, eq. (9).

    $\lambda_{under}[B^{needed}_t-H_t]_+ + \lambda_{over}[H_t-B^{needed}_t]_+ +
    \lambda_{fair}\max_i x_{i,t}/u_{i,t}$.

    **Arguments:** `executed` H_t and `needed` in USD; `concentration`; the weights
    `under` and `over` without unit, `fair` in USD.
    """
    undershoot = jnp.maximum(needed - executed, 0)
    overshoot = jnp.maximum(executed - needed, 0)
    return under * undershoot + over * overshoot + fair * concentration


def components(
    executed: Amounts,
    needed: Amounts,
    concentration: Amounts,
    *,
    track: Weight = 1.0,
    fair: Weight = 1.0,
) -> Components:
    r"""Tracking and fairness parts of the surrogate, eq. (16).

    $\lambda_{track}|H_t-B^{needed}_t|$ and $\lambda_{fair}\max_i x_{i,t}/u_{i,t}$.

    **Arguments:** as for `asymmetric`; `track` without unit, `fair` in USD.
    """
    return Components(track * jnp.abs(executed - needed), fair * concentration)


def surrogate(
    executed: Amounts,
    needed: Amounts,
    concentration: Amounts,
    *,
    track: Weight = 1.0,
    fair: Weight = 1.0,
) -> Amounts:
    """The convex surrogate that controllers minimise, eq. (10): the sum of (16)."""
    return components(executed, needed, concentration, track=track, fair=fair).total


def empirical(
    executed: Amounts,
    needed: Amounts,
    concentration: Amounts,
    reference_concentration: Amounts,
    *,
    weight: Weight = 1.0,
) -> Components:
    r"""The objective of the published comparison, eq. (23), in its two parts.

    $|H_t-B^{needed}_t|$ and $\lambda B^{needed}_t|m_t-m^{ILP}_t|$.

    **Arguments:**

    - `concentration`, `reference_concentration`: m_t of the policy and of the min-max
        reference. The published ones are fractions of equity, ours of capacity.
    - `weight`: lambda, without unit.
    """
    gap = jnp.abs(concentration - reference_concentration)
    return Components(jnp.abs(executed - needed), weight * needed * gap)
