"""How bad a policy can be: the bound of Proposition 1 and what it is made of."""

import chex
import jax.numpy as jnp
from jaxtyping import Array, Float

from adl_jax._types import PerRound, PerRoundLike, Scalar


def path_variation(comparator: PerRoundLike) -> Scalar:
    """Total variation of a comparator sequence, P_T = sum over t of |c_t - c_{t-1}|.

    **Arguments:** `comparator`: shape `(rounds,)`, any unit.

    **Returns:** shape `()`, the comparator's unit; 0 for one round.
    """
    comparator = jnp.asarray(comparator)
    return jnp.abs(jnp.diff(comparator)).sum()


def severity_bound(deficit: PerRoundLike, severity_needed: PerRoundLike) -> Scalar:
    r"""The dynamic-regret bound of Proposition 1, eq. (17), in USD.

    $\sqrt{(1+2P_T)\sum_t D_t^2}$ with $P_T$ the path variation of the comparator. It
    bounds the dynamic regret of projected gradient descent with the step of
    `adl_jax.severity.proposition_1_step`. It is calibrated to one event, not a worst
    case, and loose: with a constant comparator it is $\sqrt{\sum_t D_t^2}$.

    **Arguments:**

    - `deficit`: shape `(rounds,)`, USD, >= 0.
    - `severity_needed`: shape `(rounds,)`, the comparator, in [0, 1].

    **Returns:** shape `()`, USD. Scales with the deficits.

    **Raises:** `AssertionError` where the two have different lengths.

    **Differentiability:** almost everywhere; not at deficits that are all 0.

    **Example:**

    ```python
    >>> import adl_jax, numpy as np
    >>> print(adl_jax.severity_bound(np.array([3.0, 4.0]), np.array([0.5, 0.5])))
    5.0

    ```
    """
    deficit = jnp.asarray(deficit)
    chex.assert_equal_shape([deficit, severity_needed])
    return jnp.sqrt((1 + 2 * path_variation(severity_needed)) * (deficit**2).sum())


def fixed_step_bound(
    deficit: PerRoundLike, severity_needed: PerRoundLike, step_size: Float[Array, ""]
) -> Scalar:
    r"""Proposition 1 for any step, eq. (36), in USD.

    $\frac{1+2P_T}{2\eta}+\frac{\eta}{2}\sum_t D_t^2$; least, and then (17), at the step
    of `adl_jax.severity.proposition_1_step`.

    **Arguments:** as for `severity_bound`; `step_size`: shape `()`, eta > 0, in 1/USD.

    **Returns:** shape `()`, USD.
    """
    deficit = jnp.asarray(deficit)
    variation = 1 + 2 * path_variation(severity_needed)
    return variation / (2 * step_size) + step_size / 2 * (deficit**2).sum()


def counted_once(deficit: PerRoundLike, largest_loss: PerRoundLike) -> PerRound:
    """Deficits with a loss that stands unpaid over several rounds counted once.

    A loss counts as the same one where a round's largest equals an earlier round's to
    the cent. The published deficits of October 10 hold one account's loss nine times.

    **Arguments:** `deficit`, `largest_loss`: shape `(rounds,)`, USD, >= 0; the largest
    single loss is part of the deficit.

    **Returns:** shape `(rounds,)`, USD.
    """
    deficit, largest_loss = jnp.asarray(deficit), jnp.asarray(largest_loss)
    same = jnp.abs(largest_loss[:, None] - largest_loss[None, :]) < 0.005
    earlier = jnp.tril(jnp.ones_like(same), k=-1)
    repeated = (same & earlier & (largest_loss > 0)[:, None]).any(axis=1)
    return deficit - jnp.where(repeated, largest_loss, 0)


def unreachable(deficit: PerRoundLike, needed: PerRoundLike) -> Scalar:
    """What no budget up to the deficit can pay, sum of (needed - deficit)+, in USD."""
    return jnp.maximum(jnp.asarray(needed) - jnp.asarray(deficit), 0).sum()
