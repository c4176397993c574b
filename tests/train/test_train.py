"""Training on given rounds: what it finds, how it goes on, what it refuses."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adl_jax import InputError, Policy, ProRata
from adl_jax.config.policies import PolicySection
from adl_jax.learned import LogLinear
from adl_jax.severity import ConstantRate, Fixed
from adl_jax.train import (
    AbstractProblem,
    ChanceConstraint,
    ConditionalValueAtRisk,
    Mean,
    Settings,
    load_policy,
    save_policy,
    stack_events,
    train,
)
from tests.conftest import make_rounds


BARE = dict.fromkeys(("capacity", "score", "leverage"))
KEY = jax.random.key(7)


def events(rate=0.03, count=4, first=0, **changes):
    """Rounds in which a known rate is right."""
    made = []
    for seed in range(first, first + count):
        rounds = make_rounds(seed, rounds=4, **BARE)
        needed = rate * np.asarray(rounds.closeout_notional).sum(axis=1)
        huge = np.full(4, 1e12)
        made.append(
            make_rounds(
                seed, rounds=4, **BARE, needed=needed, deficit=huge,
                capacity_total=huge, **changes,
            )
        )  # fmt: skip
    return stack_events(*made)


def policy(rate=0.01):
    return Policy(ConstantRate(rate), ProRata())


def fit(problem=None, objective=None, start=None, **changes):
    given = {"steps": 60, "batch_size": 4, "validate_every": 20, "learning_rate": 0.1}
    given |= {"validation_scenarios": 8, "patience": 50}
    outside = {
        name: changes.pop(name)
        for name in ("out", "resume", "report", "leaves")
        if name in changes
    }
    return train(
        KEY,
        policy() if start is None else start,
        {"one": events() if problem is None else problem},
        Mean(unit=1.0) if objective is None else objective,
        {"other": events(first=10)},
        settings=Settings(**(given | changes)),
        **outside,
    )


class Counted(Mean):
    """Counts how often it is traced."""

    calls: list = eqx.field(static=True, default_factory=list)

    def loss(self, figures, variables, multipliers):
        self.calls.append(1)
        return self.value(figures)


class Counter(list):
    """A list that jit can tell from others by what it is."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__


def test_it_finds_the_rate_that_is_right_and_traces_one_step_once():
    counted = Counted(unit=1.0, calls=Counter())
    trained = fit(objective=counted)
    assert len(counted.calls) == 1
    np.testing.assert_allclose(trained.policy.severity.rate, 0.03, rtol=0.05)
    best = trained.record["validation_best"]["mean"]
    assert best < 0.1 * trained.record["validation_before"]["mean"]
    assert list(trained.curve["step"]) == list(range(60))
    assert trained.record["skipped"] == 0


@pytest.mark.parametrize("threshold", ["batch", "trained"])
def test_the_tail_is_made_small_too(threshold):
    objective = ConditionalValueAtRisk(level=0.5, threshold=threshold)
    trained = fit(objective=objective)
    np.testing.assert_allclose(trained.policy.severity.rate, 0.03, rtol=0.1)


