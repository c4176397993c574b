"""What a policy may not see cannot change what it does: mechanical, for every policy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adl_jax
from adl_jax import Information, Recorded
from adl_jax.allocator import allocations
from adl_jax.severity import severities
from adl_jax.vector import vector_policies
from tests.conftest import round_fields
from tests.policies import ALL


PER_ROUND = [
    *("deficit", "needed", "capacity", "score", "leverage", "lot_value", "start_ms"),
    *("closeout_quantity", "closeout_price", "closeout_gap"),
]
AT_START = {"deficit", "capacity", "score", "leverage", "lot_value", "start_ms"}
CLOSEOUTS = {"closeout_quantity", "closeout_price"}
# Seen in the round itself, by what it may change: the commitment, or the haircuts too.
SEEN_NOW = {
    Information.deficit: (AT_START, AT_START),
    Information.notional: (AT_START, AT_START | CLOSEOUTS),
    Information.hindsight: (AT_START | {"needed"}, AT_START | {"needed"} | CLOSEOUTS),
}


def fields_of(seed=11):
    fields = round_fields(seed, rounds=6)
    lots = np.random.default_rng(seed).uniform(0.5, 2, fields["capacity"].shape)
    return fields | {"lot_value": lots}


def perturbed(fields, name, start):
    """The fields with one column replaced by other numbers from a round on."""
    draw = np.random.default_rng(start)
    values = fields[name].copy()
    if name == "start_ms":
        values[start:] -= draw.integers(1, 4_000)
    else:
        values[start:] = values[start:] * draw.uniform(0.2, 3, values[start:].shape) + 1
    changed = fields | {name: values}
    if name == "capacity":
        changed["capacity_total"] = values.sum(axis=1)
    return changed


def decisions(fields, policy):
    records = adl_jax.replay(adl_jax.Rounds(**fields), policy).records
    return jax.tree.leaves(records.commitment), [records.haircut]


def assert_same_until(before, after, rounds):
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(
            np.asarray(old)[:rounds], np.asarray(new)[:rounds]
        )


@pytest.mark.parametrize("column", PER_ROUND)
@pytest.mark.parametrize("name", ALL)
def test_the_unseen_changes_nothing(name, column):
    policy = ALL[name]()
    in_commitment, in_haircuts = SEEN_NOW[policy.information]
    fields = fields_of()
    before = decisions(fields, policy)
    for start in (1, 3, 5):
        after = decisions(perturbed(fields, column, start), policy)
        # A column that is seen in its round may change that round, and none before.
        assert_same_until(before[0], after[0], start + (column not in in_commitment))
        assert_same_until(before[1], after[1], start + (column not in in_haircuts))


@pytest.mark.parametrize("name", ALL)
def test_what_is_never_shown_changes_nothing_at_all(name):
    policy, fields = ALL[name](), fields_of()
    changes = [{"end_ms": fields["end_ms"] + 1_000}]
    if policy.information is Information.deficit:
        changes.append({"max_leverage": fields["max_leverage"] * 2})
        changes.append(dict.fromkeys((*CLOSEOUTS, "closeout_gap", "max_leverage")))
    before = decisions(fields, policy)
    for change in changes:
        after = decisions(fields | change, policy)
        assert_same_until(before[0], after[0], 6)
        assert_same_until(before[1], after[1], 6)


@pytest.mark.parametrize("name", ALL)
def test_rounds_without_accounts_leak_nothing_either(name):
    policy = ALL[name]()
    bare = dict.fromkeys(("capacity", "score", "leverage", "lot_value"))
    fields = fields_of() | bare

    def commitments(changed):
        records = adl_jax.replay(adl_jax.Rounds(**changed), policy).records
        return jax.tree.leaves(records.commitment)

    hidden = {"needed", *CLOSEOUTS} - SEEN_NOW[policy.information][0]
    for column in hidden:
        after = commitments(perturbed(fields, column, 3))
        assert_same_until(commitments(fields), after, 4)


def test_the_leak_test_catches_a_loop_that_shows_close_outs(monkeypatch):
    class Peeks(adl_jax.severity.ConstantRate):
        """Would look, if the loop let it."""

        def commit(self, state, observation):
            seen = observation.closeout_notional
            budget = observation.deficit if seen is None else seen.sum()
            return adl_jax.Commitment(budget=budget)

    policy = adl_jax.Policy(Peeks(), adl_jax.Queue())

    def leaks():
        # Programs compiled before the patch do not know it.
        jax.clear_caches()
        before = decisions(fields_of(), policy)
        after = decisions(perturbed(fields_of(), "closeout_quantity", 3), policy)
        return any(
            not np.array_equal(np.asarray(old)[:4], np.asarray(new)[:4])
            for old, new in zip(before[0], after[0], strict=True)
        )

    assert not leaks()
    monkeypatch.setattr("adl_jax.adl_round.before_closeouts", lambda seen: seen)
    assert leaks()
    monkeypatch.undo()
    jax.clear_caches()


def test_the_leak_test_catches_a_leak():
    class Peeks(adl_jax.severity.Fixed):
        """Declares the deficit set, and is smuggled the future."""

        future: jax.Array = None

        def commit(self, state, observation):
            now = observation.round
            return adl_jax.Commitment(budget=self.future[now])

    fields = fields_of()
    before, after = (
        decisions(
            changed,
            adl_jax.Policy(Peeks(0.5, jnp.asarray(changed["needed"])), adl_jax.Queue()),
        )
        for changed in (fields, perturbed(fields, "needed", 3))
    )
    assert_same_until(before[0], after[0], 3)
    with pytest.raises(AssertionError):
        assert_same_until(before[0], after[0], 4)


def test_recorded_rows_see_nothing():
    fields = fields_of()
    row = Recorded(np.arange(6.0), np.linspace(0, 1, 6))
    before = jax.tree.leaves(
        adl_jax.replay(adl_jax.Rounds(**fields), row).records.commitment
    )
    for column in PER_ROUND:
        changed = adl_jax.Rounds(**perturbed(fields, column, 0))
        after = jax.tree.leaves(adl_jax.replay(changed, row).records.commitment)
        assert_same_until(before, after, 6)


def test_every_registered_part_is_walked_over():
    walked = {part for name in ALL for part in name.split("/")} | set(ALL)
    assert set(severities) <= walked
    assert set(allocations) <= walked
    assert set(vector_policies) <= walked
