"""Figure 6: cumulative executed less needed by policy.

Over- and undershoot cancel in this figure: production falls short in the first rounds and
takes too much in later ones.
"""

from pathlib import Path

from matplotlib.figure import Figure

from experiments.paper.agreement import with_column
from experiments.paper.exhibit import Exhibit, Given, run
from experiments.paper.policies import COLUMN_OF, USD, gaps, judged, lines


def make(given: Given) -> Exhibit:
    result = judged(given.event)
    by_round = gaps(result)
    table = by_round.cumsum()

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        lines(axes, table, "Cumulative executed less needed")
        axes.axhline(0, color="black", linewidth=0.8)
        axes.yaxis.set_major_formatter(USD)
        axes.legend()

    signed = "production overshoot O(0), signed sum"
    beside = [
        row
        for policy, column in COLUMN_OF.items()
        for row in with_column(
            given.folder,
            "policy_per_wave_metrics.csv",
            f"overshoot_{column}",
            by_round[policy].to_numpy(),
        )
    ]
    ours = {signed: float(table["production_queue"].iloc[-1])}
    return Exhibit(table.reset_index(), ours, draw, tuple(beside))


if __name__ == "__main__":
    raise SystemExit(run(Path(__file__).stem, make, __doc__))
