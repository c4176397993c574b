"""Past events: embedded, from public tables, or from files of one's own."""

from adl_jax.event.base import Event as Event
from adl_jax.event.event_table import read_events as read_events
from adl_jax.event.october10 import october10 as october10
from adl_jax.event.public_tables import october10_tables as october10_tables
from adl_jax.event.rounds_csv import read_rounds as read_rounds
from adl_jax.event.semi_synthetic import (
    with_deleveraged_accounts as with_deleveraged_accounts,
)
