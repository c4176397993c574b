"""Who holds positions where: drawn once on the host, so that shapes never change."""

from statistics import NormalDist

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from adl_jax._sums import spread, sum_by
from adl_jax._types import Key, PerAccount, PerMarket, PerPosition, as_float


class Structure(eqx.Module):
    """The rows of one population's position table, without amounts.

    **Arguments:**

    - `account`, `market`: int, shape `(positions,)`, sorted by account; no account
        twice in a market.
    - `score`: shape `(accounts,)`, the normal score of each number of positions.
    - `one_position_each`: whether position i is account i's only one.
    """

    account: Int[Array, " positions"] = eqx.field(converter=jnp.asarray)
    market: Int[Array, " positions"] = eqx.field(converter=jnp.asarray)
    score: Float[Array, " accounts"] = eqx.field(converter=as_float)
    one_position_each: bool = eqx.field(static=True)

    def by_account(self, values: PerPosition) -> PerAccount:
        """Sums over each account's positions."""
        if self.one_position_each:
            return values
        return jax.ops.segment_sum(
            values, self.account, self.score.shape[0], indices_are_sorted=True
        )

    def of_account(self, values: PerAccount) -> PerPosition:
        """Each position's account's value."""
        return values if self.one_position_each else values[self.account]

    def by_market(self, values: PerPosition, num_markets: int) -> PerMarket:
        """Sums over each market's positions."""
        return sum_by(values, self.market, num_markets)

    def split(self, key: Key, amount: PerAccount, weight: PerMarket) -> PerPosition:
        """Splits accounts' amounts over their positions, at random by market weight."""
        if self.one_position_each:
            return amount
        part = jax.random.exponential(key, self.account.shape, amount.dtype)
        part = part * spread(weight, self.market)
        return part * self.of_account(amount / self.by_account(part))


def draw_structure(
    draw: np.random.Generator,
    num_accounts: int,
    market_weight: np.ndarray,
    zeta: float | None,
) -> Structure:
    """Draws how many positions each account has, and in which markets.

    Scores are an even spread of the normal distribution in random order. Their number
    of positions follows P(k) ~ k^-zeta up to the number of markets; one each where
    `zeta` is `None`. Markets are drawn without replacement by weight; the first of each
    account is spread evenly, so that a small book has every market's share of accounts.
    """
    markets = market_weight.size
    level = (draw.permutation(num_accounts) + 0.5) / num_accounts
    count = np.ones(num_accounts, int)
    if zeta is not None:
        at_most = np.cumsum(np.arange(1.0, markets + 1) ** -zeta)
        count += np.searchsorted(at_most / at_most[-1], level)
    spread = np.cumsum(market_weight / market_weight.sum())
    even = (np.arange(num_accounts) + 0.5) / num_accounts
    first = draw.permutation(np.minimum(np.searchsorted(spread, even), markets - 1))
    # The largest of log weight + Gumbel noise are draws without replacement.
    order = np.log(market_weight) + draw.gumbel(size=(num_accounts, markets))
    order[np.arange(num_accounts), first] = np.inf
    rank = np.argsort(np.argsort(-order, axis=1), axis=1)
    account, market = np.nonzero(rank < count[:, None])
    score = np.array([NormalDist().inv_cdf(one) for one in level])
    return Structure(account, market, score, one_position_each=zeta is None)
