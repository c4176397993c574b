"""Synthetic families of ADL events, to choose defaults on and to hold out.

Each family draws events from one law of what a close-out costs. Levels, sizes, numbers
of rounds and markets, and the unit of money differ from event to event, so that no
constant fits a family by accident. `CHOSEN` are the families that defaults may be chosen
on, `HELD_OUT` those that they may not; `synthetic_scores.py` scores every learner on both.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adl_jax import Rounds


Draw = np.random.Generator
LIMITS = np.array([40.0, 25.0, 20.0, 10.0, 5.0, 3.0])
SHAPES = [(8, 6), (16, 12), (16, 40), (32, 20)]
"""Rounds and markets; an episode takes one of them."""


def closeouts(
    draw: Draw, rounds: int, markets: int, *, tail: float = 1.2
) -> np.ndarray:
    """USD closed out by round and market: heavy-tailed in both, some markets idle."""
    size = draw.lognormal(0, 1.0, (rounds, 1)) * draw.lognormal(0, tail, (1, markets))
    present = draw.random((rounds, markets)) < draw.uniform(0.4, 1.0)
    present[:, 0] |= ~present.any(axis=1)
    return size * draw.lognormal(0, 0.7, (rounds, markets)) * present


def level(draw: Draw) -> float:
    """A cost per USD closed out between a tenth of a per cent and five per cent."""
    return float(np.exp(draw.uniform(np.log(0.001), np.log(0.05))))


def tier_law(draw: Draw, limits: np.ndarray) -> np.ndarray:
    """Costs by market: a power of the leverage limit, and what limits do not say."""
    power = draw.uniform(0, 1.5)
    return (10 / limits) ** power * draw.lognormal(0, 0.3, limits.shape)


def tier_volatility(draw: Draw, notional: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Costs of a market are its volatility, which its limit foretells."""
    rate = level(draw) * tier_law(draw, limits)
    moves = draw.lognormal(0, 0.4, (len(notional), 1))
    return notional * rate * moves * draw.lognormal(0, 0.3, notional.shape)


