"""The examples in the docstrings run and print what they say."""

import doctest
import importlib

import pytest


MODULES = [
    f"adl_jax.allocation.{name}"
    for name in ("queue", "order", "pro_rata", "share", "soft_queue", "grouped")
] + [
    "adl_jax.allocation.integer",
    "adl_jax.allocation.min_max",
    "adl_jax.projection.euclidean",
    "adl_jax.projection.entropic",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
