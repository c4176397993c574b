"""Losers: levered positions, apart from the winners, who hardly borrow."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr, ndtri

from adl_jax._types import Key, PerPosition, Scalar, as_dtype, check_range
from adl_jax.scenario.calibration import calibrated


class Margin(NamedTuple):
    """Of each position, USD: `equity` that it has left, and its `loss` so far."""

    equity: PerPosition
    loss: PerPosition


class Losers(eqx.Module):
    """How much margin a position has that a fall will close, and how much it has lost.

    *Margin use* is maintenance margin over equity; at 1 a position is liquidated. It is
    lognormal, truncated below 1, and compares traders of venues with different limits:
    leverage is margin use over the maintenance rate. Liquidated traders averaged 60x
    where 100x was allowed and maintenance was 0.5 %; the default has 5 to 95 % of them
    in 10 to 60x there, which is 4 to 24x where 40x is allowed, and 1 to 6x where 10x is.

    A uniform share of the posted margin is lost before the crash, so that entry prices
    differ.

    **Arguments:** shape `()`.

    - `margin_use_median`, `margin_use_log_sd`: > 0.
    - `margin_lost`: in [0, 1), largest share of its margin that a position has lost.
    """

    margin_use_median: Scalar = calibrated("loser.margin_use_median")
    margin_use_log_sd: Scalar = calibrated("loser.margin_use_log_sd")
    margin_lost: Scalar = calibrated("loser.margin_lost")

    def __check_init__(self):
        """Refuses what is no margin."""
        check_range("Losers.margin_use_median", self.margin_use_median, 1e-6)
        check_range("Losers.margin_use_log_sd", self.margin_use_log_sd, 1e-6)
        check_range("Losers.margin_lost", self.margin_lost, 0, 1 - 1e-6)

    def sample(self, key: Key, maintenance: PerPosition, buffer: Scalar) -> Margin:
        """Margins of positions, in the dtype of `maintenance`.

        **Arguments:** `maintenance`: USD, >= 0; `buffer`: shape `()`, > 1, least equity
        over maintenance.
        """
        parts = as_dtype(self, maintenance.dtype)
        shape, log_sd = (2, *maintenance.shape), parts.margin_use_log_sd
        rank, lost = jax.random.uniform(key, shape, maintenance.dtype)
        allowed = ndtr(-jnp.log(buffer * parts.margin_use_median) / log_sd)
        # A uniform draw may be 0, whose score is not finite; 1 less it may not.
        score = ndtri((1 - rank) * allowed)
        equity = maintenance / (parts.margin_use_median * jnp.exp(log_sd * score))
        lost = parts.margin_lost * lost
        return Margin(equity=equity, loss=equity * lost / (1 - lost))
