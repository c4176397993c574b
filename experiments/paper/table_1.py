"""Table 1: headline values.

The total of liquidations is the sum of what ADL closed, by market, in the public tables;
everything else follows from the embedded rounds. Two things to know: the printed overshoot
is the signed sum of executed less needed, not its positive part as section 3.7 defines it,
which is 49.4 million USD; and the sum of deficits holds one account's loss nine times.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from experiments.paper.exhibit import Exhibit, Given, run
from experiments.paper.policies import judged


def make(given: Given) -> Exhibit:
    result = judged(given.event)
    production = result["production_queue"]
    executed = np.asarray(production.trajectory.records.executed)
    signed = [row["tracking_signed_usd"] for row in result.horizons]
    ours = {
        "rounds": float(given.event.rounds.num_rounds),
        "sum of deficits": result.deficit_total_usd / 1e6,
        "sum of needed budgets": result.needed_total_usd / 1e6,
        "sum of production haircuts": float(executed.sum()) / 1e6,
        "production overshoot O(0), signed sum": production.tracking_signed_usd,
        "production overshoot O(0), positive part": production.overshoot_usd,
        "overshoot over horizons, lowest signed sum": min(signed) / 1e6,
        "overshoot over horizons, highest signed sum": max(signed) / 1e6,
    }
    if given.folder is not None:
        by_market = pd.read_csv(given.folder / "adl_by_coin_REALTIME.csv")
        ours["total liquidations"] = float(by_market["adl_notional"].sum())
    return Exhibit(
        pd.DataFrame({"quantity": ours.keys(), "value": ours.values()}), ours
    )


if __name__ == "__main__":
    raise SystemExit(run(Path(__file__).stem, make, __doc__))
