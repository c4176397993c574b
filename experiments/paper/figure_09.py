"""Figure 9: the cumulative objective and its parts over the event.

Three panels that share their rounds. The end points are Table 2. The authors' public
plotting code measures fairness against continuous pro-rata here and lets over- and
undershoot cancel; this figure follows (23), as Table 2 does.
"""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from experiments.paper.exhibit import Exhibit, Given, run
from experiments.paper.policies import PARTS, USD, judged, lines, objective, totals


def make(given: Given) -> Exhibit:
    result = judged(given.event)
    panels = {part: objective(result, part).cumsum() for part in PARTS}

    def draw(figure: Figure) -> None:
        figure.set_size_inches(10.2, 8.4)
        every = figure.subplots(3, sharex=True)
        for axes, (part, table) in zip(every, panels.items(), strict=True):
            lines(axes, table, f"Cumulative {part}", dashed="continuous_pro_rata")
            axes.yaxis.set_major_formatter(USD)
            axes.label_outer()
        handles, labels = every[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper")

    rows = pd.concat(panels, names=["part"]).reset_index()
    return Exhibit(rows, totals(result, *PARTS), draw)


if __name__ == "__main__":
    raise SystemExit(run(Path(__file__).stem, make, __doc__))
