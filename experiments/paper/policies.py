"""The published policies on the sixteen rounds, by round and part of the objective."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from adl_jax import Backtest, backtest
from adl_jax._types import PerRound
from adl_jax.backtesting import Entry, Role, entries
from adl_jax.evaluate.loss import empirical
from adl_jax.event import Event
from adl_jax.messages import severity_needed
from adl_jax.plot import COLOURS
from experiments.paper.exhibit import Exhibit


COLUMN_OF = {
    "production_queue": "prod",
    "integer_pro_rata": "contract_pr",
    "vector_mirror_descent": "vector",
    "min_max_ilp": "fixed_point_ilp_integer",
    "continuous_pro_rata": "pr",
}
"""What the public tables call the policies."""
PARTS = ("tracking", "fairness", "total")
"""The two parts of the objective (23), and their sum."""
_COLOUR_OF = dict(zip(COLUMN_OF, COLOURS, strict=False))
USD = EngFormatter(unit=" USD", sep="")


def judged(event: Event, *further: str) -> Backtest:
    """The policies that the paper compares, scored, and `further` ones of ours."""
    chosen: list[Entry] = [
        entry
        for entry in entries(event)
        if entry.role is Role.published or entry.name in further
    ]
    return backtest(event, chosen)


def gaps(result: Backtest) -> pd.DataFrame:
    """Executed less needed in USD, a row a round, a column a policy."""
    needed = np.asarray(result.event.rounds.needed)
    return _frame(
        result,
        {
            score.entry.name: np.asarray(score.trajectory.records.executed) - needed
            for score in result.scores
        },
    )


def concentrations(result: Backtest) -> pd.DataFrame:
    """The largest haircut fraction, a row a round, a column a policy."""
    return _frame(
        result,
        {
            score.entry.name: np.asarray(score.trajectory.records.concentration)
            for score in result.scores
        },
    )


def objective(result: Backtest, part: str, *, weight: float = 1.0) -> pd.DataFrame:
    """A part of (23) in USD, a row a round, a column a policy."""
    needed = result.event.rounds.needed
    least = result.event.recorded["min_max_ilp"].concentration
    assert least is not None
    values = {}
    for score in result.scores:
        records = score.trajectory.records
        concentration = records.concentration
        assert concentration is not None
        parts = empirical(records.executed, needed, concentration, least, weight=weight)
        values[score.entry.name] = np.asarray(getattr(parts, part))
    return _frame(result, values)


def totals(result: Backtest, *parts: str) -> dict[str, float]:
    """Sums of parts of (23) over all rounds, by the names that `published.csv` has."""
    return {
        f"{policy} {part}": float(total)
        for part in parts
        for policy, total in objective(result, part).sum().items()
    }


def envelope(needed: PerRound, deficit: PerRound) -> np.ndarray:
    """The bound (17) of the rounds so far, after each round, in USD."""
    comparator = np.asarray(severity_needed(needed, deficit))
    path = np.cumsum(np.abs(np.diff(comparator, prepend=comparator[0])))
    return np.sqrt((1 + 2 * path) * np.cumsum(np.asarray(deficit) ** 2))


def lines(axes: Axes, table: pd.DataFrame, title: str, *, dashed: str = "") -> None:
    """One line a column over the rounds; of `dashed`, a dashed one."""
    places = np.arange(len(table))
    for name in table:
        axes.plot(
            places,
            table[name].to_numpy(),
            "--" if name == dashed else "-",
            marker="o",
            markersize=3,
            linewidth=1.4,
            color=_COLOUR_OF.get(str(name), "black"),
            label=str(name),
        )
    axes.set_xticks(places, [str(label) for label in table.index])
    axes.set_xlabel("round")
    axes.set_title(title)


def cumulative_exhibit(event: Event, part: str, title: str) -> Exhibit:
    """A figure of one part of (23), summed up over the rounds."""
    result = judged(event)
    table = objective(result, part).cumsum()

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        lines(axes, table, title, dashed="continuous_pro_rata")
        axes.yaxis.set_major_formatter(USD)
        axes.legend()

    return Exhibit(table.reset_index(), totals(result, part), draw)


def _frame(result: Backtest, values: dict[str, np.ndarray]) -> pd.DataFrame:
    labels = pd.Index(result.event.labels, name="round")
    return pd.DataFrame(values, index=labels)
