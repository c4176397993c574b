"""A past event: its rounds, and what was done in them."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd

from adl_jax.brief import named
from adl_jax.inert import quoted
from adl_jax.policy import Recorded
from adl_jax.rounds import Rounds


@dataclasses.dataclass(frozen=True)
class Event:
    """A past event, ready to be replayed and compared with what was done in it.

    **Fields:**

    - `name`: for headings.
    - `rounds`: what happened.
    - `labels`: the rounds' own numbers; gaps are rounds without a deficit.
    - `recorded`: what was done, by policy name; `min_max_ilp` is the fairness
        reference.
    - `largest_loss`: shape `(rounds,)`, USD, each round's largest single loss, to count
        a loss that stands over several rounds once; `None` where not known.
    - `accounts`: the accounts' names, in the order of `rounds.capacity`.
    - `positions`: each winner's positions at its first fill in a round: `round`,
        `user`, `coin`, `position_size` in contracts, `entry_price` and `adl_price` in
        USD.
    - `horizons`: what `production_queue` executed when valued so many milliseconds
        after the close, each shape `(rounds,)`, USD.
    - `sources`: where the figures come from, one line each.
    - `notes`: what a reader must know, one line each.
    """

    name: str
    rounds: Rounds
    labels: tuple[int, ...]
    recorded: Mapping[str, Recorded] = dataclasses.field(default_factory=dict)
    largest_loss: np.ndarray | None = None
    accounts: tuple[str, ...] = ()
    positions: pd.DataFrame | None = None
    horizons: Mapping[int, np.ndarray] = dataclasses.field(default_factory=dict)
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Its name, its rounds, and whose decisions it knows."""
        recorded = named(self.recorded) or "nobody"
        return f"Event({quoted(self.name)}, {self.rounds!r}, recorded: {recorded})"
