import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import spearmanr

from adl_jax.allocation import pro_rata, queue
from adl_jax.evaluate import diagnostics


def heavy(accounts=50, seed=0, idle=0.2):
    draw = np.random.default_rng(seed)
    capacity = draw.pareto(0.8, accounts) * 100
    capacity[draw.random(accounts) < idle] = 0
    haircut = capacity * draw.random(accounts)
    return jnp.asarray(haircut), jnp.asarray(capacity)


def test_tracking_sums_by_hand():
    sums = diagnostics.tracking_sums(jnp.asarray([5.0, 1.0]), jnp.asarray([2.0, 4.5]))
    assert [float(x) for x in sums] == [-0.5, 3.0, 3.5, 6.5]


@pytest.mark.parametrize("seed", range(5))
def test_everything_equals_an_obvious_numpy_version(seed):
    haircut, capacity = heavy(seed=seed)
    x, u = np.asarray(haircut), np.asarray(capacity)
    won = u > 0
    x, u = x[won], u[won]
    n = len(u)
    fraction = x / u
    assert diagnostics.concentration(haircut, capacity) == fraction.max()
    order = sorted(range(n), key=lambda i: -u[i])
    inverted = sum(
        u[i] > u[j] and u[i] - x[i] < u[j] - x[j] for i, j in itertools.pairwise(order)
    )
    np.testing.assert_allclose(
        diagnostics.adjacent_inversions(haircut, capacity), inverted / (n - 1)
    )
    gini = np.abs(x[:, None] - x[None]).sum() / (2 * n * x.sum())
    np.testing.assert_allclose(diagnostics.gini(haircut, capacity), gini, rtol=1e-12)
    tenth = sorted(fraction, reverse=True)[: int(np.ceil(0.1 * n))]
    np.testing.assert_allclose(
        diagnostics.worst_decile(haircut, capacity), np.mean(tenth)
    )
    top = sorted(x, reverse=True)[: int(np.ceil(0.05 * n))]
    np.testing.assert_allclose(
        diagnostics.share_paid_by_top(haircut, capacity, 0.05), sum(top) / x.sum()
    )
    assert float(diagnostics.accounts_touched(haircut)) == (x > 0).sum()


def test_rank_correlation_is_spearmans():
    pairs = [heavy(seed=seed) for seed in range(4)]
    haircut, capacity = (jnp.stack(part) for part in zip(*pairs, strict=True))
    got = diagnostics.rank_correlation(haircut, capacity)
    for t in range(3):
        both = (capacity[t] > 0) & (capacity[t + 1] > 0)
        fractions = [np.asarray(haircut[s] / capacity[s])[both] for s in (t, t + 1)]
        np.testing.assert_allclose(got[t], spearmanr(*fractions).statistic, rtol=1e-9)


def test_rank_correlation_with_ties_is_spearmans():
    capacity = jnp.ones((2, 6))
    haircut = jnp.asarray(
        [[0.0, 0.0, 1.0, 1.0, 0.5, 0.5], [0.0, 1.0, 1.0, 1.0, 0.0, 0.2]]
    )
    np.testing.assert_allclose(
        diagnostics.rank_correlation(haircut, capacity)[0],
        spearmanr(haircut[0], haircut[1]).statistic,
    )


def test_pro_rata_has_no_inversions_and_keeps_every_place():
    # Proposition 9: no queue positions, whatever rounding does to equal fractions.
    capacity = jnp.stack([heavy(2**10 + 1, seed)[1] for seed in range(3)])
    haircut = jax.vmap(lambda u: pro_rata(u, 0.37 * u.sum()))(capacity)
    for dtype in (jnp.float32, jnp.float64):
        x, u = haircut.astype(dtype), capacity.astype(dtype)
        assert (jax.vmap(diagnostics.adjacent_inversions)(x, u) == 0).all()
        assert (diagnostics.rank_correlation(x, u) == 1).all()


def test_a_queue_inverts_neighbours():
    # Proposition 9, part 3: the largest loses all, the next nothing.
    capacity = jnp.asarray([5.0, 4.0, 3.0])
    haircut = queue(jnp.asarray([3.0, 2.0, 1.0]), capacity, 5.0)
    assert diagnostics.adjacent_inversions(haircut, capacity) == 0.5
    flat = jnp.stack([pro_rata(capacity, 6.0), haircut])
    assert diagnostics.rank_correlation(flat, jnp.stack([capacity, capacity]))[0] == 0


@pytest.mark.parametrize(
    ("haircut", "capacity"),
    [
        ([0.0, 0.0], [0.0, 0.0]),
        ([0.0, 0.0], [3.0, 4.0]),
        ([2.0], [2.0]),
        ([1.0, 1.0], [1.0, 1.0]),
    ],
)
def test_degenerate_haircuts_have_defined_values(haircut, capacity):
    x, u = jnp.asarray(haircut), jnp.asarray(capacity)
    values = [
        diagnostics.concentration(x, u),
        diagnostics.adjacent_inversions(x, u),
        diagnostics.gini(x, u),
        diagnostics.worst_decile(x, u),
        diagnostics.share_paid_by_top(x, u),
        diagnostics.rank_correlation(jnp.stack([x, x]), jnp.stack([u, u]))[0],
    ]
    assert np.isfinite(values).all()
    assert (np.array(values) >= 0).all()
    assert (np.array(values) <= 1).all()


def test_padding_and_order_change_nothing():
    haircut, capacity = heavy(21)
    order = np.random.default_rng(3).permutation(21)
    x = jnp.pad(haircut[order], (0, 11))
    u = jnp.pad(capacity[order], (0, 11))
    for measure in (
        diagnostics.concentration,
        diagnostics.adjacent_inversions,
        diagnostics.gini,
        diagnostics.worst_decile,
        diagnostics.share_paid_by_top,
    ):
        np.testing.assert_allclose(
            measure(x, u), measure(haircut, capacity), rtol=1e-12
        )
