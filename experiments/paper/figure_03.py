"""Figure 3: production's overshoot, valued up to five seconds after the close.

Solid: the signed sum of executed less needed, as the paper draws it. Dashed: its positive
part, which is what section 3.7 calls overshoot.
"""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from experiments.paper.agreement import with_column
from experiments.paper.exhibit import Exhibit, Given, run
from experiments.paper.policies import USD, judged


def make(given: Given) -> Exhibit:
    result = judged(given.event)
    rows = pd.DataFrame(result.horizons)
    signed, positive = rows["tracking_signed_usd"], rows["overshoot_usd"]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        seconds = rows["horizon_ms"] / 1000
        axes.plot(
            seconds, signed, "o-", color="#D55E00", label="signed sum, as printed"
        )
        axes.plot(seconds, positive, "o--", color="#0072B2", label="positive part")
        axes.set_xlabel("seconds after the close")
        axes.yaxis.set_major_formatter(USD)
        axes.set_title("Production less needed, all rounds")
        axes.legend()

    ours = {
        "production overshoot O(0), signed sum": float(signed[0]),
        "production overshoot O(0), positive part": float(positive[0]),
        "overshoot over horizons, lowest signed sum": signed.min() / 1e6,
        "overshoot over horizons, highest signed sum": signed.max() / 1e6,
    }
    beside = with_column(
        given.folder,
        "eval_horizon_sweep.csv",
        "total_overshoot_prod_minus_needed_usd",
        signed.to_numpy(),
    )
    return Exhibit(rows, ours, draw, tuple(beside))


if __name__ == "__main__":
    raise SystemExit(run(Path(__file__).stem, make, __doc__))
