"""How regret grows with the horizon: the queue of (18), mirror descent, severities."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from jaxtyping import Array, Float
from matplotlib.figure import Figure

from adl_jax._types import Index, PerAccount, PerRound, Scalar
from adl_jax.allocation import queue
from adl_jax.evaluate.bounds import path_variation
from adl_jax.tables import written_whole
from adl_jax.vector import AbstractGeometry, Entropic, Euclidean, fraction_gradient
from claims.companion_regret import descent_1d
from claims.execution import estimated, slopes
from claims.instances import blocks, projected


LARGER = 10.0
"""M of section 4.1: the capacity of the larger account over the budget."""
BAR = 0.3
"""The severity that every other round wants, venues.md 2.1 item 13."""
HORIZONS = tuple(
    int(t) for t in np.unique(2 * np.round(10 ** np.linspace(1, 4, 10) / 2))
)
Capacities = Float[Array, "rounds 2"]


class Curve(NamedTuple):
    """A regret at each of `HORIZONS`, and the slope of its logarithm in log T."""

    panel: str
    name: str
    regret: list[float]
    slope: float


def alternating(rounds: int) -> Capacities:
    """The capacities of section 4.1."""
    pair = jnp.array([[1.0, LARGER], [LARGER, 1.0]])
    return jnp.tile(pair, (rounds // 2, 1))


def steepest(x: PerAccount, capacity: PerAccount) -> PerAccount:
    """A subgradient of the largest haircut fraction in USD."""
    fraction = x / capacity
    tied = jnp.where(fraction >= fraction.max(), 1.0, 0.0)
    return tied / tied.sum() / capacity


def in_usd(capacity: Capacities, step: Scalar) -> Float[Array, "rounds 2"]:
    """Projected subgradient descent on haircuts in USD, budget 1, from the queue's."""

    def one_round(x: PerAccount, u: PerAccount):
        return projected(x - step * steepest(x, u), u, jnp.ones(())), x

    return jax.lax.scan(one_round, jnp.array([1.0, 0.0]), capacity)[1]


@partial(jax.jit, static_argnames="geometry")
def in_fractions(
    rounds: Index, step: Scalar, geometry: AbstractGeometry, start: Scalar
) -> Scalar:
    """Cumulative largest fraction of mirror descent on fractions, budget 1.

    Fractions carry over to other capacities. A loop of traced length, so that one
    compilation serves all horizons.
    """
    one, none = jnp.ones(()), jnp.zeros(())
    pair = alternating(2)

    def one_round(t: Index, carry: tuple[PerAccount, Scalar]):
        h, total = carry
        u = pair[t % 2]
        x = geometry.play(h, u, one)
        gradient = fraction_gradient(x, u, one, track=none, fair=one)
        moved = geometry.move(geometry.keep(h, x, u), gradient, u, step)
        return moved, total + (x / u).max()

    first = jnp.stack([start, 1 - start])
    return jax.lax.fori_loop(0, rounds, one_round, (first, none))[1]


STARTS = tuple(float(x) for x in np.linspace(0.9, 0.999, 8))
"""First fractions of the first account, near the queue's 1: an entropic step cannot
leave 0 itself. Regrets are means over them, since one start may hit a kink exactly."""


def fairness(haircut: Float[Array, "rounds 2"], capacity: Capacities) -> Scalar:
    """Cumulative largest haircut fraction."""
    return (haircut / capacity).max(axis=1).sum()


def allocation_curves() -> list[Curve]:
    """Dynamic regret against the best allocation of each round, pro rata."""
    fixed, starts = jnp.array([2.0, 1.0]), jnp.asarray(STARTS)

    def learned(geometry: AbstractGeometry):
        every = jax.vmap(in_fractions, (None, None, None, 0))
        return lambda t: every(jnp.asarray(t), 1 / jnp.sqrt(float(t)), geometry, starts)

    def queued(rounds: int) -> Scalar:
        u = alternating(rounds)
        return fairness(jax.vmap(queue, (None, 0, None))(fixed, u, 1.0), u)

    def descended(rounds: int) -> Scalar:
        u = alternating(rounds)
        return fairness(in_usd(u, jnp.sqrt(2.0 / rounds)), u)

    policies = {
        "fixed queue (18)": queued,
        "projected descent on USD": descended,
        "mirror descent on fractions, Euclidean": learned(Euclidean()),
        "mirror descent on fractions, entropic": learned(Entropic()),
    }
    curves = []
    for name, cost in policies.items():
        least = 1 / (1 + LARGER)
        regrets = [float(cost(t).mean()) - t * least for t in HORIZONS]
        curves.append(Curve("allocation", name, regrets, slope(regrets)))
    return curves


