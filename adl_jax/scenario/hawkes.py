"""Batches of shocks that trigger each other: an exponential Hawkes process."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr
from jaxtyping import Array, Float

from adl_jax._sums import product
from adl_jax._types import Key, PerRound, Scalar, as_dtype, check_range
from adl_jax.result import InputError
from adl_jax.scenario.calibration import calibrated


_MARKS = ("mark_log_sd", "mark_largest")


class Hawkes(eqx.Module):
    r"""Marked batches in time, each raising the rate of others for a while.

    $$\lambda(t)=\mu+\sum_{s_i<t}n\,\beta\,e^{-\beta(t-s_i)}$$

    Drawn exactly, event by event (Dassios and Zhao, "Exact simulation of Hawkes process
    with exponentially decaying intensity", 2013): the next event is the first of one of
    the base rate and one of the decaying excess. Marks are lognormal up to a largest
    value, in units of their mean: most batches are small, a few hit every market.

    **Arguments:** shape `()` unless said otherwise.

    - `base_rate`: mu, batches a second, > 0.
    - `branching`: n, batches that a batch triggers, in [0, 1).
    - `decay`: beta, a second, > 0.
    - `mark_log_sd`: of the marks' logarithm, > 0; `mark_largest`: over their median, > 0.
    - `round_seconds`: > 0.
    - `most`: how many batches are drawn at most; later ones are lost. 256 is six
        standard deviations above the mean of sixteen rounds of 40 s.

    **Cost:** a scan over `most` events.
    """

    base_rate: Scalar = calibrated("hawkes.base_rate")
    branching: Scalar = calibrated("hawkes.branching")
    decay: Scalar = calibrated("hawkes.decay")
    mark_log_sd: Scalar = calibrated("hawkes.mark_log_sd")
    mark_largest: Scalar = calibrated("hawkes.mark_largest")
    round_seconds: Scalar = calibrated("hawkes.round_seconds")
    most: int = eqx.field(default=256, static=True)

    def __check_init__(self):
        """Refuses a process that explodes."""
        for name in ("base_rate", "decay", "round_seconds", *_MARKS):
            check_range(f"Hawkes.{name}", getattr(self, name), 1e-9)
        check_range("Hawkes.branching", self.branching, 0, 1 - 1e-6)
        if self.most < 1:
            raise InputError(f"Hawkes.most is {self.most}: draw one batch or more")

    def times(
        self, key: Key, seconds: Scalar, rate: Scalar | float = 1.0
    ) -> Float[Array, " most"]:
        """Seconds at which batches come, ascending; after `seconds` they do not count.

        The process starts at its stationary mean rate, mu / (1 - n). The intensity is
        multiplied by `rate` at all times, what batches trigger included.
        """
        parts = as_dtype(self, seconds.dtype)
        draws = jax.random.exponential(key, (self.most, 2), seconds.dtype)
        base, branching = rate * parts.base_rate, rate * parts.branching

        def next_event(
            carry: tuple[Scalar, Scalar], draw: Float[Array, " 2"]
        ) -> tuple[tuple[Scalar, Scalar], Scalar]:
            time, excess = carry
            from_base = draw[0] / base
            # The excess may die out before it triggers anything.
            left = 1 - parts.decay * draw[1] / jnp.where(excess > 0, excess, 1)
            triggers = (left > 0) & (excess > 0)
            wait = -jnp.log(jnp.where(triggers, left, 1)) / parts.decay
            wait = jnp.where(triggers, jnp.minimum(wait, from_base), from_base)
            excess = excess * jnp.exp(-parts.decay * wait)
            excess = excess + branching * parts.decay
            return (time + wait, excess), time + wait

        start = jnp.zeros_like(seconds), rate * parts.stationary_excess()
        return jax.lax.scan(next_event, start, draws)[1]

    def stationary_excess(self) -> Scalar:
        """Mean of what batches before the start still add to the intensity."""
        return self.branching * self.base_rate / (1 - self.branching)

    def sample(self, key: Key, num_rounds: int, dtype: Any) -> PerRound:
        """Sum of the marks of each round's batches."""
        parts = as_dtype(self, dtype)
        return parts.by_round(*parts.batches(key, num_rounds), num_rounds)

    def batches(
        self, key: Key, num_rounds: int, rate: Scalar | float = 1.0
    ) -> tuple[Float[Array, " most"], Float[Array, " most"]]:
        """Times of batches in seconds, and the normals behind their marks."""
        for_times, for_marks = jax.random.split(key)
        times = self.times(for_times, self.round_seconds * num_rounds, rate)
        return times, jax.random.normal(for_marks, (self.most,), times.dtype)

    def by_round(
        self,
        times: Float[Array, " most"],
        noise: Float[Array, " most"],
        num_rounds: int,
    ) -> PerRound:
        """Sum of the marks of each round's batches, from what `batches` drew."""
        rounds = jnp.arange(num_rounds, dtype=times.dtype)
        is_in = jnp.floor(times / self.round_seconds)[None] == rounds[:, None]
        return product(is_in.astype(times.dtype), self.mark(noise))

    def mark(self, noise: Array) -> Array:
        """Marks in units of their mean, of the normals behind them."""
        mark = jnp.minimum(jnp.exp(self.mark_log_sd * noise), self.mark_largest)
        return mark / self._mean_mark()

    def _mean_mark(self) -> Scalar:
        """E min(exp(sd Z), largest), of a standard normal Z."""
        sd, log_largest = self.mark_log_sd, jnp.log(self.mark_largest)
        below = jnp.exp(sd**2 / 2) * ndtr(log_largest / sd - sd)
        return below + self.mark_largest * ndtr(-log_largest / sd)
