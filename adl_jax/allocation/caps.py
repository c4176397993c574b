"""What may be taken from an account at most: the basis, and caps of real rules."""

from typing import Literal, TypeAlias

import jax.numpy as jnp

from adl_jax.projection._edge import (
    FloatVector,
    Scalar,
    Vector,
    floating,
    require_finite,
    require_nonnegative,
)
from adl_jax.projection._multiplier import ratio


Basis: TypeAlias = Literal["profit", "equity"]


def winner_capacity(
    pnl: Vector, *, equity: Vector | None = None, basis: Basis = "profit"
) -> FloatVector:
    """What can be taken from each account: profit, or profit that equity still covers.

    - `"profit"`: (PNL)+, paper section 2.6; collateral is never touched.
    - `"equity"`: min((PNL)+, (equity)+): a profit that a loss elsewhere in the account
      has used up is not there to take.

    **Arguments:** `pnl`, `equity`: shape `(n,)`, USD, of any sign.

    **Returns:** capacities, shape `(n,)`, USD, >= 0.

    **Raises:** `InputError` for values that are not finite, when not traced;
    `ValueError` for an unknown basis, or the equity basis without equity.

    **Differentiability:** almost everywhere; 0 at a PNL or equity of 0.
    """
    require_finite(pnl=pnl, equity=equity)
    pnl = floating(pnl)
    profit = jnp.where(pnl > 0, pnl, jnp.zeros_like(pnl))
    if basis == "profit":
        return profit
    if basis != "equity":
        raise ValueError(f'basis = {basis!r}; choose "profit" or "equity"')
    if equity is None:
        raise ValueError('basis = "equity" needs the argument equity')
    equity = floating(equity, pnl)
    return jnp.where(equity < profit, jnp.maximum(equity, 0), profit)


def haircut_cap(
    capacity: Vector,
    *,
    equity: Vector | None = None,
    floor: Vector | Scalar = 0.0,
    largest: Vector | Scalar = 1.0,
) -> FloatVector:
    """The largest haircut fraction that leaves every account its floor.

    $$\\beta_i = \\min\\{\\bar h_i,\\; (e_i - e^{\\mathrm{floor}}_i)_+ / u_i\\}$$

    C-(28) reads 1 - floor/e, which is this with capacity = equity (the equity basis of
    the companion); on the profit basis the same floor binds later, since u is smaller.

    **Arguments:**

    - `capacity`: shape `(n,)`, USD, >= 0.
    - `equity`: shape `(n,)`, USD; none for no floor.
    - `floor`: shape `(n,)` or `()`, USD, >= 0: equity that must be left.
    - `largest`: shape `(n,)` or `()`, the venue's largest haircut fraction.

    **Returns:** fractions in [0, 1], shape `(n,)`, for `pro_rata(..., cap=...)`; 0
    where the capacity is 0 and there is a floor to keep.

    **Raises:** `InputError` for values that are not finite, or negative where that has
    no meaning, when not traced.

    **Differentiability:** almost everywhere.
    """
    require_nonnegative(capacity=capacity, floor=floor, largest=largest)
    require_finite(equity=equity)
    capacity = floating(capacity)
    cap = jnp.broadcast_to(jnp.clip(floating(largest, capacity), 0, 1), capacity.shape)
    if equity is None:
        return cap
    spare = floating(equity, capacity) - jnp.broadcast_to(
        floating(floor, capacity), capacity.shape
    )
    return jnp.minimum(cap, ratio(jnp.maximum(spare, 0), capacity))
