"""Derivatives of a whole simulated crash: against differences, finite, and in memory."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adl_jax
from adl_jax import Policy, ProRata
from adl_jax.learned import LogLinear, SetNetwork
from adl_jax.remember import scan
from adl_jax.severity import ConstantRate
from adl_jax.venue import Fund, flat_margin


def venue():
    return adl_jax.Venue(flat_margin(jnp.array([0.05])), fund=Fund(2.0))


def crash(rounds=3, accounts=6, *, dtype=np.float64, fall=0.1):
    """A long a round defaults, each far from its threshold: nothing is at a kink."""
    half = accounts // 2
    size = np.concatenate([np.linspace(5, 9, half), -np.linspace(5, 9, half)])
    margin = 100 * np.abs(size)
    margin[:half] *= np.linspace(0.08, 0.24, half)
    book = adl_jax.Book(
        account=np.arange(accounts), market=np.zeros(accounts, int),
        size=size.astype(dtype), entry_price=np.full(accounts, 100, dtype),
        collateral=margin.astype(dtype),
    )  # fmt: skip
    one = lambda value: np.array([value], dtype)
    market = adl_jax.Market(
        mark=one(100.0), impact=one(0.05), depth=one(2.0), recovery=0.5,
        max_leverage=one(20.0),
    )  # fmt: skip
    shocks = adl_jax.Shocks(log_return=np.full((rounds, 1), -fall, dtype))
    return book, market, shocks


def loss(policy, parts, remember="all"):
    book, market, shocks = parts
    run = adl_jax.simulate(
        jax.random.key(0), book, market, venue(), policy, shocks,
        keep_haircuts=False, remember=remember,
    )  # fmt: skip
    records = run.records
    return ((records.executed - records.needed) ** 2).sum() + records.venue.unpaid[-1]


def policy(allocation=None):
    weight = np.linspace(-0.2, 0.3, 11)
    severity = LogLinear(weight, initial_rate=0.003, doubt=1.3, discount=0.8)
    return Policy(severity, ProRata() if allocation is None else allocation)


@pytest.fixture(scope="module")
def derivatives():
    arrays, static = eqx.partition(policy(), eqx.is_inexact_array)
    flat, unravel = jax.flatten_util.ravel_pytree(arrays)
    value = lambda x: loss(eqx.combine(unravel(x), static), crash())
    return flat, jax.jit(value), jax.jit(jax.grad(value))(flat), value


def test_the_gradient_is_that_of_differences(derivatives):
    flat, value, gradient, _ = derivatives
    step = 1e-6
    moved = flat[None] + step * jnp.eye(flat.size)
    back = flat[None] - step * jnp.eye(flat.size)
    difference = np.array(
        [
            (value(up) - value(down)) / (2 * step)
            for up, down in zip(moved, back, strict=True)
        ]
    )
    assert (np.abs(gradient) > 1e-6).sum() >= 6
    scale = np.abs(np.asarray(gradient)).max()
    np.testing.assert_allclose(gradient, difference, rtol=1e-4, atol=1e-8 * scale)


def test_forward_and_reverse_are_the_same(derivatives):
    flat, _, gradient, value = derivatives
    direction = jnp.asarray(np.random.default_rng(0).normal(size=flat.size))
    _, forward = jax.jit(lambda x: jax.jvp(value, (x,), (direction,)))(flat)
    np.testing.assert_allclose(forward, gradient @ direction, rtol=1e-9)


@pytest.mark.parametrize("case", ["no_deficit", "no_winners", "ties", "empty"])
def test_degenerate_books_have_finite_derivatives(case):
    book, market, shocks = crash()
    fields = {
        "no_deficit": {"collateral": book.collateral * 100},
        "no_winners": {"size": jnp.abs(book.size)},
        "ties": {"size": jnp.sign(book.size) * 7, "collateral": jnp.full(6, 60.0)},
        "empty": {"size": jnp.zeros(6)},
    }[case]
    book = dataclasses.replace(book, **fields)
    gradient = _GRADIENT(policy(SetNetwork(width=2)), (book, market, shocks))
    for leaf in jax.tree.leaves(gradient):
        assert np.isfinite(leaf).all()


_GRADIENT = eqx.filter_jit(eqx.filter_grad(loss))


@pytest.mark.parametrize("rounds", [1, 7, 100, 101])
@pytest.mark.parametrize("remember", ["rounds", "blocks"])
def test_what_is_remembered_changes_nothing(remember, rounds):
    body = lambda state, x: (jnp.sin(state * x), state**2)
    xs = jnp.linspace(0.5, 1.5, rounds)

    def total(start, remember):
        end, seen = scan(body, start, xs, remember)
        return end + seen.sum()

    start = jnp.asarray(0.7)
    plain = jax.value_and_grad(total)(start, "all")
    again = jax.value_and_grad(total)(start, remember)
    np.testing.assert_allclose(again, plain, rtol=1e-12)


def live_bytes(rounds, remember):
    """What the reverse pass holds beside its inputs and outputs."""
    parts = crash(rounds, accounts=400, dtype=np.float64, fall=0.2 / rounds)
    arrays, static = eqx.partition(
        Policy(ConstantRate(0.05), ProRata()), eqx.is_inexact_array
    )
    given, fixed = eqx.partition(parts, eqx.is_array)

    def value(arrays, given):
        return loss(eqx.combine(arrays, static), eqx.combine(given, fixed), remember)

    program = jax.jit(jax.grad(value)).lower(arrays, given).compile()
    return program.memory_analysis().temp_size_in_bytes


def test_memory_grows_with_the_square_root_of_the_rounds():
    short, long = live_bytes(16, "blocks"), live_bytes(256, "blocks")
    assert long <= 4 * short
    assert live_bytes(256, "all") > 4 * long
