"""The price at which ADL closes positions: a first-order choice of the venue."""

import abc
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp

from adl_jax._types import PerMarket, PerSide, Scalar, as_float, check_range


class Quotes(NamedTuple):
    """What a close price can be made of. USD a contract.

    - `mark`, `previous_mark`, `oracle`: shape `(markets,)`.
    - `bankruptcy`: shape `(markets, 2)`, the quantity-weighted bankruptcy price of the
        longs and of the shorts that are closed out; the mark where there are none.
    """

    mark: PerMarket
    previous_mark: PerMarket
    oracle: PerMarket
    bankruptcy: PerSide


class AbstractClosePrice(eqx.Module):
    """A venue's ADL price for each market and side of the accounts closed out."""

    @abc.abstractmethod
    def __call__(self, quotes: Quotes) -> PerSide:
        """USD a contract, shape `(markets, 2)`: for long losers, for short losers."""


class Bankruptcy(AbstractClosePrice):
    """The losers' bankruptcy price: their equity ends at 0 (Binance, Bybit, BitMEX)."""

    def __call__(self, quotes: Quotes) -> PerSide:
        """The quantity-weighted bankruptcy price."""
        return quotes.bankruptcy


class Mark(AbstractClosePrice):
    """The mark (OKX, Aevo): winners lose nothing now, only what might have come."""

    def __call__(self, quotes: Quotes) -> PerSide:
        """The mark for both sides."""
        return both_sides(quotes.mark)


class PreviousMark(AbstractClosePrice):
    """The mark of the round before (Hyperliquid)."""

    def __call__(self, quotes: Quotes) -> PerSide:
        """The previous mark for both sides."""
        return both_sides(quotes.previous_mark)


class Oracle(AbstractClosePrice):
    """The oracle price (GMX, dYdX in final settlement)."""

    def __call__(self, quotes: Quotes) -> PerSide:
        """The oracle price for both sides."""
        return both_sides(quotes.oracle)


class MarkCapped(AbstractClosePrice):
    """The mark, but never worse for the loser than its bankruptcy price (Ethereal)."""

    def __call__(self, quotes: Quotes) -> PerSide:
        """The better of the two for the loser."""
        mark = both_sides(quotes.mark)
        long_loser = jnp.maximum(mark, quotes.bankruptcy)
        short_loser = jnp.minimum(mark, quotes.bankruptcy)
        return jnp.stack([long_loser[:, 0], short_loser[:, 1]], axis=1)


class Spread(AbstractClosePrice):
    """The mark less a share for long losers, plus it for short ones.

    Deribit's reference price with a spread in the receiver's favour; WhiteBIT's last
    price with d = margin fraction - 2 * taker fee.

    **Arguments:** `share`: shape `()` or `(markets,)`, of the mark, in [0, 1].
    """

    share: Scalar | PerMarket = eqx.field(default=0.0, converter=as_float)

    def __check_init__(self):
        """Refuses a share outside [0, 1]."""
        check_range("Spread.share", self.share, 0, 1)

    def __call__(self, quotes: Quotes) -> PerSide:
        """mark * (1 - share) and mark * (1 + share)."""
        share = self.share.astype(quotes.mark.dtype)
        return jnp.stack([quotes.mark * (1 - share), quotes.mark * (1 + share)], axis=1)


def both_sides(price: PerMarket) -> PerSide:
    """The same price for long and short losers."""
    return jnp.broadcast_to(price[:, None], (price.shape[0], 2))
