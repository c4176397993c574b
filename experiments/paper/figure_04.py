"""Figure 4: the cumulative fairness component by policy.

How much larger the largest haircut fraction is than the min-max ILP's, times what was
needed. The published fractions are of equity, and the min-max ILP is the reference, so
that it pays nothing.
"""

from pathlib import Path

from experiments.paper.exhibit import Exhibit, Given, run
from experiments.paper.policies import cumulative_exhibit


def make(given: Given) -> Exhibit:
    return cumulative_exhibit(given.event, "fairness", "Cumulative fairness component")


if __name__ == "__main__":
    raise SystemExit(run(Path(__file__).stem, make, __doc__))
