"""The loop against an obvious NumPy replay, and the contract of every policy in it."""

import chex
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from jax.test_util import check_grads

import adl_jax
from adl_jax import RESULTS, Commitment, Information, Policy, ProRata, Queue, Recorded
from adl_jax.severity import ConstantRate, Fixed, LastValue, ProjectedGradient
from adl_jax.testing import laws
from tests.conftest import make_rounds, round_fields
from tests.policies import ALL, POLICIES


def numpy_queue(score, capacity, budget):
    haircut = np.zeros_like(capacity)
    for i in sorted(range(len(score)), key=lambda i: (-score[i], i)):
        haircut[i] = min(capacity[i], budget - haircut.sum())
    return haircut


def numpy_pro_rata(score, capacity, budget):
    del score
    total = capacity.sum()
    return capacity * min(budget / total, 1) if total > 0 else np.zeros_like(capacity)


def numpy_replay(fields, how_much, allocate):
    """Replays severity rules written out by hand: one dictionary of lists."""
    state = {"last": 0.0, "needed": 0.0, "notional": 0.0, "theta": 0.0}
    state |= {"squares": 0.0, "path": 0.0, "comparator": None}
    out = {"budget": [], "executed": [], "concentration": [], "haircut": []}
    for t in range(len(fields["deficit"])):
        deficit, needed = fields["deficit"][t], fields["needed"][t]
        capacity, score = fields["capacity"][t], fields["score"][t]
        quantity, price = fields["closeout_quantity"][t], fields["closeout_price"][t]
        notional = (quantity * price).sum()
        asked = {
            "zero": 0.0,
            "full": deficit,
            "fixed": 0.5 * deficit,
            "last_value": state["last"] * deficit,
            "constant_rate": 0.01 * notional,
            "running_mean_rate": notional * state["needed"] / state["notional"]
            if state["notional"] > 0
            else 0.0,
            "projected_gradient": state["theta"] * deficit,
        }[how_much]
        budget = min(max(asked, 0), deficit, capacity.sum())
        haircut = allocate(score, capacity, budget)
        fraction = haircut[capacity > 0] / capacity[capacity > 0]
        out["budget"].append(budget)
        out["executed"].append(haircut.sum())
        out["concentration"].append(max(fraction, default=0.0))
        out["haircut"].append(haircut)
        right = min(needed / deficit, 1) if deficit > 0 else 0.0
        state["last"] = right
        state["needed"] += needed
        state["notional"] += notional
        state["squares"] += deficit**2
        if state["comparator"] is not None:
            state["path"] += abs(right - state["comparator"])
        state["comparator"] = right
        if state["squares"] > 0:
            step = np.sqrt((1 + 2 * state["path"]) / state["squares"])
            gradient = deficit * np.sign(state["theta"] - right)
            state["theta"] = min(max(state["theta"] - step * gradient, 0), 1)
    return {name: np.array(values) for name, values in out.items()}


@pytest.mark.parametrize("who", [("queue", numpy_queue), ("pro_rata", numpy_pro_rata)])
@pytest.mark.parametrize(
    "how_much",
    [
        *("zero", "full", "fixed", "last_value", "constant_rate"),
        *("running_mean_rate", "projected_gradient"),
    ],
)
def test_replay_equals_an_obvious_numpy_replay(how_much, who):
    name, allocate = who
    for seed in range(4):
        rounds = make_rounds(seed, rounds=9)
        records = adl_jax.replay(rounds, POLICIES[f"{how_much}/{name}"]()).records
        expected = numpy_replay(round_fields(seed, rounds=9), how_much, allocate)
        for field, values in expected.items():
            np.testing.assert_allclose(
                getattr(records, field), values, rtol=1e-12, atol=1e-9
            )


@pytest.mark.parametrize("name", ALL)
def test_every_policy_keeps_the_laws(name):
    laws.check_laws(ALL[name]())


