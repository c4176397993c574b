"""jax releases that compute wrong numbers must not pass this suite."""

from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adl_jax.doctor import known_bad, wrong_sizes


def test_installed_release_is_not_known_to_be_bad():
    assert known_bad(version("jaxlib")) == []
    assert known_bad("0.10.2")


@pytest.mark.parametrize("width", range(1, 8))
def test_products_and_reductions_equal_numpy_at_odd_sizes(width):
    assert wrong_sizes(widths=[width], powers=range(16)) == []


@pytest.mark.parametrize("power", range(16))
def test_eager_jit_and_vmap_agree_at_odd_sizes(power):
    size = 2**power + 1
    matrix = np.arange(1.0, 10.0).reshape(3, 3)
    rows = np.arange(3.0 * size).reshape(size, 3) % 64
    expected = (rows @ matrix.T).max(axis=1).sum()

    def one(row):
        return jnp.max(jnp.asarray(matrix) @ row)

    eager = sum(float(one(jnp.asarray(row))) for row in rows[:5]) if size >= 5 else None
    mapped = jax.vmap(one)(jnp.asarray(rows)).sum()
    jitted = jax.jit(lambda x: jax.vmap(one)(x).sum())(jnp.asarray(rows))
    np.testing.assert_equal(float(mapped), expected)
    np.testing.assert_equal(float(jitted), expected)
    if eager is not None:
        np.testing.assert_equal(eager, (rows[:5] @ matrix.T).max(axis=1).sum())
