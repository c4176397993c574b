"""The report as one HTML file that asks for nothing from outside."""

import base64
import hashlib
import json
import math
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from adl_jax.inert import shown
from adl_jax.report.chart import Chart
from adl_jax.report.gather import Report
from adl_jax.report.interactive import figure
from adl_jax.report.section import Picked
from adl_jax.report.values import table_of


def page(report: Report) -> str:
    """The whole page.

    Text is escaped by the template; scripts are allowed by their hashes alone, so that
    text which were taken for a script would not run.
    """
    environment = Environment(
        loader=PackageLoader("adl_jax.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inert"] = lambda text: shown(text, _LONGEST_NAME)
    environment.filters["values"] = table_of
    environment.tests["number"] = lambda value: isinstance(value, float)
    scripts = [get_plotlyjs(), _file("report.js")]
    return environment.get_template("report.html").render(
        report=report,
        data=Markup(_data(report)),
        # A file of ours, or of the library's: nothing in them is from outside.
        scripts=[Markup(_inside(script)) for script in scripts],
        hashes=[_hash(_inside(script)) for script in scripts],
        style=Markup(_file("report.css")),
    )


_LONGEST_NAME = 200


def _data(report: Report) -> str:
    """What the script draws, as JSON inside HTML."""
    charts = {
        chart.name: _plain(chart)
        for section in report.sections
        for chart in section.charts
    }
    picked = {
        section.name: _choices(section.picked)
        for section in report.sections
        if section.picked is not None
    }
    text = json.dumps({"charts": charts, "picked": picked}, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _choices(picked: Picked) -> list[list[dict[str, Any]]]:
    return [[_choice(chart) for chart in row] for row in picked.charts]


def _choice(chart: Chart) -> dict[str, Any]:
    """A chart, and the cells of its table, for another choice than the first."""
    table = table_of(chart)
    rows = [
        [
            {"text": cell.text, "value": cell.value if _known(cell.value) else None}
            for cell in row
        ]
        for row in table.rows
    ]
    return {
        "figure": _plain(chart),
        "says": chart.says,
        "title": table.title,
        "rows": rows,
    }


def _known(value: float | str) -> bool:
    return isinstance(value, str) or math.isfinite(value)


def _plain(chart: Any) -> Any:
    return json.loads(str(figure(chart).to_json()))


def _file(name: str) -> str:
    return (files("adl_jax.report") / "templates" / name).read_text(encoding="utf-8")


def _inside(script: str) -> str:
    """A script that may stand in a page: nothing in it ends the element.

    Browsers read line ends as one kind, and hash what they read.
    """
    script = script.replace("\r\n", "\n").replace("\r", "\n")
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
