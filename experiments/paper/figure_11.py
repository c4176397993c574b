"""Figure 11: the envelope (17) so far, and production's cumulative objective.

Dashed, and not in the paper: the envelope with each standing loss counted once. With the
published deficits one account's loss of 10.9 million USD counts in nine rounds; counted
once, production's objective is twice the envelope.
"""

from pathlib import Path

import jax.numpy as jnp
import pandas as pd
from matplotlib.figure import Figure

from adl_jax.evaluate.bounds import counted_once
from experiments.paper.exhibit import Exhibit, Given, run
from experiments.paper.policies import USD, envelope, judged, lines, objective


def make(given: Given) -> Exhibit:
    result = judged(given.event)
    rounds = given.event.rounds
    production = objective(result, "total")["production_queue"].cumsum()
    largest = given.event.largest_loss
    assert largest is not None
    once = counted_once(rounds.deficit, jnp.asarray(largest))
    table = pd.DataFrame(
        {
            "production_queue": production,
            "envelope": envelope(rounds.needed, rounds.deficit),
            "envelope_counted_once": envelope(rounds.needed, once),
        }
    )

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        lines(axes, table, "The envelope so far", dashed="envelope_counted_once")
        axes.yaxis.set_major_formatter(USD)
        axes.legend()

    ours = {
        "production_queue total": float(production.iloc[-1]),
        "path variation": result.path_variation,
        "envelope of all rounds": float(table["envelope"].iloc[-1]) / 1e6,
    }
    return Exhibit(table.reset_index(), ours, draw)


if __name__ == "__main__":
    raise SystemExit(run(Path(__file__).stem, make, __doc__))
