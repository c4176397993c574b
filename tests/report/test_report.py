"""The page of a small run: numbers, chapters, hostile names, and nothing from outside."""

import html
import json
import re

import jax
import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from adl_jax.config import Configuration, build
from adl_jax.inert import shown
from adl_jax.report import write_report
from adl_jax.report.chart import money, plain, share
from adl_jax.report.executive import executive
from adl_jax.report.gather import ORDER, gather, leading
from adl_jax.report.page import page
from adl_jax.report.run_again import Watched, run_again
from adl_jax.report.section import Run
from adl_jax.report.values import table_of
from adl_jax.report.what_if import DEPTHS, SCALES, stress
from adl_jax.result import InputError
from tests.report.elements import Elements
from tests.report.run import SCENARIOS


HOSTILE = (
    "<script>document.title='taken'</script>\u202eevil ../../etc",
    "</script><b>bold</b>=HYPERLINK('//a.b')\x1b[31m",
    '_$x^2$ "><img src=x onerror=alert(1)>' + "long " * 60,
)


@pytest.fixture(scope="session")
def text(written):
    return written.page.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def frame(run):
    return run.to_pandas()


def data_of(text):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    return json.loads(found[1])


def test_all_chapters_are_there_in_order(text, written):
    names = [attributes["id"] for attributes in Elements(text).all("section")]
    assert names == list(ORDER)
    assert not [
        section.missing for section in written.report.sections if section.missing
    ]


