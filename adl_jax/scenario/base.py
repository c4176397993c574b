"""What a sampler is: a module that turns a key into one scenario's part."""

import abc

import equinox as eqx
from jaxtyping import Array, Float

from adl_jax._types import Key, PerMarket, Scalar
from adl_jax.book import Book
from adl_jax.market import Market, Shocks


class AbstractBooks(eqx.Module):
    """Draws account books.

    Shapes are the same for every key, so that scenarios can be drawn under `vmap`.
    """

    @abc.abstractmethod
    def sample(self, key: Key, mark: PerMarket) -> Book:
        """One book at the given marks, in their dtype."""


class AbstractReturns(eqx.Module):
    """Draws paths of log returns."""

    @abc.abstractmethod
    def sample(
        self, key: Key, market: Market, num_rounds: int
    ) -> Float[Array, "rounds markets"]:
        """Log returns of one scenario, in the dtype of the marks."""

    def weighted(
        self, key: Key, market: Market, num_rounds: int
    ) -> tuple[Float[Array, "rounds markets"], Scalar | None]:
        """The same, and the log of its true density over the one it is drawn from.

        `None` where they are drawn as they happen, which all but `Tilted` are.
        """
        return self.sample(key, market, num_rounds), None


class AbstractShocks(eqx.Module):
    """Draws what a crash does to the markets: returns, liquidity, funding."""

    @abc.abstractmethod
    def sample(self, key: Key, market: Market, num_rounds: int) -> Shocks:
        """One scenario's path, in the dtype of the marks."""
