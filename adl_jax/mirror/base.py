"""What a mirror map is: a potential, and the two maps it makes."""

import abc
from typing import TypeAlias

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from adl_jax._types import Scalar


Point: TypeAlias = Float[Array, "*point"]


class AbstractMirrorMap(eqx.Module):
    """A strictly convex potential psi and the two maps it makes."""

    @abc.abstractmethod
    def potential(self, x: Point) -> Scalar:
        """psi(x), shape `()`."""

    @abc.abstractmethod
    def to_dual(self, x: Point) -> Point:
        """z = grad psi(x), same shape."""

    @abc.abstractmethod
    def to_primal(self, z: Point) -> Point:
        """x = grad psi*(z), the inverse of `to_dual`."""

    def divergence(self, x: Point, y: Point) -> Scalar:
        """Bregman divergence, psi(x) - psi(y) - <grad psi(y), x - y>, >= 0."""
        linear = jnp.sum(self.to_dual(y) * (x - y))
        return self.potential(x) - self.potential(y) - linear
