"""Contract checks find what breaks the contract: each of them, in a part made for it.

The loop hides what may not be seen, so that leaks are planted in the loop.
"""

import dataclasses
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adl_jax import (
    AbstractAllocation,
    AbstractSeverity,
    Commitment,
    Information,
    Policy,
    ProRata,
    Recorded,
    as_float,
    replay,
    testing,
)
from adl_jax.severity import Fixed
from adl_jax.testing import conservation, laws, leaks, policies, venues
from adl_jax.venue.presets import okx


class Plain(AbstractSeverity):
    """Half the deficit; what is wrong with it is said below."""

    information: ClassVar = Information.deficit
    share: float | jax.Array = 0.5

    def init(self, observation):
        return observation.deficit * 0

    def commit(self, state, observation):
        return Commitment(budget=self.share * observation.deficit)

    def learn(self, state, observation, record):
        return state


class Steep(Plain):
    share: jax.Array = eqx.field(default=0.5, converter=as_float)

    def commit(self, state, observation):
        return Commitment(budget=self.share * jnp.sqrt(observation.deficit))


class Wide(Plain):
    share: jax.Array = eqx.field(default=0.5, converter=as_float)

    def commit(self, state, observation):
        return Commitment(budget=jnp.float64(0.5) * observation.deficit.astype(float))


class Compiled(Plain):
    """Raises less where it is traced."""

    share: jax.Array = eqx.field(default=0.5, converter=as_float)

    def commit(self, state, observation):
        traced = isinstance(observation.deficit, jax.core.Tracer)
        return Commitment(budget=self.share * observation.deficit / (1 + traced))


class Static(Plain):
    share: float = eqx.field(default=0.5, static=True)


class Root(Plain):
    """Is finite at its default alone."""

    share: jax.Array = eqx.field(default=0.5, converter=as_float)

    def commit(self, state, observation):
        return Commitment(budget=jnp.sqrt(self.share - 0.5) * observation.deficit)


class Told(Plain):
    """Raises what it was told for each round."""

    share: jax.Array = eqx.field(default=0.5, converter=as_float)

    def commit(self, state, observation):
        return Commitment(budget=self.share[observation.round])


class Greedy(AbstractAllocation):
    """Takes the budget from everybody."""

    def __call__(self, observation, budget, *, key):
        return jnp.full_like(observation.capacity, budget)


class Whole(AbstractAllocation):
    """Does not split it."""

    def __call__(self, observation, budget, *, key):
        return budget


class First(AbstractAllocation):
    """Takes from accounts as they stand, those without profit too."""

    def __call__(self, observation, budget, *, key):
        before = jnp.cumsum(observation.capacity) - observation.capacity
        return jnp.clip(budget - before, 0, observation.capacity)


def in_other_dtypes():
    # A user's session promotes where ours refuses.
    with jax.numpy_dtype_promotion("standard"):
        laws.check_dtypes(policy(Wide()))


def policy(severity):
    return Policy(severity, ProRata())


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda: laws.check_numbers(Plain()), r"Plain.share is float: declare it"),
        (lambda: laws.check_numbers(Plain(jnp.asarray(0.5))), "has a weak dtype"),
        (lambda: policies.check_feasible(Greedy(), 3), "above its capacity"),
        (lambda: policies.check_feasible(Whole(), 3), "not one a winner"),
        (
            lambda: laws.check_degenerate(
                policy(Steep()), laws.DEGENERATE["no deficit"]
            ),
            r"the gradient in .* is not finite",
        ),
        (in_other_dtypes, "is float64 in rounds of"),
        (
            lambda: laws.check_padding(Policy(Fixed(), First())),
            "Not equal to tolerance",
        ),
        (lambda: laws.check_one_program(policy(Static())), "share is a static float"),
        (lambda: laws.check_one_program(policy(Root())), "not finite at 0.9"),
        (lambda: laws.check_laws(Policy(Fixed(), Greedy())), "Not equal to tolerance"),
        (lambda: laws.check_compiled(policy(Compiled())), "Not equal to tolerance"),
        (lambda: testing.check_policy(lambda: Recorded([1.0])), "recorded rows see"),
        (lambda: leaks.check_unseen(Recorded([1.0]), "needed"), "recorded rows see"),
        (lambda: testing.check_allocation(Fixed), "Fixed is no AbstractAllocation"),
        (lambda: testing.check_policy(Fixed), "Fixed is no AbstractPolicy"),
    ],
)
def test_parts_of_policies(check, message):
    with pytest.raises(AssertionError, match=message):
        check()


@pytest.mark.parametrize(
    ("column", "check"),
    [
        ("needed", lambda policy: leaks.check_unseen(policy, "needed")),
        ("end_ms", leaks.check_never_shown),
        ("needed", leaks.check_unseen_without_accounts),
    ],
)
def test_a_loop_that_leaks(monkeypatch, column, check):
    def leaky(rounds, policy):
        del policy
        told = Told(1.0 * getattr(rounds, column))
        return replay(rounds, Policy(told, ProRata()))

    check(policy(Fixed()))
    monkeypatch.setattr(leaks, "replay", leaky)
    with pytest.raises(AssertionError, match="saw what it does not declare"):
        check(policy(Fixed()))


def test_one_account_is_tried(monkeypatch):
    tried = []
    monkeypatch.setattr(
        policies, "check_compiled", lambda policy, accounts=33: tried.append(accounts)
    )
    monkeypatch.setattr(policies, "check_dtypes", lambda policy: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        testing.check_severity(Fixed)
    assert tried == [33, 1]


def changed(**changes):
    """A preset with fields changed."""

    def preset(max_leverage=20.0, *, notional_scale=1.0, fund=0.0):
        made = okx(max_leverage, notional_scale=notional_scale, fund=fund)
        return dataclasses.replace(made, **changes)

    return preset


def no_limits(max_leverage=20.0, *, notional_scale=1.0, fund=0.0):
    return okx(np.abs(np.nan_to_num(max_leverage)) + 1, fund=fund)


def poor(max_leverage=20.0, *, notional_scale=1.0, fund=0.0):
    return okx(max_leverage)


def by_hand(max_leverage=20.0, *, notional_scale=1.0, fund=0.0):
    made = okx(max_leverage)
    return eqx.tree_at(lambda venue: venue.margin.rate, made, -made.margin.rate)


def renamed(leverage=20.0, *, notional_scale=1.0, fund=0.0):
    return okx(leverage)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda: venues.check_arguments(no_limits), "limit of 0.0 is not refused"),
        (lambda: venues.check_arguments(renamed), "takes leverage, notional_scale"),
        (lambda: venues.check_fund(poor), "of a fund of 7 USD 0.0 are in the layers"),
        (lambda: venues.check_builds(by_hand, 3, np.float64), "a margin is negative"),
        (
            lambda: venues.check_one_program(
                lambda limit, notional_scale=1.0, fund=0.0: dataclasses.replace(
                    okx(limit), surplus="fund" if fund == 1 else "refund"
                )
            ),
            "other limits or money trace again",
        ),
    ],
)
def test_venues(check, message):
    with pytest.raises(AssertionError, match=message):
        check()


def test_money_that_appears(monkeypatch):
    """A cent on the way is found."""
    honest = conservation.total_cash
    monkeypatch.setattr(conservation, "total_cash", lambda led: honest(led) + 0.01)
    with pytest.raises(AssertionError, match="money appeared or was lost"):
        conservation.check_conservation(policy(Fixed(1)))
