"""Configurations: what they build, what they refuse and how, and what stays the same."""

import math
import re
import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from pydantic import BaseModel, ValidationError

import adl_jax
from adl_jax.config import (
    Configuration,
    as_dict,
    build,
    built_in_names,
    changed,
    configuration_hash,
    load,
    parse,
    to_toml,
)
from adl_jax.config.configuration import ZERO
from adl_jax.config.policies import PARAMETERS, parameters_of
from adl_jax.loop import simulate
from adl_jax.policy import Policy
from adl_jax.scenario import scenarios
from adl_jax.severity import severities
from adl_jax.venue import venues
from tests.configuration_page import PAGE, written


NAMES = built_in_names()
SMALL = {"book": {"accounts": 100}, "dtype": "float64"}


def small(name="default", **changes):
    return build(changed(load(name), **(SMALL | changes)))


def refused(text):
    with pytest.raises(adl_jax.InputError) as error:
        parse(text, "my.toml")
    return str(error.value).splitlines()


@eqx.filter_jit
def records_of(scenario, policy, keys):
    """Records of some scenarios."""

    def one(key):
        for_scenario, for_venue = jax.random.split(key)
        book, market, shocks = scenario.sample(for_scenario)
        venue = scenario.venue
        return simulate(
            for_venue, book, market, venue, policy, shocks, keep_haircuts=False
        ).records

    return jax.lax.map(one, keys)


# What is built


@pytest.mark.parametrize("name", NAMES)
def test_every_built_in_runs(name, getkey):
    built = small(name, rounds=16)
    assert next(iter(built.policies)) == ZERO
    assert built.scenario.num_rounds == 16
    keys = jax.random.split(getkey(), 16)
    records = records_of(built.scenario, built.policies["queue"], keys)
    assert jnp.isfinite(records.executed).all()
    assert (records.deficit.sum() > 0) == (name != "calm")
    assert (records.executed.sum() > 0) == (name != "calm")


def test_zero_raises_nothing_and_joint_policies_run(getkey):
    scenario, policies = small()
    keys = jax.random.split(getkey(), 16)
    records = records_of(scenario, policies[ZERO], jax.random.clone(keys))
    assert records.deficit.sum() > 0
    assert (records.executed == 0).all()
    records = records_of(scenario, policies["mirror_descent"], keys)
    assert records.executed.sum() > 0


def test_the_usual_ones_are_built_in():
    assert {"default", "calm", "october10", "severe", "thin_fund"} <= set(NAMES)
    assert load("default") == Configuration()


@pytest.mark.parametrize("one_position_each", [True, False])
@pytest.mark.parametrize("name", list(scenarios))
def test_built_ins_are_the_scenarios_of_their_name(name, one_position_each, getkey):
    book = {"accounts": 300, "one_position_each": one_position_each}
    ours = small(name, book=book).scenario
    theirs = scenarios[name](num_accounts=300, one_position_each=one_position_each)
    key = getkey()
    book, market, shocks = ours.sample(jax.random.clone(key))
    other_book, other_market, other_shocks = theirs.sample(key)
    assert jax.tree.structure(ours.venue) == jax.tree.structure(theirs.venue)
    assert market.names == other_market.names
    for one, two in zip(
        jax.tree.leaves((book, market, shocks.log_return, ours.venue)),
        jax.tree.leaves(
            (other_book, other_market, other_shocks.log_return, theirs.venue)
        ),
        strict=True,
    ):
        np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-15)
    for field in ("impact", "depth"):
        value = getattr(other_shocks, field)
        # The named calm has no liquidity of its own: the market's.
        value = getattr(market, field)[None] if value is None else value
        np.testing.assert_allclose(*np.broadcast_arrays(getattr(shocks, field), value))


