"""A scenario: everything about a venue and its crash that is drawn from one key."""

import equinox as eqx
import jax

from adl_jax._types import Key
from adl_jax.book import Book
from adl_jax.market import Market, Shocks
from adl_jax.result import InputError
from adl_jax.scenario.base import AbstractBooks, AbstractShocks
from adl_jax.venue import Venue


class Scenario(eqx.Module):
    """Samplers of books and shocks, around one market and one venue.

    **Arguments:**

    - `books`: an `AbstractBooks`; `shocks`: an `AbstractShocks`.
    - `market`: a `Market`, before the crash; its dtype is that of all that is drawn.
    - `venue`: a `Venue`.
    - `num_rounds`: how many rounds the crash has.

    **Example:** draw many with `jax.vmap`; scenario i depends on its key alone.

    ```python
    >>> import jax
    >>> from adl_jax.scenario import scenarios
    >>> scenario = scenarios["default"]()
    >>> keys = jax.random.split(jax.random.key(0), 3)
    >>> book, market, shocks = jax.vmap(scenario.sample)(keys)
    >>> book.size.shape, shocks.log_return.shape
    ((3, 1000), (3, 16, 8))

    ```
    """

    books: AbstractBooks
    market: Market
    venue: Venue
    shocks: AbstractShocks
    num_rounds: int = eqx.field(default=16, static=True)

    def __check_init__(self):
        """Refuses parts of different size."""
        if self.num_rounds < 1:
            raise InputError(
                f"Scenario.num_rounds is {self.num_rounds}: give 1 or more"
            )
        tiers = self.venue.margin.rate.shape[0]
        if tiers != self.market.num_markets:
            raise InputError(
                f"Scenario: the venue has margin tiers for {tiers} markets, the market "
                f"has {self.market.num_markets}"
            )

    def sample(self, key: Key) -> tuple[Book, Market, Shocks]:
        """A book, the market and a path, from one key."""
        for_book, for_shocks = jax.random.split(key)
        book = self.books.sample(for_book, self.market.mark)
        shocks = self.shocks.sample(for_shocks, self.market, self.num_rounds)
        return book, self.market, shocks
