import jax
import numpy as np

import adl_jax
from adl_jax import Hindsight, Information, Policy, ProRata, Queue, Recorded
from adl_jax.severity import ConstantRate, Fixed, Rate, RunningMean
from tests.conftest import make_rounds


def test_a_policy_sees_what_its_severity_declares():
    assert Policy(Fixed(), Queue()).information is Information.deficit
    assert Policy(ConstantRate(), Queue()).information is Information.notional
    assert Hindsight(Policy(Fixed(), Queue())).information is Information.hindsight
    assert Recorded([1.0]).information is Information.observed


def test_hindsight_executes_what_was_needed_up_to_capacity():
    needed = np.array([1e12, 2.0, 0.0, 4.0, 5.0])
    rounds = make_rounds(needed=needed, deficit=np.zeros(5))
    for allocation in (Queue(), ProRata()):
        policy = Hindsight(Policy(RunningMean(Rate()), allocation))
        trajectory = adl_jax.replay(rounds, policy)
        expected = np.minimum(needed, rounds.capacity_total)
        np.testing.assert_allclose(trajectory.records.executed, expected, rtol=1e-12)
        assert trajectory.status == adl_jax.RESULTS.budget_above_capacity


def test_hindsight_hides_the_needed_budget_from_what_it_wraps():
    class Nosy(ProRata):
        def __call__(self, observation, budget, *, key):
            assert observation.needed is None
            assert observation.closeout_notional is None
            return super().__call__(observation, budget, key=key)

    adl_jax.replay(make_rounds(), Hindsight(Policy(Fixed(), Nosy())))


def test_policies_are_pytrees_of_their_numbers():
    policy = Policy(Fixed(0.25), Queue())
    assert [float(leaf) for leaf in jax.tree.leaves(policy)] == [0.25]
    stacked = jax.vmap(lambda theta: Policy(Fixed(theta), Queue()))(
        np.linspace(0, 1, 4)
    )
    assert stacked.severity.severity.shape == (4,)
