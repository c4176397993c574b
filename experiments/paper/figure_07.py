"""Figure 7: the cumulative tracking component by policy.

The sum of |executed - needed|. Undershoot counts in it: the benchmark policies never raise
more than what was needed, but for 0.1 million USD of the min-max ILP.
"""

from pathlib import Path

from experiments.paper.exhibit import Exhibit, Given, run
from experiments.paper.policies import cumulative_exhibit


def make(given: Given) -> Exhibit:
    return cumulative_exhibit(given.event, "tracking", "Cumulative tracking component")


if __name__ == "__main__":
    raise SystemExit(run(Path(__file__).stem, make, __doc__))
