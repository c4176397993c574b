"""Who pays, round after round: the haircuts behind Figures 12 and 13.

Neither figure can be regenerated: the accounts that won in each round and what production
took from each of them are not in the public tables that we hold. In their place stand the
deleveraged accounts with their closed profits, scaled to each round's real capacity. The
same accounts win every round, so that haircuts are more stable here than they were. The
queue raises what production raised in each round, the others what was needed, as published.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import adl_jax
from adl_jax._types import PerRound
from adl_jax.allocator import AbstractAllocation, EqualShare, ProRata, Queue
from adl_jax.event import Event, with_deleveraged_accounts
from adl_jax.plot import COLOURS
from adl_jax.policy import Hindsight, Policy
from adl_jax.result import InputError
from adl_jax.severity import Fixed
from experiments.paper.agreement import published
from experiments.paper.exhibit import Exhibit, Given


# The published vector mirror descent is one projection of no haircuts at all onto the
# budget, which takes the same from everybody who has it.
PRODUCTION = "production_queue"
ALLOCATIONS: dict[str, AbstractAllocation] = {
    PRODUCTION: Queue(),
    "vector_mirror_descent": EqualShare(),
    "pro_rata": ProRata(),
}
ACCOUNTS = "accounts_deleveraged.csv"


def with_winners(given: Given) -> Event:
    """The event with accounts: from a table of fills, or semi-synthetic.

    **Raises:** `InputError` without either.
    """
    if given.fills is not None:
        return adl_jax.read_events(given.fills, adl_jax.october10())
    if given.folder is None:
        raise InputError(
            "who won in each round is not embedded; fix: give --data, the folder of the "
            "public tables, or --fills, a table of ADL fills"
        )
    return with_deleveraged_accounts(given.event, given.folder / ACCOUNTS)


def measured(event: Event, measure: Callable[..., PerRound]) -> pd.DataFrame:
    """A diagnostic of haircuts and capacities, a row a round, a column a policy.

    **Raises:** `InputError` where the event does not know what production raised.
    """
    if PRODUCTION not in event.recorded:
        raise InputError(
            f"{event.name}: what production raised is not known; fix: leave out the "
            "columns from which deficits are computed"
        )
    raised = event.recorded[PRODUCTION].executed
    found = {}
    for name, allocation in ALLOCATIONS.items():
        rounds = event.rounds
        if name == PRODUCTION:
            rounds = eqx.tree_at(lambda one: one.needed, rounds, raised)
        policy = Hindsight(Policy(Fixed(0), allocation))
        records = adl_jax.replay(rounds, policy).records
        found[name] = np.asarray(jax.jit(measure)(records.haircut, rounds.capacity))
    return pd.DataFrame(found)


def exhibit(
    given: Given, name: str, measure: Callable[..., PerRound], quantity: str, unit: str
) -> Exhibit:
    """Means over rounds, as bars, beside what the paper prints."""
    event = with_winners(given)
    values = measured(event, measure) * (100 if unit else 1)
    labels = event.labels[len(event.labels) - len(values) :]
    values.index = pd.Index(labels, name="round")
    means = values.mean()
    printed = published(name).set_index("quantity")["printed"].astype(float)
    theirs = printed[[f"{policy} {quantity}" for policy in means.index]].to_numpy()
    # The same way as in the paper, or level, from one policy to the next.
    steps = np.diff(means) * np.diff(theirs)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.bar(means.index, means, color=COLOURS, width=0.5)
        by_round = axes.plot(values.to_numpy().T, "k.", alpha=0.4, markersize=4)
        (paper,) = axes.plot(theirs, "kD", fillstyle="none", markersize=9)
        for place, mean in enumerate(means):
            axes.annotate(f"{mean:.3g}", (place + 0.27, mean))
        axes.set_ylabel(f"{quantity}, {unit}" if unit else quantity)
        accounts = "accounts of the fills" if given.fills else "semi-synthetic accounts"
        axes.set_title(f"Bars: means over rounds, {accounts}")
        figure.legend(
            [by_round[0], paper], ["one round", "published"], loc="outside right upper"
        )

    ours = {f"{policy} {quantity}": float(mean) for policy, mean in means.items()}
    in_order = (steps >= 0).all() and steps[0] > 0
    ours[f"{quantity}: order of the policies"] = float(in_order)
    return Exhibit(values.reset_index(), ours, draw)
