"""The one multiplier behind a projection or a water level, and the point it gives.

Every problem here has the same shape: a point x(t) whose coordinates never fall as one
number t rises, and a target for the weighted sum of x. The search closes in on the
floats around the answer; what is left between the last two points is shared out by
linear interpolation, which keeps every bound, meets the target to the last bits
however coarse the floats are, and is the exact solution of the active set as soon as
no coordinate reaches a bound in between.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array

from adl_jax.projection._keys import key_to_float, ordered_key
from adl_jax.projection._search import narrow
from adl_jax.projection._sums import Everyone, Groups


class Curve(NamedTuple):
    """A weighted sum that rises with a multiplier, account by account.

    `amount(t, *data)` is an account's part of the sum and `slope(t, *data)` its
    derivative in t from the right; both broadcast and are 0 where the data are 0.
    """

    amount: Callable[..., Array]
    slope: Callable[..., Array]
    data: tuple[Array, ...]


class Bracket(NamedTuple):
    """Two multipliers around the answer and where between them it lies, in [0, 1]."""

    low: Array
    high: Array
    mix: Array

    @property
    def multiplier(self) -> Array:
        """The answer itself, by the same interpolation as the point."""
        return self.low + self.mix * (self.high - self.low)


def solve(
    curve: Curve, target: Array, low: Array, high: Array, who: Everyone | Groups
) -> Bracket:
    """Brackets the multiplier at which the sum of `curve` is `target`.

    `low` and `high` are finite multipliers on the two sides of the answer; they, the
    target and the answer are of shape `()`, or one for each group. At most 2**8 floats
    are left between the ends (2**12 in float64) when one Newton and secant pass solves
    the active set.
    """
    size = 24 if low.dtype == jnp.float32 else 52
    low_key, high_key = narrow(
        lambda key: (
            who.sums(curve.amount, key_to_float(key), curve.data) <= target[None]
        ),
        ordered_key(low),
        ordered_key(high),
        size,
        bits=who.bits,
    )
    return _polish(curve, target, key_to_float(low_key), key_to_float(high_key), who)


def point(at: Callable[[Array], Array], bracket: Bracket, who: Everyone | Groups):
    """The point between the points `at` the two multipliers of the bracket."""
    low, high = at(who.spread(bracket.low)), at(who.spread(bracket.high))
    return low + who.spread(bracket.mix) * (high - low)


def _polish(curve, target, low, high, who):
    both = lambda t, *data: (curve.amount(t, *data), curve.slope(t, *data))
    ends = jnp.stack([low, high])
    end_values, slopes = who.sums(both, ends, curve.data)
    newton = ends + ratio(target[None] - end_values, slopes)
    share = ratio(target - end_values[0], end_values[1] - end_values[0])
    secant = low + jnp.clip(share, 0, 1) * (high - low)
    inner = jnp.clip(jnp.concatenate([newton, secant[None]]), low[None], high[None])
    tried = jnp.concatenate([inner, ends])
    inner_values = who.sums(curve.amount, inner, curve.data)
    values = jnp.concatenate([inner_values, end_values])
    under = values <= target[None]
    low_value = jnp.max(jnp.where(under, values, end_values[:1]), axis=0)
    new_low = jnp.max(jnp.where(under, tried, low[None]), axis=0)
    high_value = jnp.min(jnp.where(under, end_values[1:], values), axis=0)
    new_high = jnp.min(jnp.where(under, high[None], tried), axis=0)
    mix = ratio(target - low_value, high_value - low_value)
    return Bracket(new_low, new_high, jnp.clip(mix, 0, 1))


def ratio(numerator: Array, denominator: Array) -> Array:
    """The quotient, and 0 where the denominator is not above 0."""
    positive = denominator > 0
    safe = jnp.where(positive, denominator, jnp.ones_like(denominator))
    return jnp.where(positive, numerator / safe, jnp.zeros_like(safe))
