"""Figure 13: how stable haircut fractions are from one round to the next.

Spearman's correlation of the winners' haircut fractions in adjacent rounds. As in Figure
12 semi-synthetic accounts stand in the place of the real winners, and only the order of
the policies can be compared; pro-rata is 1 here by construction, since it takes the same
fraction from everybody.
"""

from pathlib import Path

from adl_jax.evaluate.diagnostics import rank_correlation
from experiments.paper.exhibit import Exhibit, Given, run
from experiments.paper.stability import exhibit


def make(given: Given) -> Exhibit:
    return exhibit(given, Path(__file__).stem, rank_correlation, "rank stability", "")


if __name__ == "__main__":
    raise SystemExit(run(Path(__file__).stem, make, __doc__))
