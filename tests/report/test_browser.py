"""The page in headless Chromium: nothing logged, every chart drawn, controls work."""

import shutil
import time

import pytest

from adl_jax.inert import shown
from adl_jax.report.page import page as page_of
from tests.report.hand_made import SHORT_AND_LONG, report_of
from tests.report.run import FOLDER


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
playwright = pytest.importorskip(
    "playwright.sync_api", reason="needs playwright: pip install playwright"
)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="needs Chromium: apt-get install chromium"
)
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update"),
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as engine:
        started = engine.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield started
        started.close()


@pytest.fixture(
    scope="module", params=[("light", 1280), ("dark", 390)], ids=["light", "dark phone"]
)
def page(browser, written, request):
    scheme, width = request.param
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme
    )
    opened = context.new_page()
    opened.logged, opened.asked = [], []
    opened.on("console", lambda message: opened.logged.append(message.text))
    opened.on("pageerror", lambda error: opened.logged.append(str(error)))
    opened.on("request", lambda request: opened.asked.append(request.url))
    began = time.perf_counter()
    opened.goto(written.page.as_uri())
    opened.seconds = time.perf_counter() - began
    opened.wait_for_selector("html[data-drawn=all]", state="attached")
    yield opened
    context.close()


def test_every_chart_is_drawn_and_nothing_is_logged(page, written):
    assert page.logged == []
    assert page.asked == [written.page.as_uri()]
    drawn = page.locator(".chart .main-svg:first-child")
    assert drawn.count() == page.locator(".chart").count() >= 13
    # Twice what is promised: other tests run beside this one.
    assert page.seconds < 6
    # Nothing is wider than the screen.
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    title = f"{shown(FOLDER)}: autodeleveraging report"
    assert page.evaluate("document.title") == title


def test_the_picker_shows_another_crash_by_keyboard(page):
    says = page.locator("#picked-timeline-says")
    before = says.text_content()
    page.locator("[data-choice=scenario]").focus()
    page.keyboard.press("ArrowUp")
    page.wait_for_function("t => !document.body.textContent.includes(t)", arg=before)
    assert says.text_content() != before
    page.locator("[data-choice=policy]").select_option("zero")
    assert "zero" in says.text_content()
    # The table below shows what the chart does.
    drawn = page.evaluate(
        "Array.from(document.getElementById('picked-timeline')._fullData"
        ".find(trace => trace.name === 'unpaid so far').y)"
    )
    cells = page.locator("#timeline .card td:nth-child(6)").all()
    assert [float(cell.get_attribute("data-value")) for cell in cells] == drawn
    assert "zero" in page.locator("#timeline summary").text_content()
    assert page.logged == []


def test_a_table_that_was_filled_again_is_as_it_was_written(browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(page_of(report_of(SHORT_AND_LONG)), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-drawn=all]", state="attached")
    page.locator("summary").click()
    of = lambda column, name: [
        cell.get_attribute(name)
        for cell in page.locator(f"tbody tr > :nth-child({column})").all()
    ]
    # Names are no numbers; what is not known is sorted last, and has no digits.
    assert of(1, "data-value") == of(1, "title") == [None] * 5
    assert of(3, "title") == ["0.25", "1,000,000", "5", "", "7"]
    page.locator("thead button", has_text="line").click()
    assert page.locator("tbody th").all_text_contents() == ["long"] * 3 + ["short"] * 2
    page.locator("thead button", has_text="value").click()
    assert of(3, "data-value") == ["0.25", "5", "7", "1000000", "NaN"]
    page.close()


def test_the_pointer_shows_values_of_every_panel(page):
    chart = page.locator("#picked-timeline")
    chart.locator(".nsewdrag").first.hover()
    shown = chart.locator(".hoverlayer", has_text="accounts liquidated")
    shown.wait_for(state="attached")
    assert "price" in shown.text_content()
    assert "unpaid so far" in shown.text_content()


def test_tables_are_sorted_by_keyboard(page):
    table = page.locator("table", has_text="Values, USD a crash")
    heading = table.locator("thead th", has_text="paid by winners")
    values = lambda: [
        float(cell.get_attribute("data-value"))
        for cell in table.locator("tbody tr td:nth-child(6)").all()
    ]
    heading.locator("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert values() == sorted(values())
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert values() == sorted(values(), reverse=True)
    assert values()[0] > values()[-1]


def test_a_script_that_got_in_would_not_run(page):
    page.evaluate(
        "const one = document.createElement('script');"
        "one.textContent = 'document.title = \"taken\"'; document.body.append(one)"
    )
    assert page.evaluate("document.title") != "taken"
    assert "Content Security Policy" in " ".join(page.logged)


def test_paper_is_light_whatever_the_screen_is(page):
    fill = lambda: page.evaluate(
        "getComputedStyle(document.querySelector('.chart .xtick text')).fill"
    )
    before = fill()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert fill() == "rgb(26, 26, 26)"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert fill() == before
