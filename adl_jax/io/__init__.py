"""A user's own book: from tables, checked, and to tables again."""

from adl_jax.io.anonymise import anonymised as anonymised
from adl_jax.io.problems import BookError as BookError, Problem as Problem
from adl_jax.io.read import book_from_tables as book_from_tables, read_book as read_book
from adl_jax.io.schema import TABLES as TABLES
from adl_jax.io.snapshot import Snapshot as Snapshot
from adl_jax.io.summary import Summary as Summary, summarise_book as summarise_book
from adl_jax.io.template import example as example, write_template as write_template
from adl_jax.io.write import to_tables as to_tables, write_book as write_book