def tick_move(draw: Draw, notional: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """The cost is one move of the mark, half-normal, common factor and own part."""
    del limits
    rate = level(draw)
    common = np.abs(draw.normal(size=(len(notional), 1)))
    own = np.abs(draw.normal(size=notional.shape))
    return notional * rate * (0.6 * common + 0.4 * own)


def impact_only(draw: Draw, notional: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """The cost is impact: it grows with a power of the size, up to the square."""
    del limits
    depth = draw.lognormal(0, 0.5, notional.shape[1]) * notional.mean()
    power = draw.uniform(0.2, 1.0)
    relative = level(draw) * (notional / depth) ** power
    return notional * np.minimum(relative, 0.5)


def regime_switches(draw: Draw, notional: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """The level jumps by a factor of four or so, once to four times."""
    base = tier_volatility(draw, notional, limits)
    jumps = draw.random(len(notional)) < draw.uniform(1, 4) / len(notional)
    states = draw.lognormal(0, 1.4, len(notional))
    # Where the level jumps in every round, the state before the first jump is left over.
    return base * states.take(np.cumsum(jumps), mode="wrap")[:, None]


def heavy_tails(draw: Draw, notional: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Pareto costs on top of the tier law: a few rounds are most of the event."""
    rate = level(draw) * tier_law(draw, limits)
    shocks = draw.pareto(1.6, (len(notional), 1)) + 0.3
    return np.minimum(notional * rate * shocks, 0.5 * notional)


def random_participation(
    draw: Draw, notional: np.ndarray, limits: np.ndarray
) -> np.ndarray:
    """Only a random part of the close-outs costs anything."""
    touched = draw.random(notional.shape) < draw.uniform(0.3, 0.9)
    return tier_volatility(draw, notional, limits) * touched


def mixture(draw: Draw, notional: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Half impact, half volatility, with a drift of the level."""
    parts = impact_only(draw, notional, limits) + tier_volatility(
        draw, notional, limits
    )
    drift = np.cumsum(draw.normal(0, 0.2, len(notional)))
    return 0.5 * parts * np.exp(drift)[:, None]


def heavy_sizes(draw: Draw, notional: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Tier volatility, and now and then a market whose cost is ten times as high."""
    spikes = 1 + 9 * (draw.random(notional.shape) < 0.05)
    return np.minimum(tier_volatility(draw, notional, limits) * spikes, 0.5 * notional)


def calm_then_crash(draw: Draw, notional: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Small rounds first, then ever larger ones."""
    growth = np.exp(np.linspace(-2, 2, len(notional)) * draw.uniform(0.5, 1.5))
    return tick_move(draw, notional, limits) * growth[:, None] ** 0.25


CHOSEN: dict[str, Callable[..., np.ndarray]] = {
    "tier_volatility": tier_volatility,
    "tick_move": tick_move,
    "impact_only": impact_only,
    "regime_switches": regime_switches,
    "heavy_tails": heavy_tails,
}
HELD_OUT: dict[str, Callable[..., np.ndarray]] = {
    "heavy_sizes": heavy_sizes,
    "random_participation": random_participation,
    "mixture": mixture,
    "calm_then_crash": calm_then_crash,
}


def episode(
    law: Callable[..., np.ndarray],
    draw: Draw,
    rounds: int,
    markets: int,
    *,
    deficit: str = "mixed",
) -> Rounds:
    """One event: what was closed out, what it cost, and the deficit that was seen.

    The deficit that a venue sees is what was needed over a share of the event's own, with
    noise; `"dummy"` deficits take two values that say next to nothing, as the published
    ones do; `"mixed"` takes one of the two.
    """
    notional = closeouts(draw, rounds, markets)
    limits = draw.choice(LIMITS, markets, p=[0.05, 0.05, 0.1, 0.3, 0.35, 0.15])
    gap = law(draw, notional, limits)
    needed = gap.sum(axis=1)
    kind = draw.choice(["informative", "dummy"]) if deficit == "mixed" else deficit
    if kind == "informative":
        share = np.exp(draw.uniform(np.log(0.05), np.log(0.9)))
        seen = needed / share * draw.lognormal(0, 0.6, rounds)
    else:
        large = needed.max() * draw.uniform(1, 4)
        seen = np.where(draw.random(rounds) < 0.6, large, needed * 0.2)
        seen = seen * draw.lognormal(0, 0.2, rounds)
    # An event comes in dollars, cents or millions.
    unit = 10.0 ** draw.uniform(0, 9)
    capacity = (
        unit * needed.sum() * draw.uniform(3, 50) * draw.lognormal(0, 0.5, rounds)
    )
    times = np.arange(rounds) * 10_000
    return Rounds(
        deficit=seen * unit,
        needed=needed * unit,
        capacity_total=capacity,
        start_ms=times,
        end_ms=times + 1,
        closeout_quantity=notional * unit,
        closeout_price=np.ones_like(notional),
        closeout_gap=gap * unit,
        max_leverage=limits,
    )


def episodes(
    law: Callable[..., np.ndarray], count: int, seed: int, **options: Any
) -> list[Rounds]:
    """Stacks of events with a leading axis, one stack for each of `SHAPES`."""
    stacks = []
    for index, (rounds, markets) in enumerate(SHAPES):
        draw = np.random.default_rng([seed, index])
        events = [
            episode(law, draw, rounds, markets, **options)
            for _ in range(-(-count // len(SHAPES)))
        ]
        arrays = [
            {name: np.asarray(getattr(event, name)) for name in _FIELDS}
            for event in events
        ]
        stacked = {name: jnp.stack([one[name] for one in arrays]) for name in _FIELDS}
        stacks.append(jax.vmap(lambda fields: Rounds(**fields))(stacked))
    return stacks


_FIELDS = (
    *("deficit", "needed", "capacity_total", "start_ms", "end_ms"),
    *("closeout_quantity", "closeout_price", "closeout_gap", "max_leverage"),
)
