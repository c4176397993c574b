"""Coin betting: a learner without a step size bets on the sign of the gradient."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp

from adl_jax._types import Scalar, as_dtype, as_float
from adl_jax.messages import Commitment, Information, Observation, Record
from adl_jax.severity.base import AbstractSeverity
from adl_jax.severity.coordinate import AbstractCoordinate, Share, limit
from adl_jax.severity.pinball import Pinball


class CoinBettingState(NamedTuple):
    """Sum of the coins (minus gradients, in [-1, 1]), the reward, rounds, and scale."""

    coins: Scalar
    reward: Scalar
    rounds: Scalar
    largest: Scalar


class CoinBetting(AbstractSeverity[CoinBettingState]):
    r"""Krichevsky-Trofimov betting, kept in [0, 1] by the black-box reduction.

    $x_t = x_1+\beta_t W_{t-1}$ with the wealth $W=\epsilon+\sum c_s(x_s-x_1)$ and the
    fraction $\beta_t=\sum_{s<t} c_s/t$ (Orabona and Pal, 2016). The point is clipped,
    and gradients that push further out are dropped (Cutkosky, 2020, in one dimension).

    **Arguments:**

    - `coordinate`: what x is, in [0, 1].
    - `initial`: shape `()`, x_1.
    - `endowment`: shape `()`, epsilon > 0 in units of x, the loss at x_1 it may risk.
    - `largest_slope`: shape `()`, USD, the largest deficit (or close-out); `None` takes
        the largest so far, without the guarantee.
    - `pinball`: the weights of (9).

    **Guarantee:** with `largest_slope` given, regret against any u at most
    `adl_jax.evaluate.online_bounds.coin_betting_bound`.
    """

    coordinate: AbstractCoordinate = eqx.field(default_factory=Share)
    initial: Scalar = eqx.field(default=0.1, converter=as_float)
    endowment: Scalar = eqx.field(default=1.0, converter=as_float)
    largest_slope: Scalar | None = eqx.field(
        default=None, converter=lambda usd: None if usd is None else as_float(usd)
    )
    pinball: Pinball = eqx.field(default_factory=Pinball)

    @property
    def information(self) -> Information:
        """The coordinate's."""
        return self.coordinate.information

    def init(self, observation: Observation) -> CoinBettingState:
        """Starts with the endowment and no bet."""
        assert observation.deficit is not None
        zero = jnp.zeros((), observation.deficit.dtype)
        return CoinBettingState(zero, zero, zero, zero)

    def _bet(self, state: CoinBettingState) -> Scalar:
        fraction = state.coins / (state.rounds + 1)
        return self.initial + fraction * (self.endowment + state.reward)

    def commit(self, state: CoinBettingState, observation: Observation) -> Commitment:
        """Commits to the clipped bet."""
        self = as_dtype(self, state.coins.dtype)
        return self.coordinate.commitment(jnp.clip(self._bet(state), 0, 1), observation)

    def learn(
        self, state: CoinBettingState, observation: Observation, record: Record
    ) -> CoinBettingState:
        """Pays out the bet on this round's coin."""
        self = as_dtype(self, state.coins.dtype)
        bet = self._bet(state)
        x = jnp.clip(bet, 0, 1)
        unit = self.coordinate.unit(observation, record)
        slope = self.pinball.slope(x * unit, record.needed, limit(record))
        if self.largest_slope is None:
            largest = jnp.maximum(state.largest, unit)
        else:
            largest = self.largest_slope
        some = largest > 0
        steepest = jnp.maximum(self.pinball.under, self.pinball.over)
        coin = -jnp.where(some, slope * unit, 0) / jnp.where(some, largest, 1)
        coin = coin / steepest
        # Outside [0, 1] a coin that would pay for being further out is not tossed.
        coin = jnp.where(coin * (bet - x) <= 0, coin, 0)
        return CoinBettingState(
            state.coins + coin,
            state.reward + coin * (bet - self.initial),
            state.rounds + 1,
            largest,
        )