@pytest.mark.parametrize(
    ("changes", "leaf", "value"),
    [
        ({"venue": {"fund_usd_per_account": 0.0}}, "venue.fund.balance", 0),
        ({"venue": {"fund_usd_per_account": 3.0}}, "venue.fund.balance", 300),
        ({"venue": {"fund_floor": 0.7}}, "venue.fund.floor", 0.7),
        ({"venue": {"fund_most_usd_per_account": 2.0}}, "venue.fund.most", 200),
        ({"venue": {"preset": "bybit"}, "policies": []}, "venue.fund.floor", 0.7),
        ({"venue": {"vault_usd_per_account": 2.0}}, "venue.vault.cash", 200),
        (
            {"venue": {"vault_usd_per_account": 2.0, "vault_leverage": 3.0}},
            "venue.vault.leverage",
            3,
        ),
        ({"venue": {"largest_haircut": 0.4}}, "venue.largest_haircut", 0.4),
        ({"venue": {"equity_floor_usd": 5.0}}, "venue.equity_floor", 5),
        ({"venue": {"liquidation_fee": 0.01}}, "venue.liquidation_fee", 0.01),
        ({"venue": {"response": {"closes": 0.5}}}, "venue.response.closes", 0.5),
        ({"venue": {"surplus": "refund"}}, "venue.surplus", "refund"),
        ({"venue": {"leaves": False}}, "venue.leaves", False),
        ({"rounds": 3}, "num_rounds", 3),
        ({"book": {"accounts": 90}}, "books.winning.score.size", 49),
        ({"book": {"loser_share": 0.3}}, "books.loser_share", 0.3),
        ({"book": {"margin_buffer": 2.0}}, "books.buffer", 2),
        (
            {"book": {"loser_margin_use_median": 0.5}},
            "books.losers.margin_use_median",
            0.5,
        ),
        ({"order_book": {"recovery": 0.1}}, "market.recovery", 0.1),
        ({"crash": {"returns": {"volatility": 0.2}}}, "shocks.returns.volatility", 0.2),
        ({"crash": {"returns": {"fall": 0.0}}}, "shocks.returns.fall", 0),
        (
            {"crash": {"returns": {"batches": {"branching": 0.5}}}},
            "shocks.returns.batches.branching",
            0.5,
        ),
        ({"crash": {"funding_per_round": 0.01}}, "shocks.funding", 0.01),
        (
            {"crash": {"liquidity": {"multiplier": 0.3}}},
            "shocks.liquidity.multiplier",
            0.3,
        ),
    ],
)
def test_a_key_reaches_what_is_simulated(changes, leaf, value):
    book = SMALL["book"] | changes.get("book", {})
    found = small(**(changes | {"book": book})).scenario
    for part in leaf.split("."):
        found = getattr(found, part)
    assert found == pytest.approx(value) if isinstance(value, float) else found == value


def test_order_books_scale_the_calibration():
    base = small().scenario.market
    market = small(
        order_book={
            "depth_multiplier": 0.5,
            "impact_multiplier": 2.0,
            "impact_estimate_ratio": 3.0,
            "permanent_impact": 0.1,
        }
    ).scenario.market
    np.testing.assert_allclose(market.depth, base.depth / 2)
    np.testing.assert_allclose(market.impact, base.impact * 2)
    np.testing.assert_allclose(market.impact_estimate, base.impact * 6)
    # q contracts at an average slope of a move the last price by 2 a q.
    np.testing.assert_allclose(market.permanent, base.impact * 0.4)
    assert base.permanent is None
    assert base.impact_estimate is None


def test_the_fall_is_that_of_the_whole_crash():
    """On average over scenarios, whatever the number of rounds and the batches' law."""
    for rounds, changes in ((16, {}), (8, {"branching": 0.3})):
        configuration = changed(
            load("default"),
            rounds=rounds,
            crash={"returns": {"volatility": 0.0, "fall": 0.3, "batches": changes}},
            **SMALL,
        )
        returns = build(configuration).scenario.shocks.returns
        batches = configuration.crash.returns.expected_batches(rounds)
        np.testing.assert_allclose(returns.fall * batches, -math.log1p(-0.3))


def test_a_designed_path_falls_as_it_says(getkey):
    weight = [0.0, 3.0, 1.0]
    returns = {"fall": 0.5, "weight_of_rounds": weight, "noise": 0.0}
    configuration = changed(
        load("october10"), rounds=3, crash={"returns": returns}, **SMALL
    )
    _, _, shocks = build(configuration).scenario.sample(getkey())
    np.testing.assert_allclose(
        np.exp(shocks.log_return[:, 0]), [1, 0.5**0.75, 0.5**0.25], atol=1e-12
    )


