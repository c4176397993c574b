"""How much of an account under maintenance margin is closed: all, or a part."""

import abc

import equinox as eqx
import jax.numpy as jnp

from adl_jax._types import PerAccount, PerPosition, Scalar, as_float, check_range
from adl_jax.book import Book


class AbstractLiquidation(eqx.Module):
    """A venue's rule for accounts under maintenance margin that still have equity.

    Accounts without equity are closed in full whatever the rule.
    """

    @abc.abstractmethod
    def __call__(
        self,
        book: Book,
        notional: PerPosition,
        equity: PerAccount,
        maintenance: PerAccount,
    ) -> PerPosition:
        """Share of each position to close, in [0, 1].

        **Arguments:** `notional` by position, `equity` and `maintenance` by account,
        USD.
        """


class Full(AbstractLiquidation):
    """Closes everything."""

    def __call__(
        self,
        book: Book,
        notional: PerPosition,
        equity: PerAccount,
        maintenance: PerAccount,
    ) -> PerPosition:
        """One."""
        del book, equity, maintenance
        return jnp.ones_like(notional)


class Slice(AbstractLiquidation):
    """Closes large positions slice by slice, one a round.

    Hyperliquid closes 20 % of positions above 100,000 USD, and the rest in full after a
    cooldown of 30 s.

    **Arguments:** `share`: shape `()`, in [0, 1]; `above`: shape `()`, USD of notional.
    """

    share: Scalar = eqx.field(default=0.2, converter=as_float)
    above: Scalar = eqx.field(default=100_000.0, converter=as_float)

    def __check_init__(self):
        """Refuses a share outside [0, 1]."""
        check_range("Slice.share", self.share, 0, 1)
        check_range("Slice.above", self.above, 0)

    def __call__(
        self,
        book: Book,
        notional: PerPosition,
        equity: PerAccount,
        maintenance: PerAccount,
    ) -> PerPosition:
        """The share where a position is large, else one."""
        del book, equity, maintenance
        share, above = (x.astype(notional.dtype) for x in (self.share, self.above))
        return jnp.where(notional > above, share, 1)


class ToMargin(AbstractLiquidation):
    """Closes the same share of every position, until equity covers margin again.

    Without slippage and with one rate, closing a share f leaves equity as it is and
    scales the margin by 1 - f, so f = 1 - equity / (target * maintenance).

    **Arguments:** `target`: shape `()`, equity over maintenance margin to reach, >= 1.
    """

    target: Scalar = eqx.field(default=1.5, converter=as_float)

    def __check_init__(self):
        """Refuses a target that leaves the account under margin."""
        check_range("ToMargin.target", self.target, 1)

    def __call__(
        self,
        book: Book,
        notional: PerPosition,
        equity: PerAccount,
        maintenance: PerAccount,
    ) -> PerPosition:
        """The account's share, for each of its positions."""
        wanted = self.target.astype(equity.dtype) * maintenance
        some = wanted > 0
        covered = jnp.where(some, equity, 1) / jnp.where(some, wanted, 1)
        return book.of_account(jnp.clip(1 - covered, 0, 1)) * jnp.ones_like(notional)


def greedy_liquidation_size(
    price: Scalar | float,
    size: Scalar | float,
    rate: Scalar | float,
    equity: Scalar | float,
    slope: Scalar | float,
    fee: Scalar | float = 0.0,
) -> Scalar:
    r"""Contracts whose sale at linear impact restores the margin of one position.

    The least root of $\tfrac a2 q^2-\mu p\,q+(\mu p\,Q-e+\tau)=0$, C-(11), for a price
    that falls by `slope`/2 a contract on average. Everything where no sale is enough.

    **Arguments:** shape `()`: `price` and `fee` in USD, `size` Q > 0 in contracts,
    `rate` mu, `equity` e in USD, `slope` a in USD a contract squared, >= 0.

    **Returns:** contracts, in [0, size].
    """
    missing = jnp.asarray(rate * price * size - equity + fee)
    discriminant = (rate * price) ** 2 - 2 * slope * missing
    reachable = discriminant >= 0
    root = jnp.sqrt(jnp.where(reachable, discriminant, 0))
    # The stable form of (b - sqrt(b^2 - 2ac)) / a, which holds at a slope of 0 too.
    quantity = 2 * missing / jnp.where(reachable, rate * price + root, 1)
    return jnp.where(reachable, jnp.clip(quantity, 0, size), size)
