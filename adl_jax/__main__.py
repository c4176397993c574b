"""`python -m adl_jax` is `adl-jax`."""

from adl_jax.cli import main


main()
