"""Potentials that are squared norms."""

import equinox as eqx
import jax.numpy as jnp

from adl_jax._types import Scalar, as_float
from adl_jax.mirror.base import AbstractMirrorMap, Point


class Euclidean(AbstractMirrorMap):
    """psi = sum x^2 / 2: the dual is the primal, and mirror descent gradient descent."""

    def potential(self, x: Point) -> Scalar:
        """Half the sum of squares."""
        return (x**2).sum() / 2

    def to_dual(self, x: Point) -> Point:
        """x itself."""
        return x

    def to_primal(self, z: Point) -> Point:
        """z itself."""
        return z

    def divergence(self, x: Point, y: Point) -> Scalar:
        """Half the squared distance."""
        return ((x - y) ** 2).sum() / 2


class PNorm(AbstractMirrorMap):
    """psi = half the squared p-norm, 1 < p <= 2: between Euclidean and entropic.

    Its dual norm is the q-norm, 1/p + 1/q = 1 (Gentile, 2003).

    **Arguments:** `p`: shape `()`.
    """

    p: Scalar = eqx.field(default=1.5, converter=as_float)

    def potential(self, x: Point) -> Scalar:
        """Half the squared p-norm."""
        return _norm(x, self.p) ** 2 / 2

    def to_dual(self, x: Point) -> Point:
        """sign(x) |x|^(p-1) / |x|_p^(p-2); 0 at 0."""
        return _p_norm_gradient(x, self.p)

    def to_primal(self, z: Point) -> Point:
        """The same with q."""
        return _p_norm_gradient(z, self.p / (self.p - 1))


def _norm(x: Point, p: Scalar) -> Scalar:
    size = jnp.abs(x)
    some = size > 0
    total = jnp.where(some, jnp.where(some, size, 1) ** p, 0).sum()
    return jnp.where(total > 0, jnp.where(total > 0, total, 1) ** (1 / p), 0)


def _p_norm_gradient(x: Point, p: Scalar) -> Point:
    size = jnp.abs(x)
    some = size > 0
    norm = _norm(x, p)
    safe = jnp.where(norm > 0, norm, 1)
    scaled = jnp.where(some, size, 1) / safe
    return jnp.where(some, jnp.sign(x) * safe * scaled ** (p - 1), 0)
