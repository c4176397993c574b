"""A specialist for each family, and a vote that finds the one that is right."""

import jax
import numpy as np
import pytest

import adl_jax
from adl_jax import ProRata
from adl_jax.severity import ConstantRate
from adl_jax.train import Mean, Settings, train_specialists
from tests.train.test_train import events


@pytest.fixture(scope="module")
def found():
    families = {"low": {"one": events(0.01)}, "high": {"one": events(0.08)}}
    others = {
        "low": {"one": events(0.01, first=10)},
        "high": {"one": events(0.08, first=10)},
    }
    return train_specialists(
        *(jax.random.key(3), ConstantRate(0.03), ProRata(), families, Mean(), others),
        settings=Settings(
            steps=60, batch_size=4, learning_rate=0.1, validation_scenarios=8
        ),
    )  # fmt: skip


def test_each_specialist_is_right_on_its_own_family(found):
    rates = found.policy.severity.experts.stacks[0].rate
    np.testing.assert_allclose(rates, [0.01, 0.08], rtol=0.05)
    assert list(found.trained) == ["low", "high"]


@pytest.mark.parametrize(("rate", "number"), [(0.01, 0), (0.08, 1)])
def test_the_vote_goes_to_the_one_that_is_right(found, rate, number):
    rounds = jax.tree.map(lambda leaf: leaf[0], events(rate, first=20).events)
    records = adl_jax.replay(rounds, found.policy).records
    own = found.policy.severity.experts.stacks[0].rate[number]
    last = np.asarray(records.commitment.rate[-1])
    np.testing.assert_allclose(last, float(own), rtol=0.05)
