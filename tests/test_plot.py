import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.image import imread

from adl_jax import Recorded, Rounds, backtest, october10
from adl_jax.event import Event
from adl_jax.plot import FIGURES, plot_backtest, shown
from adl_jax.result import InputError


matplotlib.use("agg")


@pytest.fixture(scope="module")
def result():
    return backtest(october10())


def test_every_figure_is_drawn(result, tmp_path):
    paths = plot_backtest(result, tmp_path / "figures")
    assert [path.stem for path in paths] == [
        "budgets",
        "cumulative_tracking",
        "objective_against_bound",
        "concentration",
    ]
    for path in paths:
        image = imread(path)
        assert image.shape[0] > 400
        # Something is drawn: many colours, not a blank page.
        assert len(np.unique(image.reshape(-1, image.shape[-1]), axis=0)) > 50
    assert sorted(entry.name for entry in (tmp_path / "figures").iterdir()) == sorted(
        path.name for path in paths
    )


def test_what_was_done_stands_beside_zero_and_the_headlines(result):
    names = [score.entry.name for score in shown(result)]
    assert names[0] == "production_queue"
    assert "zero" in names
    assert "deficit_learner" in names
    assert "best_fixed_severity" not in names


def test_an_event_without_references_leaves_figures_out(tmp_path):
    bare = Event(
        name="bare",
        rounds=Rounds([1.0, 2.0], [1.0, 0.0], [5.0, 5.0], [0, 2], [1, 3]),
        labels=(1, 2),
        recorded={"mine": Recorded([1.0, 0.0])},
    )
    names = [path.stem for path in plot_backtest(backtest(bare), tmp_path)]
    assert "objective_against_bound" not in names
    assert "budgets" in names


@pytest.mark.parametrize("name", FIGURES)
def test_figures_draw_on_axes_and_return_them(name, result):
    figure = Figure()
    _, mine = figure.subplots(1, 2)
    assert FIGURES[name](result, mine) is mine
    assert [bool(axes.lines) for axes in figure.axes] == [False, True]
    assert mine.get_legend().get_texts()
    new = FIGURES[name](result)
    assert new.figure is not figure
    assert len(new.lines) == len(mine.lines)
    pyplot.close(new.figure)


def test_what_an_event_lacks_is_said():
    rounds = Rounds([1.0, 2.0], [1.0, 0.0], [5.0, 5.0], [0, 2], [1, 3])
    bare = backtest(Event(name="bare", rounds=rounds, labels=(1, 2)), [])
    with pytest.raises(InputError, match="'bare' has no concentration of min_max_ilp"):
        FIGURES["objective_against_bound"](bare)
    with pytest.raises(InputError, match="'bare' has no haircut fractions above 0"):
        FIGURES["concentration"](bare)


def test_many_rounds_have_few_labels():
    count = 60
    ones, times = np.ones(count), 10 * np.arange(count)
    many = Event(
        name="many",
        rounds=Rounds(ones, ones, ones, times, times + 1),
        labels=tuple(range(count)),
    )
    figure = Figure()
    FIGURES["cumulative_tracking"](backtest(many, []), figure.subplots())
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == [str(label) for label in range(0, count, 3)]
