"""Figure 10: the cumulative objective as a share of the envelope (17) so far.

The envelope is Proposition 1 for the rounds so far. Dashed, and not in the paper: raising
nothing at all, which ends at 13.8 %. The envelope is loose, and a small share of it is no
proof of skill.
"""

from pathlib import Path

from matplotlib.figure import Figure

from experiments.paper.exhibit import Exhibit, Given, run
from experiments.paper.policies import envelope, judged, lines, objective


def make(given: Given) -> Exhibit:
    result = judged(given.event, "zero")
    so_far = objective(result, "total").cumsum()
    rounds = given.event.rounds
    shares = 100 * so_far.div(envelope(rounds.needed, rounds.deficit), axis=0)
    last = shares.iloc[-1]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        lines(
            axes, shares, "Cumulative objective over the envelope so far", dashed="zero"
        )
        axes.set_ylabel("%")
        axes.legend()

    compared = ("production_queue", "integer_pro_rata", "vector_mirror_descent")
    ours = {f"{name} share of the envelope": float(last[name]) for name in compared}
    ours |= {
        "path variation": result.path_variation,
        "envelope of all rounds": result.bound_usd / 1e6,
        "avoidable share of the envelope": float(
            last["production_queue"] - last["integer_pro_rata"]
        ),
    }
    return Exhibit(shares.reset_index(), ours, draw)


if __name__ == "__main__":
    raise SystemExit(run(Path(__file__).stem, make, __doc__))