@pytest.mark.parametrize("name", ALL)
def test_eager_jit_and_vmap_agree_at_an_odd_size(name):
    laws.check_compiled(ALL[name](), accounts=2**5 + 1)


# How much to raise does not look at the number of accounts.
@pytest.mark.parametrize(
    "name", [n for n in ALL if n.startswith("fixed/") or "/" not in n]
)
def test_jit_and_vmap_agree_with_one_account(name):
    laws.check_compiled(ALL[name](), accounts=1)


@pytest.mark.parametrize("name", ALL)
def test_state_keeps_its_structure_and_dtypes(name):
    laws.check_dtypes(ALL[name]())


@pytest.mark.parametrize("name", ALL)
def test_padding_and_order_of_accounts_change_nothing(name):
    # Lots are drawn by place, so that another order of accounts draws other lots.
    laws.check_padding(ALL[name](), draws_lots="random_order" in name)


@pytest.mark.parametrize("name", ALL)
def test_money_in_other_units_scales_every_result(name):
    # A fixed step of gradient descent is in 1/USD and does not scale by itself.
    if "fixed_step" in name:
        pytest.skip("a step in 1/USD is given for one unit of money")
    fields = round_fields(6)
    money = (
        *("deficit", "needed", "capacity_total", "capacity"),
        *("closeout_price", "closeout_gap"),
    )
    cents = fields | {name: fields[name] * 100 for name in money}
    base = adl_jax.replay(adl_jax.Rounds(**fields), ALL[name]()).records
    scaled = adl_jax.replay(adl_jax.Rounds(**cents), ALL[name]()).records
    np.testing.assert_allclose(
        scaled.haircut, 100 * base.haircut, rtol=1e-11, atol=1e-9
    )


def test_one_trace_serves_all_numbers():
    chex.clear_trace_counter()
    rounds = make_rounds()

    @eqx.filter_jit
    @chex.assert_max_traces(n=1)
    def executed(policy):
        return adl_jax.replay(rounds, policy).records.executed

    for step in (0.001, 0.01, np.float64(0.1), jnp.asarray(1.0), 2):
        executed(Policy(ProjectedGradient(step, initial=step / 10), Queue()))


def test_replay_itself_compiles_once_for_all_numbers(caplog):
    rounds = make_rounds(rounds=6)
    adl_jax.replay(rounds, Policy(Fixed(0.1), ProRata()))
    with jax.log_compiles(True):
        for theta in (0.2, 0.3, 1, np.float32(0.5)):
            adl_jax.replay(rounds, Policy(Fixed(float(theta)), ProRata()))
    compiled = [line for line in caplog.messages if line.startswith("Compiling")]
    assert not [line for line in compiled if "_run" in line]


def test_vmap_over_a_thousand_step_sizes():
    rounds = make_rounds(2, rounds=16)
    steps = jnp.logspace(-6, 0, 1000)

    def undershoot(step):
        policy = Policy(ProjectedGradient(step), ProRata())
        return adl_jax.replay(rounds, policy).records.undershoot.sum()

    mapped = jax.jit(jax.vmap(undershoot))(steps)
    assert mapped.shape == (1000,)
    for index in (0, 333, 999):
        np.testing.assert_allclose(mapped[index], undershoot(steps[index]), rtol=1e-12)
    assert len(np.unique(mapped)) > 100


def tracking(policy, rounds):
    records = adl_jax.replay(rounds, policy).records
    return jnp.abs(records.executed - records.needed).sum()


