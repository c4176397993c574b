"""Figure 12: how often haircuts turn round the order of neighbours in profit.

Winners are sorted by profit; two neighbours are turned round where the one with more ends
with less. The paper's numbers need the accounts that won in each round, which are not in
the public tables we hold: semi-synthetic accounts stand in their place, and only the order
of the policies can be compared. The queue raises what production raised, the others what
was needed. With `--fills FILE`, a table of ADL fills such as HyperReplay's
`adl_detailed_analysis_REALTIME.csv`, the winners are the real ones.
"""

from pathlib import Path

import jax

from adl_jax.evaluate.diagnostics import adjacent_inversions
from experiments.paper.exhibit import Exhibit, Given, run
from experiments.paper.stability import exhibit


def make(given: Given) -> Exhibit:
    measure = jax.vmap(adjacent_inversions)
    return exhibit(given, Path(__file__).stem, measure, "adjacent inversions", "%")


if __name__ == "__main__":
    raise SystemExit(run(Path(__file__).stem, make, __doc__))
