"""Paradex's withdrawal factor: the two denominators, and what each pays out."""

import jax.numpy as jnp
import numpy as np
import pytest

from adl_jax import Book
from adl_jax.allocation import pro_rata
from adl_jax.venue import socialized_loss_factor


def test_the_example_and_its_two_denominators():
    """4 x 1,000; Alice long 50 from 100 to 40 owes 2,000, and the fund pays 1,000."""
    alice = Book([0], [0], [50.0], [100.0], [1000.0]).equity(jnp.array([40.0]))[0]
    assert float(alice) == -2000
    formula = socialized_loss_factor(2000.0, 1000.0, 4000.0)
    example = socialized_loss_factor(2000.0, 1000.0, 4000.0, denominator="total")
    np.testing.assert_allclose([formula, example], [0.20, 0.25])
    # Both are read as one where the total leaves the fund out.
    np.testing.assert_allclose(socialized_loss_factor(2000.0, 1000.0, 3000.0), 0.25)


def test_the_formula_pays_out_the_total_and_is_pro_rata_on_equity():
    """Bob is short 50 against Alice, Carol has no position."""
    equity = jnp.array([4000.0, 1000.0])
    kept = 1 - socialized_loss_factor(2000.0, 1000.0, 4000.0)
    np.testing.assert_allclose((equity * kept).sum(), 4000)
    np.testing.assert_allclose(equity * (1 - kept), pro_rata(equity, 1000.0))
    too_much = 1 - socialized_loss_factor(2000.0, 1000.0, 4000.0, denominator="total")
    np.testing.assert_allclose((equity * too_much).sum(), 3750)


@pytest.mark.parametrize(
    ("bankruptcy", "fund", "total", "want"),
    [
        (500.0, 500.0, 100.0, 0),
        (0.0, 0.0, 0.0, 0),
        (5.0, 0.0, 0.0, 1),
        (1.0, 0.0, 0.5, 2 / 3),
    ],
)
def test_edges(bankruptcy, fund, total, want):
    got = socialized_loss_factor(bankruptcy, fund, total)
    np.testing.assert_allclose(got, want)


def test_no_more_than_everything_is_kept():
    assert float(socialized_loss_factor(9.0, 0.0, 2.0, denominator="total")) == 1