def severity_curves() -> list[Curve]:
    """The alternating losses theta and bar - theta of the companion's section 8.5."""

    def losses(theta: PerRound) -> Scalar:
        odd = jnp.arange(theta.shape[0]) % 2 == 0
        return jnp.where(odd, theta, BAR - theta).sum()

    def played(rounds: int) -> PerRound:
        slope = BAR * jnp.where(jnp.arange(rounds) % 2 == 0, 1.0, -1.0)
        steps = jnp.full((rounds,), 1 / jnp.sqrt(float(rounds)) / BAR)
        return BAR * descent_1d(jnp.ones(()), slope, steps)

    dynamic = [float(losses(played(t))) for t in HORIZONS]
    constant = [t / 2 * BAR for t in HORIZONS]
    static = [d - c for d, c in zip(dynamic, constant, strict=True)]
    bound = [BAR * t**0.5 for t in HORIZONS]
    named = {
        "any fixed severity, dynamic regret": constant,
        "projected descent, dynamic regret": dynamic,
        "projected descent, static regret": static,
        "bound on static regret, 0.3 sqrt(T)": bound,
    }
    return [
        Curve("severity", name, values, slope(values)) for name, values in named.items()
    ]


def printed_curves() -> list[Curve]:
    """Measured over printed bound where the printed bounds fail, constants 1.

    No constants save them while the ratio grows.
    """
    grid = 10.0 ** jnp.linspace(-4, 0, 33)

    @jax.jit
    def errors(sequence: PerRound, steps: PerRound) -> PerRound:
        guesses = jax.vmap(estimated, (None, 0))(sequence, steps)
        return jnp.abs(guesses - sequence[None]).sum(axis=1)

    ratios: dict[str, list[float]] = {
        "(27), its own step": [],
        "Lemma 6, best step": [],
    }
    for rounds in HORIZONS:
        root = jnp.sqrt(float(rounds))
        hard = slopes(rounds, jnp.asarray(0.618), jnp.ones(()))
        crossing = blocks(rounds, root)
        own = errors(crossing, (1 / root)[None])[0] / (root + path_variation(crossing))
        best = errors(hard, grid).min() / (root + path_variation(hard))
        for name, value in zip(ratios, (own, best), strict=True):
            ratios[name].append(float(value))
    return [
        Curve("printed", name, values, slope(values)) for name, values in ratios.items()
    ]


def slope(regret: list[float]) -> float:
    """Least squares in logarithms over horizons of 100 and more."""
    x, y = np.log(HORIZONS), np.asarray(regret)
    use = (np.asarray(HORIZONS) >= 100) & (y > 0)
    return float(np.polyfit(x[use], np.log(y[use]), 1)[0])


_COLOURS = ("#D55E00", "#E69F00", "#0072B2", "#009E73")
_LINES = ("-", "--", "-.", ":")


def draw(curves: list[Curve], path: Path) -> Path:
    """Three panels in logarithms, slopes in the legends."""
    titles = {
        "allocation": "Who pays: dynamic regret on the capacities of (18)",
        "severity": "How much: losses θ and 0.3 − θ in turns",
        "printed": "Printed bounds: measured over bound, constants 1",
    }
    style = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(16, 4.8), layout="constrained")
        for axes, (panel, title) in zip(
            figure.subplots(1, 3), titles.items(), strict=True
        ):
            shown = [curve for curve in curves if curve.panel == panel]
            for curve, colour, line in zip(shown, _COLOURS, _LINES, strict=False):
                label = f"{curve.name}: slope {curve.slope:.2f}"
                axes.plot(
                    HORIZONS,
                    curve.regret,
                    line,
                    color=colour,
                    label=label,
                    linewidth=1.8,
                )
            axes.set(xscale="log", yscale="log", xlabel="rounds T")
            axes.set_ylabel("ratio" if panel == "printed" else "regret")
            axes.set_title(title, loc="left", fontsize=10)
            axes.grid(alpha=0.25)
            axes.legend(frameon=False, fontsize=8, loc="upper left")
        with written_whole(path) as temporary:
            figure.savefig(temporary, dpi=150)
    return path