def test_markets_of_ones_own():
    text = """
        dtype = "float64"
        [book]
        accounts = 50
        [[markets]]
        name = "GOLD"
        mark_usd = 4000
        depth_usd = 1e6
        open_interest_share = 3
        max_leverage = 20
        [[markets]]
        name = "OIL"
        mark_usd = 60
        depth_usd = 1e5
        open_interest_share = 1
        max_leverage = 10
        beta = 1.5
    """
    built = build(parse(text, "x"))
    assert built.scenario.market.names == ("GOLD", "OIL")
    assert built.scenario.market.mark.tolist() == [4000, 60]
    assert built.scenario.shocks.returns.beta.tolist() == [1, 1.5]
    assert built.scenario.venue.margin.rate[0, 0] == 1 / 40


@pytest.mark.parametrize("name", ["paper", *venues])
def test_every_preset_builds(name):
    policies = [{"name": "queue", "severity": "full", "allocation": "queue"}]
    built = small(venue={"preset": name}, policies=policies)
    venue = built.scenario.venue
    layers = venue.fund.balance + (0 if venue.vault is None else venue.vault.cash)
    assert layers == 1000
    if name != "paper":
        assert venue.settlement == venues[name]().settlement


def test_rules_override_the_preset():
    venue = small(
        venue={
            "preset": "okx",
            "settlement": "contracts",
            "close_price": "bankruptcy",
            "score": "binance",
            "liquidation": "full",
            "protect_collateral": True,
            "closes_out": "insolvent",
        },
        policies=[],
    ).scenario.venue
    assert type(venue.close_price).__name__ == "Bankruptcy"
    assert venue.score is adl_jax.score.binance
    assert type(venue.liquidation).__name__ == "Full"
    assert venue.protect_collateral
    assert venue.closes_out == "insolvent"


def test_a_policy_has_its_numbers():
    built = small(
        policies=[
            {
                "name": "half",
                "severity": "fixed",
                "severity_parameters": {"severity": 0.25},
                "allocation": "leverage_weighted",
                "allocation_parameters": {"power": 2},
            },
            {
                "name": "median",
                "severity": "weighted_median",
                "severity_parameters": {"memory": 8, "discount": 0.5},
            },
        ]
    )
    half, median = built.policies["half"], built.policies["median"]
    assert isinstance(half, Policy)
    assert isinstance(median, Policy)
    assert half.severity.severity == 0.25
    assert half.allocation.power == 2
    assert median.severity.memory == 8
    assert median.severity.discount == 0.5
    assert list(built.policies) == [ZERO, "half", "median"]