def test_nothing_is_asked_for_from_outside(text):
    page = Elements(text)
    links = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "action", "data", "poster")
    ]
    assert links
    assert all(link.startswith("#") for link in links)
    assert "@import" not in text.split("</style>")[0]
    assert "url(" not in text.split("</style>")[0]
    policy = page.all("meta")[1]["content"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-inline" not in policy.split("style-src")[0]


def test_each_chart_is_described(text, written):
    page, charts = Elements(text), data_of(text)["charts"]
    places = [at for at in page.all("div") if at.get("class") == "chart"]
    assert {at["data-chart"] for at in places if "data-chart" in at} == charts.keys()
    ids = {at.get("id") for _, at in page.elements}
    for at in places:
        assert at["role"] == "img"
        assert at["aria-label"]
        assert at["aria-describedby"] in ids
    described = [chart.says for one in written.report.sections for chart in one.charts]
    assert len(described) == len(charts) >= 12
    assert all(len(says) > 30 for says in described)


def test_each_chart_has_its_values_in_a_table(text, written):
    tables = {
        at["id"].removeprefix("table-values_"): at
        for at in Elements(text).all("caption")
        if at["id"].startswith("table-values_")
    }
    charts = [chart for one in written.report.sections for chart in one.charts]
    assert tables.keys() == {chart.name for chart in charts} | {"timeline"}
    curve = next(chart for chart in charts if chart.name == "survival_unpaid")
    rows = table_of(curve).rows
    for line in curve.panels[0].series:
        of = [row for row in rows if row[0].text == line.name]
        places = [np.flatnonzero(line.x == row[1].value)[0] for row in of]
        assert len(places) <= 26
        assert {0, len(line.x) - 1} <= set(places)
        np.testing.assert_array_equal([row[2].value for row in of], line.y[places])
        assert of[0][2].interval == f"{share(line.low[0])} to {share(line.high[0])}"
    fund = next(chart for chart in charts if chart.name == "fund")
    median = fund.panels[0].series[2].y
    np.testing.assert_array_equal([row[3].value for row in table_of(fund).rows], median)
    heat = next(chart for chart in charts if chart.name == "shock_depth_adl")
    values = [[cell.value for cell in row[1:]] for row in table_of(heat).rows]
    np.testing.assert_array_equal(values, heat.panels[0].series[0].values)


@pytest.mark.parametrize(
    ("show", "value", "expected"),
    [
        (money, 0.0, "0"),
        (money, -0.004, "0"),
        (money, 0.5, "0.50"),
        (money, 222.15, "222"),
        (money, 15_360.0, "15.4k"),
        (money, -1.634e6, "\u22121.63M"),
        (money, 999_700.0, "1.00M"),
        (money, 9_999.99, "10.0k"),
        (money, 1.06e9, "1.06B"),
        (share, 0.916, "91.6\u00a0%"),
        (share, 0.0, "0.0\u00a0%"),
        (share, 1e-5, "0.001\u00a0%"),
        (plain, 100_000.0, "100,000"),
        (plain, 0.27083, "0.271"),
        (plain, 999.4, "999"),
        (plain, 999.6, "1,000"),
        (plain, -999.6, "\u22121,000"),
    ],
)
def test_numbers_have_three_digits(show, value, expected):
    assert show(value) == expected


def cell(text, table, row, column):
    """The value that a cell of a table is sorted by."""
    part = text.split(f'id="table-{table}"')[1].split("</table>")[0]
    headings = re.findall(r"<button[^>]*>(.*?)</button>", part)
    for line in part.split("<tr>")[2:]:
        cells = re.findall(r"<t[hd]([^>]*)>([^<]*)", line)
        if cells[0][1] == row:
            attributes = cells[headings.index(column)][0]
            return float(re.search(r'data-value="([^"]*)"', attributes)[1])
    raise AssertionError(f"no row {row}")


@pytest.mark.parametrize("policy", ["zero", "all", "half"])
def test_numbers_are_those_of_the_rows(text, frame, policy):
    rows = frame[frame["policy"] == policy]
    expected = {
        "P(ADL)": (rows["touched"] > 0).mean(),
        "P(unpaid)": (rows["unpaid"] > 0).mean(),
        "paid by winners": rows["executed"].mean(),
        "in vain": rows["overshoot"].mean(),
        "unpaid": rows["unpaid"].mean(),
        "worst haircut": rows["concentration"].mean(),
    }
    for column, value in expected.items():
        assert cell(text, "policies", policy, column) == pytest.approx(value, abs=1e-12)


def test_differences_are_paired(text, frame):
    wide = frame.pivot_table(
        index="scenario", columns="policy", values="unpaid", observed=True
    )
    moved = (wide["all"] - wide["zero"]).mean()
    assert cell(text, "differences", "all", "unpaid") == pytest.approx(moved)


def test_layers_add_up_to_what_was_lost(written, frame):
    section = next(one for one in written.report.sections if one.name == "waterfall")
    bars = section.charts[1].panels[0].series
    for place, policy in enumerate(bars[0].labels):
        rows = frame[frame["policy"] == policy]
        lost = (rows["paid_by_fund"] + rows["executed"] + rows["unpaid"]).mean()
        assert sum(one.y[place] for one in bars) == pytest.approx(lost)


def rebuilt(run):
    configuration = Configuration.model_validate(run.manifest["configuration"])
    return *build(configuration), jax.random.key(configuration.seed)


def test_scenarios_run_again_are_the_run_s_own(run):
    scenario, policies, key = rebuilt(run)
    # In another order; as many as the report ran, so that its program serves.
    chosen = [*range(SCENARIOS - 1, -1, -1), 17, 3, 39, 3, 5, 8]
    watched = policies | {"all": Watched(policies["all"], scenario.num_rounds)}
    examples = run_again(key, scenario, watched, chosen)
    for name, example in examples.items():
        for column in ("executed", "needed", "unpaid", "concentration"):
            rows = run.column(column)[name][chosen]
            np.testing.assert_allclose(example.row[column], rows, rtol=1e-9, atol=1e-6)
        np.testing.assert_allclose(
            example.paid.sum(axis=1), example.executed.sum(axis=1), rtol=1e-9
        )
        assert (example.paid <= example.profit * (1 + 1e-9) + 1e-6).all()
    assert (examples["all"].expected > 0).any()
    assert not examples["half"].expected.any()


def test_what_changes_nothing_gives_the_rows(run):
    scenario, policies, key = rebuilt(run)
    count = 128
    own = float(scenario.venue.fund.balance)
    funds = np.array([own, 1e12])
    stressed = stress(key, scenario, policies["all"], count, funds)
    place = DEPTHS.index(1.0), SCALES.index(1.0)
    rows = {name: run.column(name)["all"][:count] for name in ("unpaid", "touched")}
    np.testing.assert_allclose(stressed.unpaid[place], rows["unpaid"], rtol=1e-9)
    np.testing.assert_array_equal(stressed.by_fund[0] > 0, rows["touched"] > 0)
    # Nobody needs winners where the fund is without end.
    assert not (stressed.by_fund[1] > 0).any()
    # Larger shocks on thinner books never need less, on average.
    assert stressed.executed.mean(axis=-1)[0, -1] >= rows["touched"].any()


def test_the_page_is_small_and_written_whole(written, run, monkeypatch):
    assert written.page.stat().st_size < 10e6
    assert [path.name for path in written.page.parent.iterdir()] != []
    before = written.page.read_bytes()

    def fails(report):
        raise OSError("disk full")

    monkeypatch.setattr("adl_jax.report.write.page", fails)
    monkeypatch.setattr("adl_jax.report.write.gather", lambda *_: written.report)
    with pytest.raises(OSError, match="disk full"):
        write_report(run, written.page)
    assert written.page.read_bytes() == before
    assert not list(written.page.parent.glob(".*"))


def test_every_figure_is_drawn_for_print(written):
    names = {path.name for path in written.figures}
    charts = [chart.name for one in written.report.sections for chart in one.charts]
    assert names == {
        f"{name}.{kind}" for name in [*charts, "timeline"] for kind in ("png", "pdf")
    }
    for path in written.figures:
        if path.suffix == ".pdf":
            assert path.read_bytes().startswith(b"%PDF")
            continue
        image = imread(path)
        # Something is drawn: many shades, not a blank page.
        assert len(np.unique(image[::3, ::3, 1])) > 10


def test_hostile_names_of_policies_are_shown_and_do_nothing(run, tmp_path):
    hashes = dict.fromkeys(HOSTILE, "hash")
    manifest = run.manifest | {"policies": list(HOSTILE), "policy_hashes": hashes}
    results = type(run)(folder=run.folder, manifest=manifest | {"configuration": None})
    written = write_report(
        results, tmp_path / "report.html", figures=tmp_path / "figures"
    )
    text = written.page.read_text(encoding="utf-8")
    page = Elements(text)
    # The data, the library and the script; none of theirs.
    assert len(page.all("script")) == 3
    assert not page.all("img")
    assert not page.all("b")
    assert not any(name.startswith("on") for _, at in page.elements for name in at)
    assert "\x1b" not in text.split("<script")[0]
    assert "\u202e" not in text
    assert shown(HOSTILE[0], 200) in "".join(page.text)
    traces = data_of(text)["charts"]["layers"]["data"]
    assert [trace["name"] for trace in traces] == [
        html.escape(shown(name), quote=False) for name in HOSTILE
    ]
    # Without a configuration what needs one says so.
    missing = [one for one in written.report.sections if one.missing]
    assert {one.name for one in missing} >= {"timeline", "payers", "lorenz"}
    assert all("no configuration" in one.missing for one in missing)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "figures",
        "report.html",
    ]


