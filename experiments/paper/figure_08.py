"""Figure 8: the cumulative objective by policy.

Tracking and fairness together, (23) with a fairness weight of 1.
"""

from pathlib import Path

from experiments.paper.exhibit import Exhibit, Given, run
from experiments.paper.policies import cumulative_exhibit


def make(given: Given) -> Exhibit:
    return cumulative_exhibit(given.event, "total", "Cumulative objective (23)")


if __name__ == "__main__":
    raise SystemExit(run(Path(__file__).stem, make, __doc__))
