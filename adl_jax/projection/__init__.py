"""Projections onto {0 <= x <= upper, weight.x = total}."""

from adl_jax.projection.entropic import entropic as entropic
from adl_jax.projection.euclidean import euclidean as euclidean