@pytest.mark.parametrize(
    "make",
    [
        lambda x: Policy(Fixed(x), ProRata()),
        lambda x: Policy(Fixed(x), Queue()),
        lambda x: Policy(ConstantRate(x), ProRata()),
        lambda x: Policy(LastValue(x), Queue()),
        lambda x: Policy(ProjectedGradient(x, 0.3), ProRata()),
        lambda x: Policy(ProjectedGradient(None, x), Queue()),
    ],
)
@pytest.mark.parametrize("keep_haircuts", [True, False])
def test_gradients_in_a_policy_parameter(make, keep_haircuts):
    rounds = make_rounds(7, rounds=6)

    def loss(x):
        trajectory = adl_jax.replay(rounds, make(x), keep_haircuts=keep_haircuts)
        records = trajectory.records
        return ((records.executed - records.needed) ** 2).sum() + records.concentration[
            0
        ]

    point = jnp.asarray(0.0123)
    check_grads(loss, (point,), order=1, modes=["fwd", "rev"], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(
        jax.grad(loss)(point), jax.jacfwd(loss)(point), rtol=1e-12
    )
    assert jax.grad(loss)(point) != 0


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("changes", laws.DEGENERATE)
def test_degenerate_rounds_have_finite_values_and_gradients(name, changes):
    laws.check_degenerate(ALL[name](), laws.DEGENERATE[changes])


@settings(deadline=None, derandomize=True, max_examples=40)
@given(
    st.lists(st.floats(0, 1e9), min_size=5, max_size=5),
    st.lists(st.floats(0, 1e9), min_size=5, max_size=5),
    st.lists(st.floats(0, 1e8), min_size=35, max_size=35),
    st.floats(0, 1),
)
def test_any_rounds_conserve_money(deficit, needed, capacity, theta):
    grid = np.array(capacity).reshape(5, 7)
    rounds = make_rounds(
        deficit=np.array(deficit), needed=np.array(needed),
        capacity=grid, capacity_total=grid.sum(axis=1),
    )  # fmt: skip
    for allocation in (Queue(), ProRata()):
        policy = Policy(Fixed(theta), allocation)
        records = adl_jax.replay(rounds, policy).records
        budget = np.minimum(theta * np.array(deficit), grid.sum(axis=1))
        np.testing.assert_allclose(records.executed, budget, rtol=1e-12, atol=1e-9)
        assert (np.asarray(records.haircut) <= grid).all()


def test_float32_follows_float64_on_many_accounts():
    # One haircut is a product and a quotient of sums over n accounts: relative error
    # about log2(n) * eps for pairwise sums; a threshold's own account takes the rest.
    fields = round_fields(8, rounds=16, accounts=2**12 + 1)
    for allocation in (ProRata(), Queue()):
        policy = Policy(ProjectedGradient(), allocation)
        wide = adl_jax.replay(adl_jax.Rounds(**fields), policy).records
        single = {
            name: value.astype(np.float32) if value.dtype == float else value
            for name, value in fields.items()
        }
        narrow = adl_jax.replay(adl_jax.Rounds(**single), policy).records
        scale = np.asarray(wide.deficit)
        error = np.abs(np.asarray(narrow.executed, float) - wide.executed) / scale
        assert error.max() < 32 * np.finfo(np.float32).eps


def test_rounds_without_accounts_execute_the_budget_pro_rata():
    bare = dict.fromkeys(("capacity", "score", "leverage"))
    rounds = make_rounds(**bare)
    records = adl_jax.replay(rounds, Policy(Fixed(0.5), Queue())).records
    assert records.haircut is None
    np.testing.assert_array_equal(records.executed, records.budget)
    np.testing.assert_allclose(
        records.concentration, records.executed / rounds.capacity_total
    )


def test_haircuts_can_be_left_out():
    policy = Policy(Fixed(0.5), Queue())
    kept = adl_jax.replay(make_rounds(), policy).records
    dropped = adl_jax.replay(make_rounds(), policy, keep_haircuts=False).records
    assert dropped.haircut is None
    np.testing.assert_array_equal(dropped.executed, kept.executed)
    np.testing.assert_array_equal(dropped.concentration, kept.concentration)


class _Stubborn(Policy):
    """Commits to whatever it is told."""

    asked: jax.Array = eqx.field(default=None)

    def commit(self, state, observation):
        del state
        return Commitment(budget=self.asked[observation.round])


def stubborn(*asked):
    return _Stubborn(Fixed(0), ProRata(), jnp.asarray(asked))


def test_status_reports_the_first_failure_and_numbers_stay_finite():
    rounds = make_rounds(deficit=np.full(5, 1e12))
    fine = adl_jax.replay(rounds, stubborn(1.0, 2.0, 3.0, 4.0, 5.0))
    assert fine.status == RESULTS.successful
    above = adl_jax.replay(rounds, stubborn(1.0, 1e12, jnp.nan, 4.0, 5.0))
    assert above.status == RESULTS.budget_above_capacity
    np.testing.assert_allclose(above.records.executed[1], rounds.capacity_total[1])
    broken = adl_jax.replay(rounds, stubborn(1.0, jnp.nan, 1e12, 4.0, jnp.inf))
    assert broken.status == RESULTS.nonfinite
    assert np.isfinite(broken.records.executed).all()
    assert broken.records.executed[1] == 0
    asked = jnp.stack([stubborn(*np.ones(5)).asked, stubborn(*np.full(5, 1e12)).asked])
    statuses = jax.vmap(
        lambda values: adl_jax.replay(rounds, stubborn(*values)).status._value
    )(asked)
    assert statuses[0] == RESULTS.successful._value
    assert statuses[1] == RESULTS.budget_above_capacity._value


def test_recorded_rows_stand_as_they_are():
    executed = np.array([1e12, 0.0, 3.0, 4.0, 5.0])
    row = Recorded(executed, np.linspace(0, 1, 5), Information.hindsight)
    records = adl_jax.replay(make_rounds(), row).records
    np.testing.assert_array_equal(records.executed, executed)
    np.testing.assert_array_equal(records.concentration, np.linspace(0, 1, 5))
    assert (
        adl_jax.replay(make_rounds(), Recorded(executed)).records.concentration is None
    )


def test_a_recorded_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="has 4 rounds, the event has 5"):
        adl_jax.replay(make_rounds(), Recorded(np.ones(4)))


