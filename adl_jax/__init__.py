"""Autodeleveraging as online learning: replay, simulate, learn, in JAX."""

from adl_jax import (
    allocation as allocation,
    learned as learned,
    scenario as scenario,
    severity as severity,
    vector as vector,
    venue as venue,
)
from adl_jax._types import as_float as as_float, check_range as check_range
from adl_jax.allocator import (
    AbstractAllocation as AbstractAllocation,
    ProRata as ProRata,
    Queue as Queue,
)
from adl_jax.backtesting import Backtest as Backtest, backtest as backtest
from adl_jax.book import Book as Book
from adl_jax.evaluate.bounds import severity_bound as severity_bound
from adl_jax.event import (
    Event as Event,
    october10 as october10,
    october10_tables as october10_tables,
    read_events as read_events,
    read_rounds as read_rounds,
)
from adl_jax.io import (
    Snapshot as Snapshot,
    book_from_tables as book_from_tables,
    read_book as read_book,
)
from adl_jax.live import decide_now as decide_now
from adl_jax.loop import replay as replay, simulate as simulate
from adl_jax.market import Market as Market, Shocks as Shocks
from adl_jax.messages import (
    Commitment as Commitment,
    Information as Information,
    Observation as Observation,
    Outcome as Outcome,
    Record as Record,
    Trajectory as Trajectory,
)
from adl_jax.monte_carlo import (
    Results as Results,
    SmallestShocks as SmallestShocks,
    compare as compare,
    monte_carlo as monte_carlo,
    read_results as read_results,
    reverse_stress as reverse_stress,
    summarise as summarise,
)
from adl_jax.policy import (
    AbstractPolicy as AbstractPolicy,
    Hindsight as Hindsight,
    Policy as Policy,
    Recorded as Recorded,
)
from adl_jax.result import RESULTS as RESULTS, InputError as InputError
from adl_jax.rounds import Rounds as Rounds
from adl_jax.severity import AbstractSeverity as AbstractSeverity
from adl_jax.venue import Venue as Venue


__version__ = "0.1.0"
