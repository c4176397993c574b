"""Formulas as MathML, which browsers draw by themselves: no script, nothing fetched."""

import re
from html import unescape
from typing import Any

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError


_FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\[(\[](?P<latex>.*?)\\[)\]]</(?P=tag)>',
    flags=re.DOTALL,
)
_UNKNOWN = re.compile(r"\\[a-zA-Z]+")


def on_page_content(html: str, **_: Any) -> str:
    """Writes every formula of a rendered page as MathML."""
    return _FORMULA.sub(_drawn, html)


def _drawn(formula: re.Match[str]) -> str:
    tag = formula["tag"]
    latex = unescape(formula["latex"]).replace(r"\arg\min", r"\mathrm{arg\,min}")
    drawn = convert(latex, display="block" if tag == "div" else "inline")
    if unknown := _UNKNOWN.search(drawn):
        raise PluginError(f"latex2mathml does not know {unknown[0]} in {latex}")
    return f'<{tag} class="arithmatex">{drawn}</{tag}>'