def test_every_number_is_that_of_some_policy():
    taken = {name for one in severities.values() for name in parameters_of(one)}
    assert taken < set(PARAMETERS)
    assert set(PARAMETERS) - taken == {"power"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_everything_has_the_configured_dtype(dtype):
    built = small(dtype=dtype)
    floats = {
        leaf.dtype.name
        for leaf in jax.tree.leaves(built)
        if jnp.issubdtype(leaf.dtype, jnp.floating)
    }
    assert floats == {dtype}


def test_float64_without_x64_is_refused():
    configuration = changed(load("default"), dtype="float64")
    with (
        jax.enable_x64(False),
        pytest.raises(adl_jax.InputError, match="JAX_ENABLE_X64=1"),
    ):
        build(configuration)


# What is refused


def test_everything_wrong_is_said_at_once():
    text = """\
seed = -1
dtype = "float16"
scenarios = 1.5
[venue]
preset = "binanse"
fund_usd = 3
surplus = "refunds"
[crash.returns]
volatilty = 1
volatility = 2
[[policies]]
name = "a"
severity = "fixed"
severity_parameters = { severity = 2 }
[[policies]]
name = "A"
severity = "fixd"
"""
    message = refused(text)
    assert message[0] == "my.toml: 11 problems"
    assert message[1:5] == [
        "  line 1, key seed: value -1, must be greater than or equal to 0; "
        "fix: write 0 or more",
        "  line 2, key dtype: value 'float16', must be one of 'float32', 'float64'; "
        "fix: did you mean 'float64'?",
        "  line 3, key scenarios: value 1.5, must be a whole number; "
        "fix: write a whole number, without quotes or a point",
        "  line 5, key venue.preset: value 'binanse', must be one of "
        + ", ".join(repr(name) for name in ("paper", *venues))
        + "; fix: did you mean 'binance'?",
    ]
    rest = "\n".join(message[5:])
    for part in (
        "line 6, key venue.fund_usd: value 3, no such key; fix: did you mean 'fund_",
        "line 7, key venue.surplus: value 'refunds', must be one of 'fund', 'refund'; "
        "fix: did you mean 'refund'?",
        "line 9, key crash.returns.volatilty: value 1, no such key; "
        "fix: did you mean 'volatility'?",
        "line 10, key crash.returns.volatility: value 2, must be less than or equal to 1",
        "line 14, key policies[1].severity_parameters.severity: value 2, must be between "
        "0 and 1; fix: write a number between them",
        "line 16, key policies[2].name: value 'A', there already; "
        "fix: give each its own name",
    ):
        assert part in rest


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("scenarios = 1_000_000_001", 1, "must be less than or equal to 1000000000"),
        ("seed = 4294967296", 1, "must be less than 4294967296"),
        ("seed = true", 1, "must be a whole number"),
        ("seed = 1979-05-27", 1, "value datetime.date(1979, 5, 27), must be a whole"),
        ("rounds = '3'", 1, "value '3', must be a whole number"),
        ("book = 1", 1, "must be a table"),
        ("markets = 1", 1, "must be a list"),
        ("markets = []", 1, "fix: give at least 1"),
        ("\n[book]\n\none_position_each = 1", 4, "must be true or false"),
        ("[book]\naccounts = 9", 2, "leave no winners or no losers; fix: give more"),
        ("[book]\nwinner_share = 1.0", 1, "leave no winners or no losers"),
        ("[venue]\nfund_usd_per_account = nan", 2, "must be a finite number"),
        (
            "[venue]\nfund_usd_per_account = -0.5",
            2,
            "must be greater than or equal to 0",
        ),
        ("[venue]\nclose_price = 'mark'", 2, "no effect: profit is taken"),
        ("[venue]\nprotect_collateral = false", 2, "no effect: profit is taken"),
        ("[venue]\nvault_leverage = 2.0", 2, "no effect: there is no vault"),
        (
            "policies = []\n[venue]\npreset = 'hyperliquid'\nfund_floor = 0.5",
            4,
            "no effect: hyperliquid has a vault",
        ),
        (
            "policies = []\n[venue]\nsettlement = 'contracts'\nbasis = 'collateral'",
            4,
            "must go with settlement 'pnl'",
        ),
        ("[venue]\npreset = 'okx'", 1, "'mirror_descent' cannot allocate contracts"),
        (
            "[venue.response]\nundoes_nothing = 0.7\nundoes_all = 0.7",
            3,
            "sum to 1.4, must be at most 1",
        ),
        ("[crash.returns]\nfamily = 'october'", 2, "must be one of 'factor', 'path'"),
        ("[crash.returns]\nnoise = 0.1", 2, "no such key"),
        ("crash.returns.reaction = 0.5", 1, "sum to 1.35, must be below 1"),
        (
            "rounds = 60",
            1,
            "value 256, too few for 60 rounds: 346 batches are expected",
        ),
        (
            "rounds = 2\n[crash.returns]\nfamily = 'path'\nweight_of_rounds = [\n1,\n'2']",
            4,
            "weight_of_rounds[2]: value '2', must be a number",
        ),
        (
            "rounds = 2\ncrash.returns = {family = 'path', weight_of_rounds = [1]}",
            2,
            "has 1 numbers for 2 rounds",
        ),
        (
            "rounds = 2\ncrash.returns = {family = 'path', weight_of_rounds = [0, 0]}",
            2,
            "must not be all 0",
        ),
        (
            "[[markets]]\nname = 'BTC'",
            1,
            "key markets[1].mark_usd: missing; fix: add it",
        ),
        ("[[policies]]\nname = 'a'", 1, "has no severity and no vector"),
        ("[[policies]]\nseverity = 'full'", 1, "key policies[1].name: missing"),
        (
            "[[policies]]\nname = 'zero'\nseverity = 'zero'",
            2,
            "every run has the policy",
        ),
        (
            "[[policies]]\nname = 'a'\nvector = 'vector_entropic'\nseverity = 'full'",
            4,
            "vector says how much and who already",
        ),
        (
            "[[policies]]\nname = 'a'\nseverity = 'fixed'\n"
            "[policies.severity_parameters]\nseverty = 0.5",
            5,
            "no such parameter of 'fixed'; fix: did you mean 'severity'?",
        ),
        (
            "[[policies]]\nname = 'a'\nseverity = 'full'\nseverity_parameters.rate = 1",
            4,
            "no such parameter of 'full'; fix: remove it",
        ),
        (
            "[[policies]]\nname = 'a'\nseverity = 'ader'\n"
            "severity_parameters = { horizon = 2.5 }",
            4,
            "must be a whole number",
        ),
        (
            "[[policies]]\nname = 'a'\nseverity = 'fixed'\n"
            "severity_parameters = { severity = nan }",
            4,
            "must be between 0 and 1",
        ),
        ("a = 1\n\na = 2", 3, "no TOML, cannot overwrite a value"),
        ("a = ", 1, "no TOML, invalid value"),
    ],
)
def test_each_fault_has_its_line_and_fix(text, line, problem):
    message = "\n".join(refused(text))
    assert message.startswith("my.toml: ")
    assert re.search(rf"line {line}[,:]", message)
    assert problem in message
    assert "; fix: " in message


