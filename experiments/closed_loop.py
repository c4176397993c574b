"""Does who pays change what happens next? Policies on venues that react, and that do not.

    python experiments/closed_loop.py [--scenarios 256] [--out DIR]

Every policy meets the same books and the same paths (common random numbers). In the
closed loop it changes what follows: winners leave, equity moves, debts are carried. On
the frozen path the rounds are those of the venue that did nothing, and do not react: the
paper's section 5. Differences to pro rata are paired, with bootstrap intervals.
"""

import json
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from matplotlib.ticker import EngFormatter
from rich.console import Console
from rich.table import Table
from scenario_runs import head, keys_of, options
from scipy import stats

import adl_jax
from adl_jax import AbstractPolicy, Policy, Rounds
from adl_jax.messages import Information, Trajectory
from adl_jax.scenario import scenarios
from adl_jax.severity import Fixed, entropic_severity
from adl_jax.vector import Entropic, FractionDescent, FractionLearner, MinMaxLots


NOTHING, REFERENCE = "zero", "pro_rata"


def policies() -> dict[str, AbstractPolicy]:
    """All of the deficit, from whom the name says; and two that learn how much."""
    return {
        NOTHING: Policy(Fixed(0), adl_jax.ProRata()),
        "queue": Policy(Fixed(1), adl_jax.Queue()),
        REFERENCE: Policy(Fixed(1), adl_jax.ProRata()),
        "min_max_lots": Policy(Fixed(1), MinMaxLots()),
        "queue_learned_severity": Policy(entropic_severity(), adl_jax.Queue()),
        "mirror_descent": FractionDescent(
            entropic_severity(), FractionLearner(Entropic())
        ),
    }


class Seen(NamedTuple):
    """The rounds as a policy saw them, for replaying."""

    inner: Any
    capacity: jax.Array
    score: jax.Array


class Watched(AbstractPolicy[Seen]):
    """A policy that also writes down capacities and scores where there is a deficit."""

    policy: AbstractPolicy
    num_rounds: int = eqx.field(static=True)

    @property
    def information(self) -> Information:
        return self.policy.information

    def init(self, observation):
        empty = jnp.zeros((self.num_rounds, *observation.capacity.shape))
        empty = empty.astype(observation.capacity.dtype)
        return Seen(self.policy.init(observation), empty, empty)

    def commit(self, state, observation):
        return self.policy.commit(state.inner, observation)

    def allocate(self, state, observation, budget, *, key):
        return self.policy.allocate(state.inner, observation, budget, key=key)

    def learn(self, state, observation, record):
        t = observation.round
        return Seen(
            self.policy.learn(state.inner, observation, record),
            state.capacity.at[t].set(observation.capacity),
            state.score.at[t].set(observation.score),
        )


def slopes(haircut, impact):
    """Effective slope of Proposition 11 in each round, in USD per USD squared.

    The mean of the payers' slopes, weighted by squared haircuts; NaN where nobody pays.
    """
    squares = haircut**2
    return (squares * impact[None]).sum(axis=1) / squares.sum(axis=1)


def measured(trajectory: Trajectory, impact) -> dict[str, jax.Array]:
    records = trajectory.records
    return {
        "deficit": records.deficit.sum(),
        "needed": records.needed.sum(),
        "executed": records.executed.sum(),
        "undershoot": records.undershoot.sum(),
        "overshoot": records.overshoot.sum(),
        "concentration": records.concentration.max(),
        "slope": slopes(records.haircut, impact),
        "payers": (records.haircut > 0).any(axis=0).sum(),
    }


@eqx.filter_jit
def closed(scenario, policy, keys):
    """Every scenario in the closed loop: metrics, and the rounds as they came."""

    def one(key):
        book, market, shocks = scenario.sample(key)
        watched = Watched(policy, scenario.num_rounds)
        run = adl_jax.simulate(key, book, market, scenario.venue, watched, shocks)
        impact = (market.impact / market.mark**2)[book.market]
        records, venue = run.records, run.records.venue
        after = {
            "unpaid": venue.unpaid[-1],
            "churn": venue.left.sum(),
            "liquidated": venue.liquidated.sum(),
            "next_round_shortfall": next_shortfall(records),
        }
        rounds = (records.deficit, records.needed, run.state.capacity, run.state.score)
        return measured(run, impact) | after, rounds

    return jax.lax.map(one, keys)


def next_shortfall(records):
    """What insolvent accounts owe in rounds that follow one with haircuts, summed."""
    acted = records.deficit[:-1] > 0
    return jnp.where(acted, records.venue.owed[1:], 0).sum()


