"""How traders react to being deleveraged."""

import equinox as eqx
from jax.core import Tracer

from adl_jax._types import Scalar, as_float, check_range
from adl_jax.result import InputError


class Response(eqx.Module):
    """What an account that ADL touched does before the next round.

    Calibrated on the 19,351 accounts deleveraged on October 10, 2025 that were followed
    for 300 s: 6.7 % traded; of those 18 % undid nothing, 40 % everything, the others a
    uniform part (`docs/data.md`, account reactions). Most do nothing, so that the
    defaults matter little; they are here to be varied.

    **Arguments:** shape `()`, probabilities.

    - `trades`: that the account trades at all.
    - `undoes_nothing`, `undoes_all`: of those that trade; the rest undoes a uniform part
        of what was closed (in `contracts` settlement), at the mark, outside.
    - `closes`: that it closes all that it has left, at the mark, outside.
    - `withdraws`: that it takes out all equity above `keeps` times its maintenance
        margin.
    - `keeps`: >= 1.
    """

    trades: Scalar = eqx.field(default=0.067, converter=as_float)
    undoes_nothing: Scalar = eqx.field(default=0.18, converter=as_float)
    undoes_all: Scalar = eqx.field(default=0.40, converter=as_float)
    closes: Scalar = eqx.field(default=0.0, converter=as_float)
    withdraws: Scalar = eqx.field(default=0.0, converter=as_float)
    keeps: Scalar = eqx.field(default=2.0, converter=as_float)

    def __check_init__(self):
        """Refuses what is no probability."""
        for name in ("trades", "undoes_nothing", "undoes_all", "closes", "withdraws"):
            check_range(f"Response.{name}", getattr(self, name), 0, 1)
        check_range("Response.keeps", self.keeps, 1)
        undoes = self.undoes_nothing + self.undoes_all
        # A rounding above 1 is no error.
        if not isinstance(undoes, Tracer) and undoes > 1 + 1e-6:
            raise InputError(
                f"Response: undoes_nothing and undoes_all sum to {undoes:.3g}: at most 1"
            )
