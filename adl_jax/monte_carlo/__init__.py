"""Monte Carlo over scenarios."""

from adl_jax.monte_carlo.batches import (
    Batches as Batches,
    choose_batch_size as choose_batch_size,
    scenario_key as scenario_key,
)
from adl_jax.monte_carlo.compare import compare as compare
from adl_jax.monte_carlo.nested import Nested as Nested, nested as nested
from adl_jax.monte_carlo.results import Results as Results, read_results as read_results
from adl_jax.monte_carlo.reverse_stress import reverse_stress as reverse_stress
from adl_jax.monte_carlo.rows import COLUMNS as COLUMNS
from adl_jax.monte_carlo.run import Progress as Progress, monte_carlo as monte_carlo
from adl_jax.monte_carlo.smallest_shocks import SmallestShocks as SmallestShocks
from adl_jax.monte_carlo.summary import summarise as summarise, survival as survival
from adl_jax.monte_carlo.until import Until as Until, convergence as convergence
