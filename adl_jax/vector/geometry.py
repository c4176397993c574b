"""Geometries of haircut fractions: how a step is taken, and how a budget is met."""

import abc
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp

from adl_jax._sums import largest, sum_of
from adl_jax._types import PerAccount, Scalar
from adl_jax.projection import entropic, euclidean
from adl_jax.vector.gradient import fractions


class AbstractGeometry(eqx.Module):
    """A mirror map on fractions 0 <= h <= 1 with the budget u.h = B of each round."""

    @abc.abstractmethod
    def play(
        self, learned: PerAccount, capacity: PerAccount, budget: Scalar
    ) -> PerAccount:
        """The Bregman projection of learned coordinates onto a round's budget.

        **Arguments:** `learned`, `capacity`: shape `(accounts,)`; `budget`: shape `()`,
        USD, 0 <= budget <= sum of capacities.

        **Returns:** haircuts in USD, shape `(accounts,)`, 0 <= x <= u, sum x = budget.
        """

    @abc.abstractmethod
    def keep(
        self, learned: PerAccount, haircut: PerAccount, capacity: PerAccount
    ) -> PerAccount:
        """Coordinates of the haircuts played; of old where there was nothing to play."""

    @abc.abstractmethod
    def squared_norm(self, gradient: PerAccount, capacity: PerAccount) -> Scalar:
        """The squared dual norm of a gradient in fractions, USD, which sets the step."""

    @abc.abstractmethod
    def move(
        self,
        played: PerAccount,
        gradient: PerAccount,
        capacity: PerAccount,
        step: Scalar,
    ) -> PerAccount:
        """A step from the coordinates played, before the next round's projection."""


class Euclidean(AbstractGeometry):
    r"""Half the squared distance of fractions: $h'=\mathrm{clip}(h-\eta g-\tau u,0,1)$.

    The vector step of the companion's section 4.
    """

    def play(
        self, learned: PerAccount, capacity: PerAccount, budget: Scalar
    ) -> PerAccount:
        """The nearest fractions that raise the budget, in USD."""
        # Relative to the largest capacity, so that weights and budget are near 1.
        most = largest(capacity)
        unit = jnp.where(most > 0, most, 1)
        ones = jnp.ones_like(capacity)
        near = euclidean(learned, ones, budget / unit, weight=capacity / unit)
        return jnp.minimum(capacity * near, capacity)

    def keep(
        self, learned: PerAccount, haircut: PerAccount, capacity: PerAccount
    ) -> PerAccount:
        """The fractions played; an account that is no winner keeps its own."""
        return jnp.where(capacity > 0, fractions(haircut, capacity), learned)

    def squared_norm(self, gradient: PerAccount, capacity: PerAccount) -> Scalar:
        """Sum of squares, USD^2."""
        del capacity
        return sum_of(gradient**2)

    def move(
        self,
        played: PerAccount,
        gradient: PerAccount,
        capacity: PerAccount,
        step: Scalar,
    ) -> PerAccount:
        """h - eta g."""
        del capacity
        return played - step * gradient


class Entropic(AbstractGeometry):
    r"""Relative entropy of the haircuts in USD: $h'=\min(1,s\,h\,e^{-\eta g/u})$.

    The multiplier s meets the budget, so that only ratios of coordinates matter: they
    are kept with the largest winner's at 1. Equal coordinates are pro rata whatever the
    capacities.
    """

    # A coordinate at 0 could never be raised again.
    least: ClassVar[float] = 1e-9

    def play(
        self, learned: PerAccount, capacity: PerAccount, budget: Scalar
    ) -> PerAccount:
        """The water level min(u, s u w) that raises the budget, in USD."""
        return entropic(capacity * learned, capacity, budget)

    def keep(
        self, learned: PerAccount, haircut: PerAccount, capacity: PerAccount
    ) -> PerAccount:
        """The fractions played over the largest; of old where nothing was raised."""
        fraction = fractions(haircut, capacity)
        most = largest(fraction)
        raised = (capacity > 0) & (most > 0)
        return jnp.where(raised, fraction / jnp.where(most > 0, most, 1), learned)

    def squared_norm(self, gradient: PerAccount, capacity: PerAccount) -> Scalar:
        """The square of the largest slope of a haircut, without unit."""
        return largest(jnp.abs(_of_haircuts(gradient, capacity))) ** 2

    def move(
        self,
        played: PerAccount,
        gradient: PerAccount,
        capacity: PerAccount,
        step: Scalar,
    ) -> PerAccount:
        """w exp(-eta g / u), the least of eta g / u taken as 0: ratios alone matter."""
        exponent = step * _of_haircuts(gradient, capacity)
        exponent = exponent - jnp.min(exponent, initial=jnp.inf, where=capacity > 0)
        moved = played * jnp.exp(-jnp.where(capacity > 0, exponent, 0))
        return jnp.maximum(moved, self.least)


def _of_haircuts(gradient: PerAccount, capacity: PerAccount) -> PerAccount:
    """Slopes of haircuts in USD, from those of fractions; 0 for no winner."""
    # A winner of less than rounding of the largest counts as one of that, or its slope
    # could be infinite.
    least = jnp.finfo(capacity.dtype).eps * largest(capacity)
    winner = capacity > 0
    size = jnp.where(winner, jnp.maximum(capacity, least), 1)
    return jnp.where(winner, gradient, 0) / size
