"""A validated configuration of a Monte Carlo run: from TOML or by name."""

from adl_jax.config.build import Built as Built, build as build
from adl_jax.config.configuration import Configuration as Configuration
from adl_jax.config.files import (
    as_dict as as_dict,
    built_in_names as built_in_names,
    changed as changed,
    configuration_hash as configuration_hash,
    configurations as configurations,
    load as load,
    parse as parse,
    to_toml as to_toml,
)
