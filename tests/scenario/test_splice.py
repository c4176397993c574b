"""Amounts: the quantile function inverts the printed distribution, tails included."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from adl_jax.scenario import Splice, facts, fitted


NAMES = ("profit", "notional", "equity")


def distribution(splice, x):
    """F(x), written from the docstring's formula."""
    mu, sd, u = (
        float(splice.body_mean),
        float(splice.body_sd),
        float(splice.threshold),
    )
    alpha, cap, b = (
        float(splice.tail_exponent),
        float(splice.cap),
        float(splice.body_share),
    )
    body = b * stats.norm.cdf((np.log(x) - mu) / sd)
    body = body / stats.norm.cdf((np.log(u) - mu) / sd)
    power = lambda y: y**-alpha
    tail = 1 - (1 - b) * (power(x) - power(cap)) / (power(u) - power(cap))
    return np.where(x <= u, body, tail)


@pytest.mark.parametrize("name", NAMES)
def test_quantiles_invert_the_distribution(name):
    splice = fitted(name)
    score = np.linspace(-5, 6, 400)
    amount = np.asarray(splice.of_score(jnp.asarray(score)))
    np.testing.assert_allclose(
        distribution(splice, amount), stats.norm.cdf(score), rtol=1e-9
    )
    assert (np.diff(amount) > 0).all()
    assert amount[-1] < float(splice.cap)


@pytest.mark.parametrize("name", NAMES)
def test_the_body_meets_the_tail_at_the_threshold(name):
    splice = fitted(name)
    edge = stats.norm.ppf(float(splice.body_share))
    below, above = splice.of_score(jnp.array([edge - 1e-9, edge + 1e-9]))
    np.testing.assert_allclose([below, above], float(splice.threshold), rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_float32_keeps_the_tail(name):
    # A score's rounding moves an amount by its log slope; at 5 that is some 10 a unit.
    score = jnp.linspace(-5, 5.5, 300)
    wide = fitted(name).of_score(score)
    narrow = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), fitted(name))
    narrow = narrow.of_score(score.astype(jnp.float32))
    assert narrow.dtype == jnp.float32
    np.testing.assert_allclose(narrow, wide, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_top_shares_are_those_of_the_data(name, getkey):
    # 200 samples of the data's size; the data's own share is one draw of them.
    score = jax.random.normal(getkey(), (200, 19_337))
    amount = np.sort(np.asarray(jax.vmap(fitted(name).of_score)(score)), axis=1)[
        :, ::-1
    ]
    total = amount.sum(axis=1)
    for label, count in (
        ("top_0.1_percent", 19),
        ("top_1_percent", 193),
        ("top_10_percent", 1934),
    ):
        share = amount[:, :count].sum(axis=1) / total
        low, high = np.quantile(share, [0.005, 0.995])
        assert low < facts()[f"{name}.{label}"].value < high, label


def test_the_mean_is_the_integral_of_the_tail_probability(getkey):
    splice = fitted("profit")
    log_cap = float(jnp.log(splice.cap))
    # E X = integral of (1 - F), in log x.
    mean, _ = integrate.quad(
        lambda t: (1 - float(distribution(splice, np.exp(t)))) * np.exp(t),
        -20,
        log_cap,
        limit=400,
    )
    draws = np.asarray(splice.of_score(jax.random.normal(getkey(), (2_000_000,))))
    error = draws.std() / np.sqrt(draws.size)
    assert abs(draws.mean() - mean) < 4 * error


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cap": 10.0}, "cap above the threshold"),
        ({"tail_exponent": 0.0}, "tail_exponent"),
        ({"body_share": 1.0}, "body_share"),
        ({"body_sd": -1.0}, "body_sd"),
        ({"body_mean": np.nan}, "body_mean"),
    ],
)
def test_bad_parameters_are_refused(change, message):
    fields = {
        "body_mean": 5.0,
        "body_sd": 2.0,
        "threshold": 1e4,
        "tail_exponent": 0.7,
        "cap": 1e7,
        "body_share": 0.96,
    }
    Splice(**fields)
    with pytest.raises(ValueError, match=message):
        Splice(**fields | change)
