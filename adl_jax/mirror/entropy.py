"""Entropies: potentials whose steps multiply, on amounts, shares and rates."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from adl_jax._types import Scalar, as_float
from adl_jax.mirror.base import AbstractMirrorMap, Point


class NegativeEntropy(AbstractMirrorMap):
    """psi = sum x log x - x on x > 0: steps multiply (Kivinen and Warmuth, 1997).

    For amounts and rates that may be anything from tiny to large. The Bregman projection
    onto a box and a budget is `adl_jax.projection.entropic`.
    """

    def potential(self, x: Point) -> Scalar:
        """Sum of x log x - x, 0 at 0."""
        return (_x_log_x(x) - x).sum()

    def to_dual(self, x: Point) -> Point:
        """log x."""
        return jnp.log(x)

    def to_primal(self, z: Point) -> Point:
        """exp z."""
        return jnp.exp(z)

    def divergence(self, x: Point, y: Point) -> Scalar:
        """Generalised Kullback-Leibler, sum of x log(x/y) - x + y."""
        return (_x_log_ratio(x, y) - x + y).sum()


class SimplexEntropy(NegativeEntropy):
    """Negative entropy on the probability simplex: lazily driven, it is Hedge.

    The projection is inside: `to_primal` is softmax, which cannot underflow as a whole.
    """

    def to_primal(self, z: Point) -> Point:
        """softmax z."""
        return jax.nn.softmax(z)


class BinaryEntropy(AbstractMirrorMap):
    """Fermi-Dirac entropy on the box 0 < x < upper: steps add log-odds.

    psi = sum x log x + (u - x) log(u - x) (Beck and Teboulle, 2003).

    **Arguments:** `upper`: shape `()` or the point's, u > 0.
    """

    upper: Float[Array, "*point"] = eqx.field(default=1.0, converter=as_float)

    def potential(self, x: Point) -> Scalar:
        """Sum of x log x + (u - x) log(u - x)."""
        return (_x_log_x(x) + _x_log_x(self.upper - x)).sum()

    def to_dual(self, x: Point) -> Point:
        """log(x / (u - x))."""
        return jnp.log(x) - jnp.log(self.upper - x)

    def to_primal(self, z: Point) -> Point:
        """u times the logistic function of z."""
        return self.upper * jax.nn.sigmoid(z)

    def divergence(self, x: Point, y: Point) -> Scalar:
        """Sum of x log(x/y) + (u - x) log((u - x)/(u - y))."""
        rest = _x_log_ratio(self.upper - x, self.upper - y)
        return (_x_log_ratio(x, y) + rest).sum()


class Log(AbstractMirrorMap):
    """psi = -sum log x on x > 0: its divergence does not know the unit of a rate.

    Burg entropy; the divergence is Itakura and Saito's, x/y - log(x/y) - 1, the same for
    rates per cent and per mille. Its dual -1/x ends at 0, so that the map stops at the
    largest rate there can be.

    **Arguments:** `upper`: shape `()`, the largest x that a step may reach.
    """

    upper: Scalar = eqx.field(default=1.0, converter=as_float)

    def potential(self, x: Point) -> Scalar:
        """Minus the sum of logarithms."""
        return -jnp.log(x).sum()

    def to_dual(self, x: Point) -> Point:
        """-1/x."""
        return -1 / x

    def to_primal(self, z: Point) -> Point:
        """-1/z, at most `upper`."""
        return -1 / jnp.minimum(z, -1 / self.upper)

    def divergence(self, x: Point, y: Point) -> Scalar:
        """Sum of x/y - log(x/y) - 1."""
        ratio = x / y
        return (ratio - jnp.log(ratio) - 1).sum()


def _x_log_x(x: Point) -> Point:
    some = x > 0
    safe = jnp.where(some, x, 1)
    return jnp.where(some, safe * jnp.log(safe), 0)


def _x_log_ratio(x: Point, y: Point) -> Point:
    some = x > 0
    safe = jnp.where(some, x, 1)
    return jnp.where(some, safe * (jnp.log(safe) - jnp.log(y)), 0)
