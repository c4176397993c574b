r"""Regret bounds of gradient and mirror descent, each with the constants it is made of.

For losses that are convex, with subgradients g_t at what was played. The papers' (27) and
(47) are not here: they do not follow from (29), and fail (`experiments/propositions.py`).
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from adl_jax._types import PerRound, Scalar
from adl_jax.evaluate.online_bounds import Bound


def projected_descent_bound(
    norm: PerRound,
    step_size: Scalar,
    diameter: Scalar,
    path_variation: Scalar | float = 0.0,
) -> Bound:
    r"""Projected descent at one step, (29): $\frac{D^2+2DP_T}{2\eta}+\frac\eta2\sum
    g_t^2$.

    Dynamic regret to a comparator of path variation P_T in one feasible set; static
    regret, (26), for P_T = 0. Least, and then (34), at the constant `best_step`.

    **Arguments:** `norm`: shape `(rounds,)`, sizes of the subgradients; `step_size`: eta;
    `diameter`: D, the largest distance of two points of the set.

    **Returns:** the bound; constants `sum_of_squares`, `reach` (D^2 + 2 D P_T),
    `best_step` and `least`, the bound at it.
    """
    squares = (norm**2).sum()
    reach = diameter**2 + 2 * diameter * path_variation
    return Bound(
        reach / (2 * step_size) + step_size / 2 * squares,
        {
            "sum_of_squares": squares,
            "reach": reach,
            "best_step": jnp.sqrt(reach / squares),
            "least": jnp.sqrt(reach * squares),
        },
    )


def mirror_descent_bound(
    slope: PerRound, step_size: PerRound, divergence: Scalar, convexity: Scalar
) -> Bound:
    r"""Mirror descent: $\frac{D}{\eta_T}+\sum_t\frac{\eta_t g_t^2}{2\sigma}$, static
    regret, steps that never grow.

    (Beck and Teboulle, 2003, Theorem 4.1; Bubeck, 2015, Theorem 4.2.) Sigma is the least
    second derivative of the potential on the set: 1 for `Euclidean`, 4/u for
    `BinaryEntropy(u)`, 1/upper for `NegativeEntropy`, 1/upper^2 for `Log`. Optimistic
    descent at a fixed step has the same bound in the sizes of gradient - hint (Rakhlin and
    Sridharan, 2013), dual averaging at a fixed step the same as it stands.

    **Arguments:** `slope`, `step_size`: shape `(rounds,)`; `divergence`: D, the largest
    Bregman divergence of the comparator from what was played, or, at a fixed step, from
    the start; `convexity`: sigma > 0.

    **Returns:** the bound; constants `start` and `steps`, its two terms.
    """
    start = divergence / step_size[-1]
    steps = (step_size * slope**2).sum() / (2 * convexity)
    return Bound(start + steps, {"start": start, "steps": steps})


def fraction_descent_bound(
    norm: PerRound,
    moves: Float[Array, " moves"],
    diameter: Scalar,
    step_size: Scalar,
) -> Bound:
    r"""Dynamic regret of `adl_jax.vector.FractionLearner` with Euclidean fractions.

    $\frac{(D^2+2DP+Q)\sqrt S}{2\,step}+step\sqrt S+\sum_t G_t m_t$ with P and Q the sums
    of the comparator's moves m_t and of their squares: (33), and what feasible sets that
    change cost beyond it.

    **Arguments:** `norm`: shape `(rounds,)`, G_t, the gradients' sizes in fractions, USD;
    `moves`: shape `(rounds - 1,)`, distances of a round's comparator to the next's;
    `diameter`: D, the largest distance of what was played to the comparator; `step_size`:
    without unit.

    **Returns:** the bound in USD; constants `sum_of_squares` (S), `reach` (D^2 + 2 D P +
    Q) and `moved`, the last term.
    """
    squares = (norm**2).sum()
    root = jnp.sqrt(squares)
    reach = diameter**2 + 2 * diameter * moves.sum() + (moves**2).sum()
    moved = norm[:-1] @ moves
    value = reach * root / (2 * step_size) + step_size * root + moved
    return Bound(value, {"sum_of_squares": squares, "reach": reach, "moved": moved})


def impact_bound(
    rounds: int, quantity: Scalar, largest_slope: Scalar, path_variation: Scalar
) -> Bound:
    r"""Proposition 10, corrected: $Q^2\sqrt{T(\alpha_{max}^2+2\alpha_{max}P_T)}$, USD.

    The tracking error of budgets from estimated impact, whose slope is learned by
    projected descent on [0, alpha_max] at the step `best_step`.

    **Arguments:** `rounds`: T; `quantity`: Q, the most that one round closes, contracts;
    `largest_slope`: alpha_max, USD per contract^2; `path_variation`: P_T of the slopes.
    """
    norm = jnp.ones(rounds, jnp.asarray(largest_slope).dtype)
    found = projected_descent_bound(
        norm, jnp.ones((), norm.dtype), largest_slope, path_variation
    )
    return Bound(
        quantity**2 * found.constants["least"],
        {**found.constants, "quantity_squared": quantity**2},
    )
