"""What a policy may not see cannot change what it does: mechanical, for every policy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adl_jax
from adl_jax import Recorded
from adl_jax.allocator import allocations
from adl_jax.severity import severities
from adl_jax.testing import leaks
from adl_jax.vector import vector_policies
from tests.policies import ALL


@pytest.mark.parametrize("column", leaks.COLUMNS)
@pytest.mark.parametrize("name", ALL)
def test_the_unseen_changes_nothing(name, column):
    leaks.check_unseen(ALL[name](), column)


@pytest.mark.parametrize("name", ALL)
def test_what_is_never_shown_changes_nothing_at_all(name):
    leaks.check_never_shown(ALL[name]())


@pytest.mark.parametrize("name", ALL)
def test_rounds_without_accounts_leak_nothing_either(name):
    leaks.check_unseen_without_accounts(ALL[name]())


def test_the_leak_test_catches_a_loop_that_shows_close_outs(monkeypatch):
    class Peeks(adl_jax.severity.ConstantRate):
        """Would look, if the loop let it."""

        def commit(self, state, observation):
            seen = observation.closeout_notional
            budget = observation.deficit if seen is None else seen.sum()
            return adl_jax.Commitment(budget=budget)

    policy = adl_jax.Policy(Peeks(), adl_jax.Queue())

    def leaked():
        # Programs compiled before the patch do not know it.
        jax.clear_caches()
        before = leaks.decisions(leaks.fields_to_change(), policy)
        after = leaks.decisions(
            leaks.perturbed(leaks.fields_to_change(), "closeout_quantity", 3), policy
        )
        return any(
            not np.array_equal(np.asarray(old)[:4], np.asarray(new)[:4])
            for old, new in zip(before[0], after[0], strict=True)
        )

    assert not leaked()
    monkeypatch.setattr("adl_jax.adl_round.before_closeouts", lambda seen: seen)
    assert leaked()
    monkeypatch.undo()
    jax.clear_caches()


def test_the_leak_test_catches_a_leak():
    class Peeks(adl_jax.severity.Fixed):
        """Declares the deficit set, and is smuggled the future."""

        future: jax.Array = None

        def commit(self, state, observation):
            now = observation.round
            return adl_jax.Commitment(budget=self.future[now])

    fields = leaks.fields_to_change()
    before, after = (
        leaks.decisions(
            changed,
            adl_jax.Policy(Peeks(0.5, jnp.asarray(changed["needed"])), adl_jax.Queue()),
        )
        for changed in (fields, leaks.perturbed(fields, "needed", 3))
    )
    leaks.assert_same_until(before[0], after[0], 3)
    with pytest.raises(AssertionError):
        leaks.assert_same_until(before[0], after[0], 4)


def test_recorded_rows_see_nothing():
    fields = leaks.fields_to_change()
    row = Recorded(np.arange(6.0), np.linspace(0, 1, 6))
    before = jax.tree.leaves(
        adl_jax.replay(adl_jax.Rounds(**fields), row).records.commitment
    )
    for column in leaks.COLUMNS:
        changed = adl_jax.Rounds(**leaks.perturbed(fields, column, 0))
        after = jax.tree.leaves(adl_jax.replay(changed, row).records.commitment)
        leaks.assert_same_until(before, after, 6)


def test_every_registered_part_is_walked_over():
    walked = {part for name in ALL for part in name.split("/")} | set(ALL)
    assert set(severities) <= walked
    assert set(allocations) <= walked
    assert set(vector_policies) <= walked
