"""A GPU gives the rows that the processor gives, and the same ones every time."""

import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest

import adl_jax
from adl_jax.config import build, changed, load


pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        jax.default_backend() != "gpu",
        reason="needs a GPU: the default backend here is the CPU",
    ),
]
SCENARIOS = 256
SCRIPT = """
import json, sys
import jax
import adl_jax
from adl_jax.config import build, load
scenario, policies = build(load("default"))
results = adl_jax.monte_carlo(jax.random.key(0), scenario, policies, int(sys.argv[1]))
columns = {name: results.column(name) for name in sys.argv[2].split(",")}
print(json.dumps({name: {policy: values.tolist() for policy, values in column.items()}
                  for name, column in columns.items()}))
"""
COLUMNS = ("fall", "open_interest_start", "needed", "executed", "unpaid", "liquidated")


def rows():
    scenario, policies = build(changed(load("default"), dtype="float32"))
    return adl_jax.monte_carlo(jax.random.key(0), scenario, policies, SCENARIOS)


def test_rows_repeat_to_the_bit():
    one, other = rows(), rows()
    assert one.to_arrow().equals(other.to_arrow())


def test_rows_are_those_of_the_processor():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(SCENARIOS), ",".join(COLUMNS)],
        env=os.environ | {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    processor = json.loads(done.stdout.splitlines()[-1])
    results = rows()
    for name in COLUMNS:
        for policy, values in results.column(name).items():
            expected = np.array(processor[name][policy])
            # A debt of a few bits makes a round in one precision that the other skips.
            close = np.isclose(values, expected, rtol=2e-3, atol=1e-4 * expected.max())
            assert close.mean() >= 0.98, (name, policy)
            assert np.isclose(values.mean(), expected.mean(), rtol=1e-3)