def test_lines_are_right_behind_long_values():
    text = '''\
# A comment with [brackets] and """quotes""".
"seed" = 1
crash.returns.family = "path" # [
crash.returns.weight_of_rounds = [
  1, 2, # ]
  3,
]
note = """
seed = 2
[venue]
"""
[ venue ] # here
'preset' = "x"
'''
    message = "\n".join(refused(text))
    assert "line 8, key note" in message
    assert "line 13, key venue.preset" in message


def test_a_huge_broken_file_is_explained_in_time():
    assert "no such key" in refused("x = [\n" + "\n" * 90_000 + "1]")[1]
    assert len(refused("".join(f"x{i} = 1\n" for i in range(5000)))) == 52


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        "../../etc/passwd",
        "a/b",
        "a\\b",
        "a\x1b[31m",
        "a\n",
        "a\x00b",
        ".hidden",
        "-option",
        "",
        "x" * 65,
        "\u202eevil",
    ],
)
def test_hostile_names_are_refused(name):
    with pytest.raises(adl_jax.InputError) as error:
        changed(load("default"), policies=[{"name": name, "severity": "full"}])
    message = str(error.value)
    assert "policies[1].name" in message
    assert all(letter.isprintable() for line in message.split("\n") for letter in line)
    assert len(message) < 500


@pytest.mark.parametrize(
    "text",
    [
        '"a\\u001b[31m" = 1',
        '"<b>" = "<i>"',
        f"seed = {'9' * 5000}",
        f"seed = 0x{'f' * 9000}",
        f"rounds = 1{'0' * 400}",
        f"{'x' * 5000} = 1",
        f"venue.preset = '{'x' * 5000}'",
        "x = " + "[" * 20_000,
        "x = 'a\u2028b'",
    ],
)
def test_hostile_text_is_inert(text):
    message = refused(text)
    assert all(letter.isprintable() for line in message for letter in line)
    assert all(len(line) < 600 for line in message)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="[]{}=.,\"'# \n\\abs1-venueseed", max_size=60))
def test_any_text_is_read_or_explained(text):
    try:
        parse(text, "my.toml")
    except adl_jax.InputError as error:
        message = str(error)
    else:
        message = "my.toml: right"
    assert message.startswith("my.toml: ")


def numbers_of(model, place=()):
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from numbers_of(value, (*place, name))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            limits = [
                limit
                for item in (field, *field.metadata)
                for limit in (*getattr(item, "metadata", ()), item)
            ]
            for limit in limits:
                for bound in ("ge", "le"):
                    if (edge := getattr(limit, bound, None)) is not None:
                        yield (*place, name), edge


@pytest.mark.parametrize("name", ["default", "october10"])
def test_the_limits_are_inside_those_of_the_modules(name):
    """Every number at its limits builds, or is refused as a configuration.

    In float32, which rounds them.
    """
    built = 0
    base = changed(load(name), book={"accounts": 100}, venue={"response": {}})
    edges = [
        (place, edge)
        for place, edge in numbers_of(base)
        if place not in {("book", "accounts"), ("scenarios",)}
    ]
    assert len(edges) > 60
    with jax.enable_x64(False):
        for place, edge in edges:
            changes = edge
            for part in reversed(place):
                changes = {part: changes}
            try:
                configuration = changed(base, **changes)
            except adl_jax.InputError:
                continue
            build(configuration)
            built += 1
    assert built > 0.8 * len(edges)


