"""A heavy-tailed amount: lognormal body, Pareto tail up to a cap."""

import equinox as eqx
import jax.numpy as jnp
from jax.core import Tracer
from jax.scipy.special import ndtr, ndtri
from jaxtyping import Array, Float

from adl_jax._types import Scalar, as_float, check_range
from adl_jax.result import InputError
from adl_jax.scenario.calibration import value


class Splice(eqx.Module):
    r"""Lognormal up to a threshold u, Pareto from there to a cap c.

    $$F(x)=b\,\frac{\Phi((\ln x-\mu)/\sigma)}{\Phi((\ln u-\mu)/\sigma)}\ (x\le u),\qquad
    1-F(x)=(1-b)\,\frac{x^{-\alpha}-c^{-\alpha}}{u^{-\alpha}-c^{-\alpha}}\ (x>u)$$

    Neither half alone fits account sizes: a lognormal misses the tail, and with a tail
    exponent below 1 a Pareto needs the cap to have a mean.

    **Arguments:** shape `()`.

    - `body_mean`, `body_sd`: mu and sigma, log USD.
    - `threshold`, `cap`: u < c, USD.
    - `tail_exponent`: alpha > 0.
    - `body_share`: b, the probability of the body, in (0, 1).
    """

    body_mean: Scalar = eqx.field(converter=as_float)
    body_sd: Scalar = eqx.field(converter=as_float)
    threshold: Scalar = eqx.field(converter=as_float)
    tail_exponent: Scalar = eqx.field(converter=as_float)
    cap: Scalar = eqx.field(converter=as_float)
    body_share: Scalar = eqx.field(converter=as_float)

    def __check_init__(self):
        """Refuses parameters that are no distribution."""
        check_range("Splice.body_mean", self.body_mean, None)
        check_range("Splice.body_share", self.body_share, 1e-6, 1 - 1e-6)
        for name in ("body_sd", "threshold", "tail_exponent"):
            check_range(f"Splice.{name}", getattr(self, name), 1e-6)
        if not isinstance(self.cap, Tracer) and not (self.cap > self.threshold).all():
            raise InputError(
                f"Splice.cap is {self.cap}, threshold {self.threshold}: the tail needs a "
                "cap above the threshold"
            )

    def of_score(self, score: Float[Array, " n"]) -> Float[Array, " n"]:
        """The quantile at Phi(score), USD; a standard normal score draws an amount.

        A score keeps both tails exact in float32, where a probability near 1 does not.
        """
        highest = ndtr((jnp.log(self.threshold) - self.body_mean) / self.body_sd)
        below = jnp.minimum(ndtr(score) * highest / self.body_share, highest)
        body = jnp.exp(self.body_mean + self.body_sd * ndtri(below))
        # The tail's survival is v + (1 - v) (u/c)^alpha in units of u^-alpha.
        beyond = jnp.minimum(ndtr(-score) / (1 - self.body_share), 1)
        at_cap = (self.threshold / self.cap) ** self.tail_exponent
        survival = beyond + (1 - beyond) * at_cap
        tail = self.threshold * survival ** (-1 / self.tail_exponent)
        return jnp.where(beyond < 1, tail, body)


def fitted(name: str) -> Splice:
    """The splice fitted to `"profit"`, `"notional"` or `"equity"` of real winners."""
    fields = ("body_mean", "body_sd", "threshold", "tail_exponent", "cap")
    return Splice(
        **{field: value(f"{name}.{field}") for field in fields},
        body_share=value("splice.body_share"),
    )
