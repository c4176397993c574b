"""Water filling: the level s at which min(cap, s*rate) uses up what there is to give."""

import jax
import jax.numpy as jnp
from jaxtyping import Array

from adl_jax.projection._multiplier import Curve, point, ratio, solve
from adl_jax.projection._sums import members


def water_fill(
    mass: Array, rate: Array, cap: Array, total: Array, group: Array | None = None
) -> Array:
    """h = min(cap, s*rate) with s >= 0 such that mass.h = total; all of shape `(n,)`.

    `total` has shape `()`, or one number for each group; above mass.cap it gives all
    there is. An account of rate 0 gives nothing. The one solver behind pro-rata (mass =
    capacity, h a fraction) and the entropic projection (mass = 1, h in USD).
    """
    return _water_fill(mass, rate, cap, total, group)


@jax.custom_jvp
def _water_fill(mass, rate, cap, total, group):
    return _level(mass, rate, cap, total, group)[0]


@_water_fill.defjvp
def _water_fill_jvp(primals, tangents):
    mass, rate, cap, total, group = primals
    mass_dot, rate_dot, cap_dot, total_dot, _ = tangents
    height, level, everything = _level(*primals)
    who = members(group, total)
    level, everything = who.spread(level), who.spread(everything)
    zero = jnp.zeros_like(height)
    free = (level * rate < cap) & ~everything
    full = ~free & (rate > 0)
    known = jnp.where(full, cap_dot, jnp.where(free, level * rate_dot, zero))
    given = mass_dot * height + mass * known
    pace = jnp.where(free, mass * rate, zero)
    given, pace = _total(who, total, given), _total(who, total, pace)
    level_dot = ratio(total_dot - given, pace)
    return height, known + jnp.where(free, who.spread(level_dot) * rate, zero)


def _total(who, like, value):
    return who.sums(lambda t, value: t * value, jnp.ones_like(like)[None], (value,))[0]


def _level(mass, rate, cap, total, group):
    who = members(group, total)
    pace, most = mass * rate, jnp.where(rate > 0, mass * cap, jnp.zeros_like(mass))
    full_pace, available = _total(who, total, pace), _total(who, total, most)
    everything = total >= available
    highest = who.largest(lambda pace, most: ratio(most, pace), (pace, most))
    end = jnp.finfo(total.dtype).max
    # The level is at least what it would be without caps; 1e-5 covers the rounding.
    low = jnp.clip(ratio(total, full_pace) * (1 - 1e-5), 0, end)
    high = jnp.clip(highest * (1 + 1e-5), low, end)
    bracket = solve(Curve(_amount, _slope, (most, pace)), total, low, high, who)
    height = point(lambda level: jnp.minimum(cap, level * rate), bracket, who)
    full = who.spread(everything) & (rate > 0)
    height = jnp.where(full, cap, jnp.minimum(height, cap))
    return height, bracket.multiplier, everything


def _amount(level, most, pace):
    # A comparison and a select is one instruction; `minimum`, careful of NaN, is four.
    return jnp.where(level * pace < most, level * pace, most)


def _slope(level, most, pace):
    return jnp.where(level * pace < most, pace, jnp.zeros_like(pace))