def test_another_scenario_than_the_one_that_ran_is_not_shown(run):
    manifest = run.manifest | {"scenario_hash": "another"}
    again = type(run)(folder=run.folder, manifest=manifest)
    section = next(one for one in gather(again).sections if one.name == "fund")
    assert "builds another scenario" in section.missing


def test_tilted_runs_say_what_they_leave_out(run):
    # Weights of 1: the logarithms are 0.
    tilted = type(run)(folder=run.folder, manifest=run.manifest | {"tilted": True})
    report = gather(tilted)
    section = next(one for one in report.sections if one.name == "fund")
    assert "drawn more often" in section.missing
    assert any(f"worth {SCENARIOS} crashes" in says for says in report.sections[0].says)
    assert page(report)


def test_the_policy_looked_into_leaves_and_wastes_least(run, frame):
    worth = (frame["unpaid"] + frame["overshoot"]).groupby(
        frame["policy"], observed=True
    )
    acting = worth.mean().drop("zero")
    assert leading(run, {}) == acting.idxmin()


def test_a_run_in_which_nothing_happens_says_so(run, monkeypatch):
    calm = lambda name, **_: {policy: np.zeros(SCENARIOS) for policy in run.policies}
    monkeypatch.setattr(type(run), "column", lambda self, *given, **more: calm(*given))
    # Not the one that never does anything.
    assert leading(run, {}) == "all"
    shown = Run(run, "all", {})
    rows = [
        {"policy": policy, "figure": figure, "value": 0.0, "low": 0.0, "high": 0.01}
        for policy in run.policies
        for figure in (
            *("probability_of_adl", "probability_of_fund_depletion"),
            *("unpaid_mean_usd", "reported_failures"),
        )
    ]
    says = executive(shown, pd.DataFrame(rows), None).says
    assert "No debt stays unpaid in any crash, under any policy." in says
    assert says[-1].startswith("How sure: what happens in fewer than one crash of 53 ")


def test_another_format_is_refused(run):
    again = type(run)(folder=run.folder, manifest=run.manifest | {"format": 1})
    with pytest.raises(InputError, match="format 1"):
        gather(again)


def test_survival_starts_where_pandas_counts(written, frame):
    section = next(one for one in written.report.sections if one.name == "tails")
    for line in section.charts[0].panels[0].series:
        unpaid = frame.loc[frame["policy"] == line.name, "unpaid"]
        expected = [(unpaid >= threshold).mean() for threshold in line.x]
        np.testing.assert_allclose(line.y, expected)
        assert isinstance(unpaid, pd.Series)
