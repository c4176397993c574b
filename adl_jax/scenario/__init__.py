"""Samplers of books and of crashes."""

from adl_jax.scenario.base import (
    AbstractBooks as AbstractBooks,
    AbstractReturns as AbstractReturns,
    AbstractShocks as AbstractShocks,
)
from adl_jax.scenario.books import SyntheticBook as SyntheticBook
from adl_jax.scenario.calibration import Fact as Fact, facts as facts
from adl_jax.scenario.given import Bootstrap as Bootstrap, Given as Given
from adl_jax.scenario.hawkes import Hawkes as Hawkes
from adl_jax.scenario.losers import Losers as Losers
from adl_jax.scenario.named import scenarios as scenarios
from adl_jax.scenario.october10 import october10_returns as october10_returns
from adl_jax.scenario.returns import (
    FactorReturns as FactorReturns,
    PathReturns as PathReturns,
)
from adl_jax.scenario.scenario import Scenario as Scenario
from adl_jax.scenario.shocks import (
    Crash as Crash,
    GivenShocks as GivenShocks,
    Liquidity as Liquidity,
)
from adl_jax.scenario.splice import Splice as Splice, fitted as fitted
from adl_jax.scenario.tilted import Tilted as Tilted
from adl_jax.scenario.winners import Winners as Winners
