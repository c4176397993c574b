"""A severity and a venue for adl-jax."""