def test_a_rate_needs_close_outs():
    bare = dict.fromkeys(
        ("closeout_quantity", "closeout_price", "closeout_gap", "max_leverage")
    )
    with pytest.raises(ValueError, match="needs close-outs by market"):
        adl_jax.replay(make_rounds(**bare), Policy(ConstantRate(), ProRata()))


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (Information.hindsight, r"Clairvoyant declares hindsight: only Hindsight"),
        (Information.observed, r"Clairvoyant declares observed: only Recorded"),
        ("deficit", r"Clairvoyant.information is 'deficit'"),
    ],
)
def test_only_the_wrappers_may_declare_hindsight(declared, message):
    class Clairvoyant(Policy):
        @property
        def information(self):
            return declared

    with pytest.raises(ValueError, match=message):
        adl_jax.replay(make_rounds(), Clairvoyant(Fixed(0), ProRata()))


def test_a_subclass_of_a_wrapper_is_no_wrapper():
    class Wider(adl_jax.Hindsight):
        pass

    with pytest.raises(ValueError, match="Wider declares hindsight"):
        adl_jax.replay(make_rounds(), Wider(Policy(Fixed(0), ProRata())))


def test_the_information_set_is_read_once():
    asked = []

    class Fickle(Policy):
        @property
        def information(self):
            asked.append(1)
            first = len(asked) == 1
            return Information.deficit if first else Information.hindsight

        def commit(self, state, observation):
            assert observation.needed is None
            return super().commit(state, observation)

    adl_jax.replay(make_rounds(), Fickle(Fixed(0.5), ProRata()))


class _Given(ProRata):
    """Allocates whatever it is told, close-outs and all."""

    def __call__(self, observation, budget, *, key):
        del budget, key
        return adl_jax.allocation.pro_rata(
            observation.capacity, observation.closeout_notional.sum()
        )


