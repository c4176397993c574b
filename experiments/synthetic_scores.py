"""Every learner's score on the synthetic families, and what the headlines beat.

    python experiments/synthetic_scores.py [--episodes 200] [--seed 0] [--out DIR]

Prints, for every family, mean loss over what was needed, and the paired difference of
each headline learner to what it has to beat, with its 95 % interval: doing nothing, the
constant that is best on that very family in hindsight (so that the best one chosen in
advance loses more), and the paper's gradient descent. With `--out` writes both tables.
Exits with 1 where a headline does not beat a rival.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from families import CHOSEN, HELD_OUT, episodes
from provenance import provenance

import adl_jax
from adl_jax import Policy, ProRata, Rounds
from adl_jax.severity import (
    AbstractSeverity,
    ConstantRate,
    Fixed,
    ProjectedGradient,
    severities,
)
from adl_jax.tables import written_whole


@eqx.filter_jit
def _relative_losses(events: Rounds, severity: AbstractSeverity) -> jax.Array:
    def loss(rounds: Rounds) -> jax.Array:
        records = adl_jax.replay(rounds, Policy(severity, ProRata())).records
        missed = jnp.abs(records.executed - records.needed).sum()
        return missed / records.needed.sum()

    return jax.vmap(loss)(events)


def relative_losses(stacks: list[Rounds], severity: AbstractSeverity) -> np.ndarray:
    """Tracking over what was needed, one number an episode."""
    return np.concatenate([_relative_losses(stack, severity) for stack in stacks])


CONSTANTS: dict[str, AbstractSeverity] = {
    "zero": Fixed(0),
    **{f"share_{share:g}": Fixed(share) for share in (0.1, 0.25, 0.5, 1.0)},
    **{f"rate_{rate:.1%}": ConstantRate(rate) for rate in (0.005, 0.01, 0.02)},
}
HEADLINES = ("deficit_learner", "notional_learner")


def compared(own: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """Mean of own - other, and its 95 % interval, over paired episodes."""
    gap = own - other
    half = 1.96 * gap.std(ddof=1) / np.sqrt(len(gap))
    return float(gap.mean()), float(gap.mean() - half), float(gap.mean() + half)


def judge(name: str, stacks: list[Rounds]) -> dict[str, Any]:
    """Every policy's mean loss on a family, and what the headline learners beat."""
    losses = {key: relative_losses(stacks, one) for key, one in CONSTANTS.items()}
    losses["paper_ogd"] = relative_losses(stacks, ProjectedGradient())
    for key in severities:
        if key not in ("zero", "full", "fixed", "constant_rate", "projected_gradient"):
            losses[key] = relative_losses(stacks, severities[key]())
    best = {
        "deficit_learner": [key for key in CONSTANTS if not key.startswith("rate")],
        "notional_learner": list(CONSTANTS),
    }
    rows = {}
    for headline in HEADLINES:
        constant = min(best[headline], key=lambda key: losses[key].mean())
        rivals = {"zero": "zero", "constant": constant, "paper_ogd": "paper_ogd"}
        rows[headline] = {
            label: {"rival": key, "gap": compared(losses[headline], losses[key])}
            for label, key in rivals.items()
        }
    return {
        "family": name,
        "episodes": len(losses["zero"]),
        "mean_loss": {key: float(value.mean()) for key, value in losses.items()},
        "headlines": rows,
    }


def comparisons(results: list[dict[str, Any]]) -> pd.DataFrame:
    """One row for each family, headline and rival."""
    return pd.DataFrame(
        {
            "group": result["group"],
            "family": result["family"],
            "episodes": result["episodes"],
            "headline": headline,
            "beats": label,
            "rival": row["rival"],
            "mean_loss": result["mean_loss"][headline],
            "rival_mean_loss": result["mean_loss"][row["rival"]],
            "paired_difference": row["gap"][0],
            "low_95": row["gap"][1],
            "high_95": row["gap"][2],
            "won": row["gap"][2] < 0,
        }
        for result in results
        for headline, rivals in result["headlines"].items()
        for label, row in rivals.items()
    )


def write(results: list[dict[str, Any]], made_with: dict[str, Any], options) -> None:
    """The comparisons as CSV; every policy's mean loss, and what made it, as JSON."""
    options.out.mkdir(parents=True, exist_ok=True)
    with written_whole(options.out / "synthetic_scores.csv") as path:
        comparisons(results).to_csv(path, index=False, float_format="%.6g")
    record = {
        "seed": options.seed,
        **made_with,
        "mean_loss_over_needed": {
            result["family"]: result["mean_loss"] for result in results
        },
    }
    with written_whole(options.out / "synthetic_scores.json") as path:
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for both tables")
    options = parser.parse_args(arguments)
    jax.config.update("jax_enable_x64", True)
    made_with, results = provenance(), []
    for group, laws in (("chosen on", CHOSEN), ("held out", HELD_OUT)):
        for name, law in laws.items():
            result = judge(name, episodes(law, options.episodes, options.seed))
            results.append({"group": group, **result})
            print(f"\n{name} ({group}, {result['episodes']} episodes)")
            ordered = sorted(result["mean_loss"].items(), key=lambda item: item[1])
            print("  " + ", ".join(f"{key} {loss:.3f}" for key, loss in ordered))
            for headline, rivals in result["headlines"].items():
                for label, row in rivals.items():
                    mean, low, high = row["gap"]
                    verdict = "beats" if high < 0 else "DOES NOT BEAT"
                    print(
                        f"  {headline} {verdict} {label} ({row['rival']}): "
                        f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]"
                    )
    won = comparisons(results)["won"]
    print(f"\n{won.sum()} of {len(won)} paired comparisons won")
    if options.out is not None:
        write(results, made_with, options)
    return 0 if won.all() else 1


if __name__ == "__main__":
    sys.exit(main())
