"""What a learned severity looks at when a round starts: numbers without unit."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from adl_jax._types import PerMarket, Scalar
from adl_jax.messages import Observation


NAMES = (
    *("tier", "volatility", "basis", "depth", "impact"),
    *("fund", "deficit", "growth", "closeouts", "waiting", "age"),
)
"""The features, in order.

- `tier`: log of 10 over the published leverage limit.
- `volatility`: log of the realised volatility of a round over 1 %.
- `basis`: log of mark over oracle, in per cent.
- `depth`, `impact`: log of the order book's depth and slope over the first round's.
- `fund`: log(1 + fund / deficit). `deficit`: log of deficit over capacity.
- `growth`: log of the deficit over the mean one so far.
- `closeouts`: log of the close-outs of the last round over the mean ones so far.
- `waiting`: log(1 + seconds since the last round). `age`: log(1 + rounds so far).
"""
# No feature is larger than this: a learned rule is not asked far from what it has seen.
_LARGEST = 4.0


class Past(NamedTuple):
    """What features remember of earlier rounds.

    - `depth`, `impact`: shape `(markets,)`, of the first round; `None` where not shown.
    - `deficit`, `closeouts`: sums so far, USD, the latter by market; `last`: the last
      round's close-outs. `rounds`: how many. `elapsed_ms`: when the last round began.
    """

    depth: PerMarket | None
    impact: PerMarket | None
    deficit: Scalar
    closeouts: PerMarket
    last: PerMarket
    rounds: Scalar
    elapsed_ms: Scalar


def no_past(observation: Observation) -> Past:
    """Before the first round."""
    assert observation.deficit is not None
    signals = observation.signals
    zero = jnp.zeros_like(observation.deficit)
    nothing = jnp.broadcast_to(zero, _markets(observation))
    return Past(
        depth=None if signals is None else signals.depth,
        impact=None if signals is None else signals.impact_estimate,
        deficit=zero,
        closeouts=nothing,
        last=nothing,
        rounds=zero,
        elapsed_ms=zero,
    )


def after(past: Past, observation: Observation, closeouts: PerMarket) -> Past:
    """With one more round."""
    assert observation.deficit is not None
    elapsed = observation.elapsed_ms
    return past._replace(
        deficit=past.deficit + observation.deficit,
        closeouts=past.closeouts + closeouts,
        last=closeouts,
        rounds=past.rounds + 1,
        elapsed_ms=past.elapsed_ms if elapsed is None else elapsed,
    )


def features(observation: Observation, past: Past) -> Float[Array, "markets features"]:
    """The features of each market; 0 is what is not known.

    **Invariants:** the same in any unit of money; none above 4 in size.
    """
    deficit = observation.deficit
    assert deficit is not None
    assert observation.capacity_total is not None
    signals, started = observation.signals, past.rounds > 0
    zero = jnp.zeros_like(deficit)
    known: dict[str, Array] = dict.fromkeys(NAMES, zero) | {
        "deficit": _log_ratio(deficit, observation.capacity_total),
        "growth": _log_ratio(deficit * past.rounds, past.deficit),
        "closeouts": _log_ratio(past.last * past.rounds, past.closeouts),
        "age": jnp.log1p(past.rounds),
    }
    if observation.max_leverage is not None:
        ten = jnp.full_like(observation.max_leverage, 10)
        known["tier"] = _log_ratio(ten, observation.max_leverage)
    if observation.elapsed_ms is not None:
        waited = jnp.maximum(observation.elapsed_ms - past.elapsed_ms, 0) / 1000
        known["waiting"] = jnp.where(started, jnp.log1p(waited), zero)
    if signals is not None:
        one_percent = jnp.full_like(signals.volatility, 0.01)
        known["volatility"] = _log_ratio(signals.volatility, one_percent)
        known["depth"] = _log_ratio(signals.depth, past.depth)
        known["impact"] = _log_ratio(signals.impact_estimate, past.impact)
        some = deficit > 0
        fund = jnp.maximum(signals.fund, 0) / jnp.where(some, deficit, 1)
        known["fund"] = jnp.where(some, jnp.log1p(jnp.where(some, fund, 0)), zero)
        if signals.basis is not None:
            known["basis"] = 100 * signals.basis
    shape = _markets(observation)
    columns = [jnp.broadcast_to(known[name], shape) for name in NAMES]
    return jnp.clip(jnp.stack(columns, axis=-1), -_LARGEST, _LARGEST)


def _markets(observation: Observation) -> tuple[int]:
    """One row a market, or one in all where markets are not shown."""
    shown = observation.market
    return (1,) if shown is None else (shown.shape[0],)


def _log_ratio(above: Array, below: Array | None) -> Array:
    """The log of a quotient; 0, and without a derivative, where either is not positive."""
    if below is None:
        return jnp.zeros_like(above)
    some = (above > 0) & (below > 0)
    quotient = jnp.where(some, above, 1) / jnp.where(some, below, 1)
    return jnp.where(some, jnp.log(jnp.where(quotient > 0, quotient, 1)), 0)
