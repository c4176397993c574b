"""The paper's exhibits agree with what it prints, and would say so if they did not."""

import dataclasses
import importlib

import numpy as np
import pandas as pd
import pytest

import adl_jax
from adl_jax import Recorded
from experiments.catalogue import EXHIBITS, Tables
from experiments.paper import figure_12, stability, table_2, table_3
from experiments.paper.agreement import NEEDS_TABLES, PUBLISHED, holds
from experiments.paper.exhibit import Given, run


EVERYWHERE = [one.name for one in EXHIBITS if one.tables is not Tables.needed]


def made(name, given):
    return importlib.import_module(f"experiments.paper.{name}").make(given)


@pytest.fixture(scope="module")
def embedded():
    return Given(adl_jax.october10())


@pytest.fixture(scope="module")
def with_tables(oct10):
    return Given(adl_jax.october10_tables(oct10), oct10)


@pytest.mark.parametrize("name", EVERYWHERE)
def test_the_embedded_rounds_agree_with_the_paper(name, embedded):
    found = made(name, embedded).agreement(name, tables=False)
    assert len(found)
    assert holds(found), found
    open_ones = found.loc[found["verdict"] == NEEDS_TABLES, "quantity"].tolist()
    assert open_ones == (["total liquidations"] if name == "table_1" else [])


def test_the_total_of_liquidations_agrees(with_tables):
    found = made("table_1", with_tables).agreement("table_1", tables=True)
    assert holds(found)
    assert (found["verdict"] != NEEDS_TABLES).all()


@pytest.mark.parametrize(
    ("name", "columns"), [("figure_03", 1), ("figure_05", 12), ("figure_06", 5)]
)
def test_every_round_agrees_with_the_authors_columns(name, columns, with_tables):
    exhibit = made(name, with_tables)
    assert len(exhibit.beside) == columns
    assert {row["verdict"] for row in exhibit.beside} == {"agrees"}


def test_the_order_of_figures_12_and_13_is_the_published_one(with_tables):
    for name in ("figure_12", "figure_13"):
        found = made(name, with_tables).agreement(name, tables=True)
        assert holds(found), found
        assert found["verdict"].tolist().count("agrees") == 1


def test_the_ratios_of_table_3_by_pandas_alone(embedded, oct10):
    table = pd.read_csv(oct10 / "policy_per_wave_metrics.csv")

    def loss(column, weight):
        missed = (table[f"budget_{column}"] - table["budget_needed"]).abs()
        return missed + weight * table["budget_needed"] * table[f"max_pct_{column}"]

    rows = made("table_3", embedded).rows
    for _, row in rows.iterrows():
        others = ("contract_pr", "vector", "fixed_point_ilp_integer")
        best = pd.concat([loss(name, row["weight"]) for name in others], axis=1)
        ratio = loss("prod", row["weight"]).sum() / best.min(axis=1).sum()
        np.testing.assert_allclose(row["times_with_own_concentration"], ratio)
    assert rows["weight"].min() == 0.5
    assert rows["weight"].max() == 2


def test_two_cents_are_seen(embedded):
    event = embedded.event
    queue = event.recorded["production_queue"]
    executed = np.asarray(queue.executed) + np.eye(1, 16, 9)[0] * 0.02
    recorded = dict(event.recorded)
    recorded["production_queue"] = Recorded(executed, queue.concentration)
    changed = Given(dataclasses.replace(event, recorded=recorded))
    found = table_2.make(changed).agreement("table_2", tables=False)
    assert not holds(found)
    wrong = found.loc[found["verdict"].str.contains("NOT EXPECTED"), "quantity"]
    assert wrong.tolist() == ["production_queue tracking", "production_queue total"]


def test_nothing_is_left_out_or_made_up(embedded):
    exhibit = table_3.make(embedded)
    less = dataclasses.replace(exhibit, ours={})
    with pytest.raises(LookupError, match="no value of 'overshoot over"):
        less.agreement("table_3", tables=False)
    more = dataclasses.replace(exhibit, ours={**exhibit.ours, "luck": 1.0})
    with pytest.raises(LookupError, match="luck"):
        more.agreement("table_3", tables=False)


def test_every_printed_number_belongs_to_an_exhibit():
    every = pd.read_csv(PUBLISHED, dtype=str, keep_default_na=False)
    assert every["quantity"].is_unique
    named = set(" ".join(every["exhibits"]).split())
    assert named == {one.name for one in EXHIBITS}
    assert every["printed"].map(float).map(np.isfinite).all()
    assert set(every["expect"]) == {"agrees", "differs", "not public"}
    assert (every["where"] != "").all()


def test_a_script_writes_its_files(tmp_path, capsys):
    code = run("table_2", table_2.make, "Table 2", ["--out", str(tmp_path)])
    assert code == 0
    assert "53,782,490.5302" in capsys.readouterr().out
    rows = pd.read_csv(tmp_path / "table_2.csv", index_col="policy")
    np.testing.assert_allclose(
        rows.loc["min_max_ilp", "total_usd"], 106_205.81, atol=0.01
    )
    found = pd.read_csv(tmp_path / "table_2_agreement.csv")
    assert found["verdict"].value_counts().to_dict() == {
        "agrees": 15,
        "differs, as known": 1,
    }


def test_a_figure_is_drawn(tmp_path):
    name = "figure_11"
    make = importlib.import_module(f"experiments.paper.{name}").make
    assert run(name, make, "Figure 11", ["--out", str(tmp_path)]) == 0
    assert (tmp_path / "figure_11.png").read_bytes()[:4] == b"\x89PNG"
    assert len(pd.read_csv(tmp_path / "figure_11.csv")) == 16


def test_an_exhibit_without_its_input_says_what_to_give(tmp_path, capsys):
    code = run("figure_12", figure_12.make, "Figure 12", ["--out", str(tmp_path)])
    assert code == 2
    assert "fix: give --data" in capsys.readouterr().out
    code = run("table_2", table_2.make, "Table 2", ["--data", str(tmp_path / "none")])
    assert code == 2
    assert "no such folder" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_fills_bring_the_real_winners(embedded, oct10):
    given = dataclasses.replace(embedded, fills=oct10 / "adl_detailed_sample.csv")
    event = stability.with_winners(given)
    assert len(event.accounts) == 214