def test_a_resumed_training_ends_as_one_that_was_not_interrupted(tmp_path):
    class Stop(Exception):
        pass

    def stops(progress):
        if progress.step == 40:
            raise Stop

    whole = fit()
    with pytest.raises(Stop):
        fit(out=tmp_path, report=stops)
    resumed = fit(out=tmp_path, resume=True)
    assert resumed.curve.equals(whole.curve)
    assert resumed.validations.equals(whole.validations)
    for one, other in zip(
        jax.tree.leaves(resumed.policy), jax.tree.leaves(whole.policy), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(InputError, match="holds a training already"):
        fit(out=tmp_path)
    with pytest.raises(InputError, match="another policy"):
        fit(out=tmp_path, resume=True, start=policy(0.02))


def test_it_stops_when_nothing_gets_better():
    trained = fit(learning_rate=50.0, patience=2, steps=400)
    assert trained.record["stopped_by"] == "patience"
    assert trained.record["steps"] < 400


class Broken(AbstractProblem):
    """Figures that are not numbers in some scenarios."""

    share: jax.Array

    @property
    def figures(self):
        return frozenset({"tracking"})

    @property
    def abreast(self):
        return 64

    def run(self, key, policy, remember="all"):
        bad = jax.random.uniform(key) < self.share
        x = policy.severity.severity
        return {"tracking": jnp.where(bad, jnp.nan, (x - 0.2) ** 2)}


def broken(share, **changes):
    return train(
        KEY, Policy(Fixed(0.5), ProRata()), {"one": Broken(jnp.asarray(share))}, Mean(),
        {"sound": Broken(jnp.asarray(0.0))},
        settings=Settings(
            steps=100, batch_size=1, validation_scenarios=2, learning_rate=0.1,
            validate_every=50, **changes,
        ),
    )  # fmt: skip


def test_a_batch_that_is_not_finite_is_skipped_and_counted():
    trained = broken(0.2, largest_skipped=0.5)
    skipped = trained.record["skipped"]
    assert 5 <= skipped <= 40
    assert skipped == (~trained.curve["finite"]).sum()
    assert trained.curve["loss"].isna().sum() == skipped
    np.testing.assert_allclose(trained.policy.severity.severity, 0.2, atol=0.02)
    with pytest.raises(InputError, match="not finite"):
        broken(0.5, largest_skipped=0.05)


class Draws(AbstractProblem):
    """A share x of the deficit, where a need between 0 and 1 is drawn."""

    @property
    def figures(self):
        return frozenset({"undershoot", "over_needed"})

    @property
    def abreast(self):
        return 1024

    def run(self, key, policy, remember="all"):
        need = jax.random.uniform(key, dtype=float)
        x = policy.severity.severity
        return {
            "undershoot": jnp.maximum(need - x, 0),
            "over_needed": jnp.maximum(x - need, 0),
        }


def test_a_chance_constraint_is_met_by_its_multiplier():
    # P[need - x > 0.1] <= 0.2 with a uniform need: x = 1 - 0.1 - 0.2, as cheap as can be.
    objective = ChanceConstraint(
        tolerance=0.1, limit=0.2, smoothing=0.02, ascent=0.05, price=10.0
    )
    trained = train(
        *(KEY, Policy(Fixed(0.3), ProRata()), {"one": Draws()}, objective),
        {"other": Draws()},
        settings=Settings(
            steps=400, batch_size=256, validation_scenarios=1024, learning_rate=0.05,
            validate_every=50, patience=50,
        ),
    )  # fmt: skip
    np.testing.assert_allclose(trained.policy.severity.severity, 0.7, atol=0.03)
    np.testing.assert_allclose(
        trained.record["multipliers"]["undershoot"], 0.7, atol=0.3
    )


def test_families_share_a_batch_and_are_validated_one_by_one():
    # The same event with two rates, and a policy between them.
    low, high = events(0.01, count=1), events(0.03, count=1)
    trained = train(
        *(KEY, policy(0.02), {"low": low, "high": high}, Mean()),
        {"low": low, "high": high},
        settings=Settings(
            steps=4, batch_size=4, validation_scenarios=8, validate_every=2
        ),
    )  # fmt: skip
    assert set(trained.validations) == {"step", "mean", "low", "high"}
    first = trained.validations.iloc[0]
    # Off by 1 % of what was closed out in both.
    np.testing.assert_allclose(first["low"], first["high"], rtol=1e-5)
    np.testing.assert_allclose(first["mean"], (first["low"] + first["high"]) / 2)
    with pytest.raises(InputError, match="cannot be shared equally by 2"):
        train(
            *(KEY, policy(), {"a": events(), "b": events()}, Mean(), {"a": events()}),
            settings=Settings(batch_size=3),
        )


def test_one_file_holds_a_policy_and_refuses_another_structure(tmp_path):
    path = tmp_path / "a.policy"
    start = Policy(LogLinear(np.arange(11.0)), ProRata())
    save_policy(path, start, record={"seed": 3})
    again, record = load_policy(path, like=Policy(LogLinear(), ProRata()))
    np.testing.assert_array_equal(again.severity.weight, np.arange(11.0))
    assert record == {"seed": 3}
    with pytest.raises(InputError, match="another structure"):
        load_policy(path, like=policy())
    with pytest.raises(InputError, match="says nothing of how"):
        load_policy(path)
    section = PolicySection.model_validate({"name": "mine", "severity": "log_linear"})
    save_policy(path, start, section=section)
    alone, _ = load_policy(path)
    np.testing.assert_array_equal(alone.severity.weight, np.arange(11.0))
    assert type(alone.allocation) is ProRata
    path.write_bytes(b"text")
    with pytest.raises(InputError, match="not a file of"):
        load_policy(path, like=start)
    with pytest.raises(InputError, match="No such file"):
        load_policy(tmp_path / "none", like=start)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": Mean("nothing")}, "needs the figure 'nothing'"),
        ({"leaves": ("severity.nothing",)}, "fits no number"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"remember": "some"}, "remember is 'some'"),
    ],
)
def test_what_cannot_be_trained_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        fit(**changes)
