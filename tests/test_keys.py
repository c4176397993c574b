"""No key is used twice, checked by jax where keys are drawn from.

jax's check makes all tracing a quarter slower, so that it is on here alone: every place
of the package that draws from a key is reached from one of these.
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from jax.errors import KeyReuseError

import adl_jax
from adl_jax import Observation, Policy
from adl_jax.allocator import RandomOrder
from adl_jax.learned import NetworkRate, SetNetwork
from adl_jax.monte_carlo.nested import _draw
from adl_jax.scenario import Bootstrap, FactorReturns, Hawkes, Tilted, scenarios
from adl_jax.severity import ConstantRate, Fixed
from adl_jax.train import (
    Mean,
    Settings,
    Simulated,
    stack_events,
    train,
    train_specialists,
)
from adl_jax.venue import Response
from tests.conftest import make_rounds


SEED = 20251010
LOTS = Policy(Fixed(1.0), RandomOrder())


@pytest.fixture(autouse=True)
def check_keys():
    with jax.debug_key_reuse(True):
        yield


def test_a_key_that_is_used_twice_is_found():
    @jax.jit
    def twice(key):
        return jax.random.uniform(key) + jax.random.normal(key)

    with pytest.raises(KeyReuseError):
        twice(jax.random.key(SEED))


@pytest.mark.parametrize("name", list(scenarios))
def test_a_crash_uses_each_key_once(name):
    scenario = scenarios[name](num_accounts=20)
    reacts = Response(trades=0.8, closes=0.2, withdraws=0.3)
    venue = dataclasses.replace(scenario.venue, response=reacts)
    scenario = dataclasses.replace(scenario, venue=venue)
    adl_jax.monte_carlo(jax.random.key(SEED), scenario, {"lots": LOTS}, 2)


def test_a_replay_uses_each_key_once():
    rounds = make_rounds(0, rounds=3)
    adl_jax.replay(rounds, LOTS, key=jax.random.key(SEED))


@pytest.mark.parametrize("trained", [train, train_specialists])
def test_a_training_uses_each_key_once(trained):
    families = {"one": stack_events(make_rounds(0, rounds=3))}
    start = (ConstantRate(0.01), adl_jax.ProRata())
    if trained is train:
        start = (Policy(*start),)
    else:
        families = {"family": families}
    settings = Settings(steps=2, batch_size=1, validate_every=1, validation_scenarios=1)
    key = jax.random.key(SEED)
    trained(key, *start, families, Mean(unit=1.0), families, settings=settings)


# jax checks where it traces: nothing has to be compiled for that.
def test_paths_on_the_same_book_use_each_key_once():
    scenario = scenarios["calm"](num_accounts=20)
    eqx.filter_eval_shape(_draw, jax.random.key(SEED), scenario, jnp.arange(4), 2)


def test_a_trained_crash_uses_each_key_once():
    scenario = scenarios["calm"](num_accounts=20, one_position_each=False)
    eqx.filter_eval_shape(Simulated(scenario).run, jax.random.key(SEED), LOTS)


def test_a_tilted_path_uses_each_key_once():
    market = scenarios["calm"](num_accounts=20).market
    tilted = Tilted(FactorReturns(batches=Hawkes()), factor=-1.0, rate=1.5)
    eqx.filter_eval_shape(tilted.sample, jax.random.key(SEED), market, 4)


def test_accounts_drawn_from_a_book_use_each_key_once():
    book = adl_jax.Book(
        account=[0, 1], market=[0, 0], size=[1.0, -1.0], entry_price=[9.0, 8.0],
        collateral=[5.0, 6.0],
    )  # fmt: skip
    Bootstrap(book, 1).sample(jax.random.key(SEED), jnp.ones(1))


def test_lots_within_groups_use_each_key_once():
    seen = Observation(capacity=jnp.ones(4), group=jnp.asarray([0, 0, 1, 1]))
    RandomOrder()(seen, jnp.ones(2), key=jax.random.key(SEED))


@pytest.mark.parametrize("make", [SetNetwork, NetworkRate])
def test_first_weights_use_each_key_once(make):
    make(width=2)
