"""The only bookkeeping: where executed money goes."""

from typing import NamedTuple

import jax.numpy as jnp

from adl_jax._types import Scalar


class Settlement(NamedTuple):
    """Where a round's executed money went. Shape `()`, USD, all >= 0.

    `executed` = `paid_needed` + `paid_carried` + `overshoot`, and
    `needed` = `paid_needed` + `undershoot`.
    """

    paid_needed: Scalar
    paid_carried: Scalar
    undershoot: Scalar
    overshoot: Scalar


def settle(executed: Scalar, needed: Scalar, carried: Scalar) -> Settlement:
    """Pays what this round needed, then earlier unpaid debt; the rest is surplus.

    **Arguments:**

    - `executed`: shape `()`, USD raised from winners, H_t.
    - `needed`: shape `()`, USD, the ex post benchmark (6).
    - `carried`: shape `()`, USD of debt unpaid in earlier rounds; 0 on given rounds,
        whose deficits already hold it.

    **Returns:** a `Settlement`.

    **Invariants:** no dollar appears or is lost, see `Settlement`.

    **Differentiability:** almost everywhere; kinks where a debt is met exactly.
    """
    paid_needed = jnp.minimum(executed, needed)
    paid_carried = jnp.minimum(executed - paid_needed, carried)
    return Settlement(
        paid_needed=paid_needed,
        paid_carried=paid_carried,
        undershoot=needed - paid_needed,
        overshoot=executed - paid_needed - paid_carried,
    )
