"""A subgradient of the surrogate (10) at the fractions that were played."""

import jax.numpy as jnp

from adl_jax._sums import largest, sum_of
from adl_jax._types import PerAccount, Scalar


def fractions(haircut: PerAccount, capacity: PerAccount) -> PerAccount:
    """Haircut fractions x_i / u_i; 0 where an account is no winner."""
    winner = capacity > 0
    return jnp.where(winner, haircut, 0) / jnp.where(winner, capacity, 1)


def fraction_gradient(
    haircut: PerAccount,
    capacity: PerAccount,
    needed: Scalar,
    *,
    track: Scalar,
    fair: Scalar,
) -> PerAccount:
    r"""A subgradient in fractions of $\lambda_{track}|\sum_i u_ih_i-b|+\lambda_{fair}
    \max_i h_i$.

    Eq. (10) with the subgradients of Proposition 4: u_i sign(u.h - b) for the tracking
    term, 0 where it is met; for the fairness term 1 over the accounts that share the
    largest fraction, in equal parts. Accounts whose fractions differ by rounding alone
    share it, so that neither the order nor the unit of money decides. In fractions, not
    in USD, where a winner of next to nothing would have a slope of next to infinity.

    **Arguments:**

    - `haircut`, `capacity`: shape `(accounts,)`, USD, 0 <= x <= u.
    - `needed`: shape `()`, the target b, USD.
    - `track`: shape `()`, without unit; `fair`: shape `()`, USD. Both >= 0.

    **Returns:** shape `(accounts,)`, USD; 0 for an account that is no winner.

    **Cost:** three passes over the accounts.
    """
    winner = capacity > 0
    fraction = fractions(haircut, capacity)
    grain = 64 * jnp.finfo(fraction.dtype).eps
    worst = winner & (fraction >= largest(fraction) * (1 - grain))
    count = jnp.maximum(sum_of(worst.astype(fraction.dtype)), 1)
    uneven = jnp.where(worst, fair / count, 0)
    off = jnp.sign(sum_of(haircut) - needed)
    return track * off * capacity + uneven
