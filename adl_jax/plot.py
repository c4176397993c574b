"""Figures of a backtest: each is a function that draws on axes and returns them."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter

from adl_jax.backtesting import Backtest, Role, Score
from adl_jax.evaluate.loss import empirical
from adl_jax.inert import quoted
from adl_jax.messages import severity_needed
from adl_jax.result import InputError
from adl_jax.tables import written_whole


_USD = EngFormatter(unit=" USD", sep="")
_SHARE = FuncFormatter(lambda share, _: f"{100 * share:g} %")
STYLE: dict[Any, Any] = {
    "figure.figsize": (10.2, 4.4),
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "font.size": 9,
}
_MOST_TICKS = 25
# Okabe and Ito's colours, which stay apart for colour-blind readers.
COLOURS = (
    *("#D55E00", "#0072B2", "#009E73", "#CC79A7"),
    *("#E69F00", "#999999", "#56B4E9", "#882255"),
)


def plot_backtest(result: Backtest, folder: Path) -> list[Path]:
    """Draws the figures of a backtest.

    Budgets by round, cumulative tracking, the cumulative objective against the bound, and
    concentration by round, as PNG files, each written whole or not at all.

    **Returns:** their paths; figures that an event has no data for are left out, and old
    ones of that name removed.
    """
    paths = []
    for name, draw in FIGURES.items():
        path = folder / f"{name}.png"
        with matplotlib.rc_context(STYLE):
            figure = Figure()
            try:
                draw(result, figure.subplots())
            except InputError:
                path.unlink(missing_ok=True)
                continue
            with written_whole(path) as temporary:
                figure.savefig(temporary, dpi=160)
        paths.append(path)
    return paths


def shown(result: Backtest) -> list[Score]:
    """The rows worth a line: what was done, doing nothing, and the headline learners."""
    return [
        score
        for score in result.scores
        if score.entry.role is Role.published
        or score.entry.name == "zero"
        or score.entry.headline
    ]


def _new_or(ax: Axes | None) -> Axes:
    """The axes given, or those of a new figure that notebooks show."""
    if ax is not None:
        return ax
    from matplotlib import pyplot

    with matplotlib.rc_context(STYLE):
        return pyplot.subplots()[1]


def _with_legend(axes: Axes) -> Axes:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=8)
    return axes


def _rounds_axis(axes: Axes, result: Backtest) -> np.ndarray:
    places = np.arange(result.event.rounds.num_rounds)
    every = -(-len(places) // _MOST_TICKS)
    axes.set_xticks(places[::every], list(map(str, result.event.labels[::every])))
    axes.set_xlabel("round")
    return places


def _lines(axes: Axes, result: Backtest, values: Callable[[Score], Any]) -> None:
    places = _rounds_axis(axes, result)
    # A policy keeps its colour in figures where another has nothing to show.
    for score, colour in zip(shown(result), itertools.cycle(COLOURS), strict=False):
        value = values(score)
        if value is None or not np.isfinite(value).any():
            continue
        information = score.entry.information
        axes.plot(
            places,
            np.asarray(value),
            "-" if score.entry.role is Role.published else "--",
            marker="o",
            markersize=3,
            linewidth=1.4,
            color=colour,
            label=f"{score.entry.name} ({information.value})",
        )


def budgets(result: Backtest, ax: Axes | None = None) -> Axes:
    """What each policy raised in every round, and what was needed.

    **Arguments:** `ax`: matplotlib axes to draw on; a new figure's if not given.

    **Returns:** the axes.
    """
    axes = _new_or(ax)
    _lines(axes, result, lambda score: _positive(score.trajectory.records.executed))
    places = np.arange(result.event.rounds.num_rounds)
    needed = _positive(result.event.rounds.needed)
    axes.plot(places, needed, "k_", markersize=14, markeredgewidth=2, label="needed")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(_USD)
    axes.set_title(
        "What each policy raised, and what was needed (zeros not drawn)", loc="left"
    )
    return _with_legend(axes)


def _positive(values: Any) -> np.ndarray:
    host = np.asarray(values, dtype=float)
    return np.where(host > 0, host, np.nan)


def cumulative_tracking(result: Backtest, ax: Axes | None = None) -> Axes:
    """Sum of |executed - needed| so far, by policy.

    **Arguments:** `ax`: matplotlib axes to draw on; a new figure's if not given.

    **Returns:** the axes.
    """
    axes = _new_or(ax)
    needed = result.event.rounds.needed
    _lines(
        axes,
        result,
        lambda score: jnp.cumsum(jnp.abs(score.trajectory.records.executed - needed)),
    )
    axes.yaxis.set_major_formatter(_USD)
    axes.set_title("Cumulative tracking error, |executed - needed|", loc="left")
    return _with_legend(axes)


def objective_against_bound(result: Backtest, ax: Axes | None = None) -> Axes:
    """The objective (23) so far as a share of the bound (17) so far, by policy.

    **Arguments:** `ax`: matplotlib axes to draw on; a new figure's if not given.

    **Returns:** the axes.

    **Raises:** `InputError` where the event has no fairness reference `min_max_ilp`, or no
    deficit in its first round.
    """
    rounds = result.event.rounds
    reference = result.event.recorded.get("min_max_ilp")
    if reference is None or reference.concentration is None:
        raise InputError(
            f"{quoted(result.event.name)} has no concentration of min_max_ilp, which the "
            "objective (23) is relative to; fix: give it in the rounds' CSV"
        )
    least = reference.concentration
    comparator = np.asarray(severity_needed(rounds.needed, rounds.deficit))
    # (17) of every prefix of the rounds at once.
    path = np.cumsum(np.abs(np.diff(comparator, prepend=comparator[0])))
    bound = np.sqrt((1 + 2 * path) * np.cumsum(np.asarray(rounds.deficit) ** 2))
    if not bound.all():
        raise InputError(
            f"{quoted(result.event.name)} starts without a deficit, so that the bound (17) "
            "is 0; fix: leave such rounds out"
        )

    def share_of_bound(score: Score) -> Any:
        records = score.trajectory.records
        if records.concentration is None:
            return None
        parts = empirical(
            records.executed,
            rounds.needed,
            records.concentration,
            least,
        )
        return np.cumsum(np.asarray(parts.total)) / bound

    axes = _new_or(ax)
    _lines(axes, result, share_of_bound)
    axes.yaxis.set_major_formatter(_SHARE)
    axes.set_title(
        "Cumulative objective (23) as a share of the bound (17) so far", loc="left"
    )
    return _with_legend(axes)


def concentration(result: Backtest, ax: Axes | None = None) -> Axes:
    """The largest haircut fraction of any account in every round, by policy.

    **Arguments:** `ax`: matplotlib axes to draw on; a new figure's if not given.

    **Returns:** the axes.

    **Raises:** `InputError` where no policy shown has one above 0.
    """

    def largest(score: Score) -> Any:
        known = score.trajectory.records.concentration
        return None if known is None else _positive(known)

    if not any(
        values is not None and np.isfinite(values).any()
        for values in map(largest, shown(result))
    ):
        raise InputError(
            f"{quoted(result.event.name)} has no haircut fractions above 0 to draw; fix: "
            "give accounts, or a NAME_concentration"
        )
    axes = _new_or(ax)
    _lines(axes, result, largest)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(_SHARE)
    axes.set_title(
        "Largest haircut fraction of any account (solid: as given; zeros not drawn)",
        loc="left",
    )
    return _with_legend(axes)


FIGURES: dict[str, Callable[[Backtest, Axes | None], Axes]] = {
    "budgets": budgets,
    "cumulative_tracking": cumulative_tracking,
    "objective_against_bound": objective_against_bound,
    "concentration": concentration,
}
"""What is drawn, by file name; each raises `InputError` without data to draw."""
