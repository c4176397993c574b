"""Named scenarios: one contract for all, and what each is for."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adl_jax
from adl_jax._types import as_dtype
from adl_jax.loop import simulate
from adl_jax.scenario import Given, Scenario, facts, scenarios
from adl_jax.severity import Fixed


NAMES = list(scenarios)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("one_position_each", [True, False])
def test_a_scenario_depends_on_its_key_alone(name, one_position_each, getkey):
    scenario = scenarios[name](num_accounts=100, one_position_each=one_position_each)
    keys = jax.random.split(getkey(), 3)
    draw = eqx.filter_jit(scenario.sample)
    draw_all = jax.jit(jax.vmap(lambda key: scenario.sample(key)))
    book, market, shocks = together = draw_all(jax.random.clone(keys))
    assert book.collateral.shape == (3, 100)
    assert shocks.log_return.shape == (3, 16, 8)
    assert market.mark.shape == (3, 8)
    alone = [draw(jax.random.clone(keys)[row]) for row in range(3)]
    for row in range(3):
        mine = jax.tree.leaves(jax.tree.map(lambda leaf, row=row: leaf[row], together))
        for one, two in zip(mine, jax.tree.leaves(alone[row]), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-11, atol=1e-11)
    assert (alone[0][0].size != alone[1][0].size).all()
    again = draw(jax.random.clone(keys)[0])
    for one, two in zip(jax.tree.leaves(again), jax.tree.leaves(alone[0]), strict=True):
        assert (one == two).all()


@pytest.mark.parametrize("name", NAMES)
def test_float32_scenarios_are_those_of_float32_marks(name, getkey):
    scenario = as_dtype(scenarios[name](num_accounts=100), jnp.float32)
    book, _, shocks = scenario.sample(getkey())
    floats = [
        leaf
        for leaf in jax.tree.leaves((book, shocks))
        if jnp.issubdtype(leaf.dtype, jnp.floating)
    ]
    assert {leaf.dtype for leaf in floats} == {jnp.dtype(jnp.float32)}
    assert all(jnp.isfinite(leaf).all() for leaf in floats)


@pytest.mark.parametrize("name", NAMES)
def test_new_numbers_do_not_trace_again(name, getkey):
    traces = []

    @eqx.filter_jit
    def draw(scenario, key):
        traces.append(1)
        return scenario.sample(key)

    scenario = scenarios[name](num_accounts=100)
    draw(scenario, getkey())
    other = eqx.tree_at(
        lambda s: (s.books.loser_share, s.market.depth, s.venue.fund.balance),
        scenario,
        (adl_jax.as_float(0.3), scenario.market.depth * 2, adl_jax.as_float(7.0)),
    )
    draw(other, getkey())
    assert len(traces) == 1


@pytest.mark.parametrize("name", NAMES)
def test_every_account_starts_above_its_maintenance_margin(name, getkey):
    scenario = scenarios[name](num_accounts=300, one_position_each=False)

    def least(key):
        book, market, _ = scenario.sample(key)
        notional = jnp.abs(book.size) * market.mark[book.market]
        margin = scenario.venue.margin.maintenance(notional, book.market)
        return (book.equity(market.mark) / book.by_account(margin)).min()

    keys = jax.random.split(getkey(), 100)
    assert jax.jit(jax.vmap(least))(keys).min() > 1.1 * (1 - 1e-9)


def outcome(name, key, count, severity=1.0):
    """Records of many scenarios under pro rata."""
    scenario = scenarios[name]()
    policy = adl_jax.Policy(Fixed(severity), adl_jax.ProRata())

    @jax.jit
    def run(keys):
        def one(key):
            for_scenario, for_venue = jax.random.split(key)
            book, market, shocks = scenario.sample(for_scenario)
            venue = scenario.venue
            return simulate(
                *(for_venue, book, market, venue, policy, shocks), keep_haircuts=False
            ).records

        return jax.lax.map(one, keys)  # Quiet rounds cost nothing.

    return run(jax.random.split(key, count))


def test_nothing_happens_on_a_calm_day(getkey):
    records = outcome("calm", getkey(), 200)
    assert (records.venue.liquidated == 0).all()
    assert (records.deficit == 0).all()
    assert (records.executed == 0).all()


def test_the_default_crash_defaults_depletes_and_deleverages(getkey):
    records = outcome("default", getkey(), 100, severity=0.3)
    acts = np.asarray(records.deficit > 1)
    assert acts.any(axis=1).mean() > 0.7  # Most crashes end in ADL,
    assert acts.sum(axis=1).mean() > 6  # in several rounds,
    assert 0.3 < acts.mean() < 0.9  # but not in all of them.
    spent = np.asarray(records.venue.paid_by_fund).sum(axis=1)
    fund = float(scenarios["default"]().venue.fund.balance)
    assert (spent > 0.99 * fund).mean() > 0.7  # The fund is depleted.
    assert np.asarray(records.venue.insolvent).sum(axis=1).mean() > 20
    needed = np.minimum(1, np.asarray(records.needed)[acts] / records.deficit[acts])
    # The real rounds needed 0.01 to 1 of the deficit, and so do many of these.
    assert ((needed > 0.01) & (needed < 1)).mean() > 0.1
    assert (needed == 1).mean() < 0.5
    assert np.isfinite(needed).all()


def test_october_deleverages_in_most_books(getkey):
    records = outcome("october10", getkey(), 60)
    assert (np.asarray(records.deficit) > 1).any(axis=1).mean() > 0.8


def test_a_market_falls_by_its_class(getkey):
    scenario = scenarios["october10"](num_accounts=100)
    _, market, shocks = scenario.sample(getkey())
    fall = dict(
        zip(market.names, np.expm1(np.asarray(shocks.log_return.sum(0))), strict=True)
    )
    np.testing.assert_allclose(fall["BTC"], facts()["october10.btc"].value)
    np.testing.assert_allclose(fall["ETH"], facts()["october10.eth"].value)
    np.testing.assert_allclose(fall["SOL"], facts()["october10.large"].value)
    np.testing.assert_allclose(fall["PUMP"], facts()["october10.tail"].value)


def test_a_given_book_makes_a_scenario(getkey):
    base = scenarios["default"](num_accounts=100)
    book, _, _ = base.sample(getkey())
    own = Scenario(Given(book), base.market, base.venue, base.shocks, num_rounds=5)
    same, _, shocks = own.sample(getkey())
    assert (same.size == book.size).all()
    assert shocks.num_rounds == 5


def test_parts_of_different_size_are_refused():
    base = scenarios["default"](num_accounts=100)
    market = jax.tree.map(lambda leaf: leaf[:3] if leaf.ndim else leaf, base.market)
    market = adl_jax.Market(mark=market.mark, impact=market.impact, depth=market.depth)
    with pytest.raises(adl_jax.InputError, match="8 markets, the market has 3"):
        Scenario(base.books, market, base.venue, base.shocks)
    with pytest.raises(adl_jax.InputError, match="num_rounds is 0"):
        Scenario(base.books, base.market, base.venue, base.shocks, num_rounds=0)


def test_every_constant_has_a_source():
    assert len(facts()) > 80
    for name, fact in facts().items():
        assert np.isfinite(fact.value), name
        assert fact.source, name


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(KeyError, match="default, calm, october10"):
        scenarios["mild"]