@eqx.filter_jit
def frozen(scenario, policy, keys, rounds):
    """The same policy on the given rounds."""

    def one(given):
        key, (deficit, needed, capacity, score) = given
        book, market, _ = scenario.sample(key)
        impact = (market.impact / market.mark**2)[book.market]
        times = jnp.arange(scenario.num_rounds) * 1000
        past = Rounds(
            *(deficit, needed, capacity.sum(axis=1), times, times),
            capacity=capacity,
            score=score,
        )
        return measured(adl_jax.replay(past, policy), impact)

    return jax.lax.map(one, (keys, rounds))


def variation(slope: np.ndarray) -> np.ndarray:
    """Total variation over the rounds in which somebody pays, by scenario."""
    paid = [row[np.isfinite(row)] for row in slope]
    return np.array([np.abs(np.diff(row)).sum() for row in paid])


def tidy(values: dict[str, jax.Array]) -> pd.DataFrame:
    plain = {name: np.asarray(value, np.float64) for name, value in values.items()}
    plain["slope_variation"] = variation(plain.pop("slope"))
    return pd.DataFrame(plain)


def interval(difference: np.ndarray) -> tuple[float, float]:
    """95 % bootstrap interval of a mean; a point where nothing varies."""
    if np.ptp(difference) == 0:
        return float(difference[0]), float(difference[0])
    result = stats.bootstrap(
        (difference,), np.mean, n_resamples=2000, method="percentile", rng=0
    )
    return tuple(map(float, result.confidence_interval))


def summary(world: str, frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Means, and paired differences to pro rata with intervals. One row a figure."""
    rows = []
    for name, frame in frames.items():
        for metric in frame:
            difference = (frame[metric] - frames[REFERENCE][metric]).to_numpy()
            low, high = interval(difference)
            rows.append(
                {
                    "world": world,
                    "policy": name,
                    "metric": metric,
                    "mean": frame[metric].mean(),
                    "difference": difference.mean(),
                    "low": low,
                    "high": high,
                }
            )
    return pd.DataFrame(rows)


def severity_quantiles(rounds) -> dict[str, float]:
    """How the needed severity spreads over rounds that need money; the real one beside.

    Rounds that only carry an earlier debt need nothing new.
    """
    deficit, needed = (np.asarray(x, np.float64).ravel() for x in rounds[:2])
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    real = adl_jax.october10().rounds
    some = (deficit > 0) & (needed > 0)
    ours = np.minimum(needed[some] / deficit[some], 1)
    theirs = np.minimum(np.asarray(real.needed) / np.asarray(real.deficit), 1)
    return {
        f"{who} {level:.0%}": float(value)
        for who, sample in {"simulated": ours, "October 10": theirs}.items()
        for level, value in zip(levels, np.quantile(sample, levels), strict=True)
    }


def show(table: pd.DataFrame) -> None:
    """One row for each figure and policy."""
    shown = Table(
        title=f"mean, and paired difference to {REFERENCE} with 95 % interval"
    )
    for column in ("figure", "policy"):
        shown.add_column(column)
    for world in table["world"].unique():
        shown.add_column(world, justify="right")
        shown.add_column("difference", justify="right")
    for metric, rows in table.groupby("metric", sort=False):
        for name, part in rows.groupby("policy", sort=False):
            cells = [metric if name == NOTHING else "", name]
            for world in table["world"].unique():
                at = part[part["world"] == world]
                if at.empty:
                    cells += ["", ""]
                    continue
                row = at.iloc[0]
                cells.append(EngFormatter(places=2)(row["mean"]))
                plain = EngFormatter(places=1)
                cells.append(
                    f"{plain(row['difference'])} "
                    f"[{plain(row['low'])}, {plain(row['high'])}]"
                )
            shown.add_row(*map(str, cells))
        shown.add_section()
    Console(width=120).print(shown)


def main() -> None:
    chosen = options(__doc__)
    scenario = scenarios[chosen.scenario]()
    # Whole lots of some 10 USD of notional, so that rounding to them can matter.
    lot = 10 / scenario.market.mark
    scenario = eqx.tree_at(
        lambda s: s.market.lot, scenario, lot, is_leaf=lambda x: x is None
    )
    keys = keys_of(chosen)
    runs = {name: closed(scenario, policy, keys) for name, policy in policies().items()}
    rounds = runs[NOTHING][1]
    loop = {name: tidy(values) for name, (values, _) in runs.items()}
    still = {
        name: tidy(frozen(scenario, policy, keys, rounds))
        for name, policy in policies().items()
    }
    table = pd.concat([summary("closed loop", loop), summary("frozen path", still)])
    show(table)
    quantiles = severity_quantiles(rounds)
    print(
        "severity needed over rounds with a deficit:", json.dumps(quantiles, indent=1)
    )
    table.to_csv(chosen.out / "closed_loop.csv", index=False)
    record = {**head(chosen), "severity_needed": quantiles}
    (chosen.out / "closed_loop.json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