def test_paths_and_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(adl_jax.InputError) as error:
        load("defualt")
    assert str(error.value) == (
        "'defualt': no such file, and no built-in configuration of that name; there are: "
        + ", ".join(NAMES)
        + "; fix: did you mean 'default'?"
    )
    for name in ("x" * 5000, "a\x00b", "../default", "\x1b[31m"):
        with pytest.raises(adl_jax.InputError, match="no such file") as error:
            load(name)
        assert str(error.value).isprintable()
    (tmp_path / "calm").mkdir()
    assert load("calm").crash.returns.volatility == 1e-4
    (tmp_path / "default").write_text("seed = 7")
    assert load("default").seed == 7  # A file wins.
    assert load(tmp_path / "default").seed == 7
    (tmp_path / "bom.toml").write_text("\ufeffseed = 8", encoding="utf-8")
    assert load("bom.toml").seed == 8
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(adl_jax.InputError, match="not in UTF-8"):
        load("bytes.toml")
    (tmp_path / "large.toml").write_text("#" * 200_000)
    with pytest.raises(adl_jax.InputError, match="larger than"):
        load("large.toml")
    (tmp_path / "bad.toml").write_text("sed = 1")
    with pytest.raises(
        adl_jax.InputError, match=r"bad\.toml: 1 problem\n  line 1, key"
    ):
        load("bad.toml")


def test_changes_are_validated_too():
    base = load("default")
    with pytest.raises(adl_jax.InputError, match="key scenarios: value 0, must be"):
        changed(base, scenarios=0)
    with pytest.raises(adl_jax.InputError, match="value 1, no such key"):
        changed(base, venue={"fnd": 1})
    other = changed(base, venue={"fund_usd_per_account": 1})
    assert other == load("thin_fund")
    assert base.venue.fund_usd_per_account == 10
    with pytest.raises(ValidationError):
        base.seed = 3


# What stays the same


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_survives_its_text(name):
    configuration = load(name)
    again = parse(to_toml(configuration), "manifest.toml")
    assert again == configuration
    assert configuration_hash(again) == configuration_hash(configuration)
    assert as_dict(again) == as_dict(configuration)


def test_the_text_has_every_default():
    text = to_toml(Configuration())
    for key in ("half_life_rounds = 4.0", "loser_share = 0.57", 'name = "AVAX"'):
        assert key in text
    assert "branching = 0.66" in text


@settings(max_examples=50, deadline=None)
@given(
    fund=st.floats(0, 1e15),
    severity=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}", fullmatch=True),
)
def test_any_configuration_survives_its_text(fund, severity, seed, name):
    policy = {"name": f"p{name}"[:64], "severity": "fixed"}
    policy |= {"severity_parameters": {"severity": severity}}
    configuration = changed(
        Configuration(),
        seed=seed,
        venue={"fund_usd_per_account": fund},
        policies=[policy],
    )
    again = parse(to_toml(configuration), "x")
    assert again == configuration
    assert configuration_hash(again) == configuration_hash(configuration)


def test_the_hash_is_of_the_meaning():
    one = parse("seed = 1\n[venue]\nfund_usd_per_account = 5\nfund_floor = 0.5", "x")
    two = parse(
        "# other order\nvenue.fund_floor = 5e-1\n"
        "venue.fund_usd_per_account = 5.0\nseed = 0x1",
        "y",
    )
    assert configuration_hash(one) == configuration_hash(two)
    hashes = {configuration_hash(load(name)) for name in NAMES}
    assert len(hashes) == len(NAMES)
    assert configuration_hash(changed(one, seed=2)) != configuration_hash(one)
    code = "from adl_jax.config import *; print(configuration_hash(load('default')))"
    for hash_seed in ("0", "1"):
        environment = {"PYTHONHASHSEED": hash_seed, "JAX_ENABLE_X64": hash_seed}
        other = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert other.stdout.strip() == configuration_hash(load("default"))


def test_the_page_has_every_key():
    page = PAGE.read_text()
    assert page == written(page), "run python -m tests.configuration_page"
    default = (PAGE.parents[1] / "adl_jax/data/configurations/default.toml").read_text()
    assert f"```toml\n{default}```" in page
    for name in NAMES:
        assert f"| `{name}` |" in page