def test_raising_another_amount_than_the_budget_is_reported():
    # A policy of the notional set could otherwise wait for the close-outs.
    policy = Policy(ConstantRate(0.9), _Given())
    trajectory = adl_jax.replay(make_rounds(1), policy)
    assert trajectory.status == RESULTS.infeasible_allocation


@pytest.mark.parametrize("bad", [-1.0, 1e9, np.nan])
def test_haircuts_outside_capacity_are_held_and_reported(bad):
    class Greedy(ProRata):
        def __call__(self, observation, budget, *, key):
            fair = super().__call__(observation, budget, key=key)
            return fair.at[0].set(bad)

    rounds = make_rounds(4)
    trajectory = adl_jax.replay(rounds, Policy(Fixed(0.5), Greedy()))
    expected = RESULTS.nonfinite if np.isnan(bad) else RESULTS.infeasible_allocation
    assert trajectory.status == expected
    haircut = np.asarray(trajectory.records.haircut)
    assert (haircut >= 0).all()
    assert (haircut <= np.asarray(rounds.capacity)).all()


def test_whole_lots_may_miss_the_budget_by_one_lot():
    class Lots(ProRata):
        def __call__(self, observation, budget, *, key):
            return adl_jax.allocation.integer_pro_rata(
                observation.capacity, budget, observation.lot_value
            )

    rounds = make_rounds(4, lot_value=np.full((5, 7), 3.0))
    trajectory = adl_jax.replay(rounds, Policy(Fixed(0.5), Lots()))
    assert trajectory.status == RESULTS.successful
    assert (trajectory.records.executed <= trajectory.records.budget).all()


@pytest.mark.parametrize(
    ("executed", "concentration", "message"),
    [
        ([1.0, -2.0], None, r"executed\[1\] is -2.0"),
        ([1.0, np.nan], None, r"executed\[1\] is nan"),
        ([1.0, 2.0], [0.5], r"concentration has shape \(1,\)"),
        ([1.0, 2.0], [0.5, np.inf], r"concentration\[1\] is inf"),
        (3.0, None, r"executed has shape \(\)"),
    ],
)
def test_recorded_rows_that_cannot_be_are_refused(executed, concentration, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Recorded(executed, concentration)


def test_a_key_reaches_allocations_folded_by_round():
    class Lottery(Queue):
        def __call__(self, observation, budget, *, key):
            weight = jax.random.uniform(key, observation.capacity.shape)
            return adl_jax.allocation.queue(weight, observation.capacity, budget)

    rounds = make_rounds(1, accounts=17)
    policy = Policy(Fixed(0.9), Lottery())
    key = jax.random.key(3)
    first = adl_jax.replay(rounds, policy, key=key).records.haircut
    again = adl_jax.replay(rounds, policy, key=key).records.haircut
    other = adl_jax.replay(rounds, policy, key=jax.random.key(4)).records.haircut
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_sixteen_rounds_of_twenty_thousand_accounts_take_milliseconds():
    import time

    rounds = make_rounds(9, rounds=16, accounts=20_000)
    for allocation in (Queue(), ProRata()):
        policy = Policy(ProjectedGradient(), allocation)
        jax.block_until_ready(adl_jax.replay(rounds, policy))
        times = []
        for _ in range(5):
            start = time.perf_counter()
            jax.block_until_ready(adl_jax.replay(rounds, policy))
            times.append(time.perf_counter() - start)
        # Loose for a loaded machine; benchmarks/replay.py measures.
        assert min(times) < 0.2


@pytest.mark.gpu
def test_a_gpu_replays_like_the_cpu():
    rounds = make_rounds(9, rounds=16, accounts=2**14 + 1)
    for allocation in (Queue(), ProRata()):
        policy = Policy(ProjectedGradient(), allocation)
        here = adl_jax.replay(rounds, policy).records.executed
        with jax.default_device(jax.devices("cpu")[0]):
            there = adl_jax.replay(rounds, policy).records.executed
        np.testing.assert_allclose(here, there, rtol=1e-10)
