"""From content to text: the page with its style and script inside, and its digests; the Markdown twin."""

from __future__ import annotations

import base64
import hashlib
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from certiqa.report import markdown, numbers, svg
from certiqa.report.content import Content
from certiqa.report.palette import DARK, LIGHT, Style

__all__ = ["page", "twin"]


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("certiqa.report"),
        autoescape=lambda name: name is None or not name.endswith((".md.j2", ".css", ".js")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "md": markdown.escaped,
        "fenced": markdown.code,
        "decimals": numbers.decimals,
        "md_table": markdown.markdown_table,
    }
    made.globals |= {"swatch": _swatch, "symbols": _symbols}
    return made


def page(found: Content) -> str:
    """The HTML page."""
    style = _environment().get_template("style.css").render(light=LIGHT, dark=DARK)
    script = _environment().get_template("script.js").render()
    return _environment().get_template("report.html.j2").render(
        found=found,
        style=Markup(style),
        script=Markup(script),
        style_digest=_digest(style),
        script_digest=_digest(script),
    )  # fmt: skip


def twin(found: Content) -> str:
    """The Markdown twin."""
    return _environment().get_template("report.md.j2").render(found=found)


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _swatch(style: Style) -> Markup:
    """The mark of a defence in a line of text: it is drawn once in the page, and referred to."""
    return svg.element("svg", svg.element("use", href=f"#{_mark_key(style)}"), class_="swatch", aria_hidden="true")


def _symbols(styles: dict[str, Style]) -> Markup:
    """The marks that the page refers to, each once."""
    every = {_mark_key(style): style for style in styles.values()}
    drawn = [svg.element("symbol", svg.mark(s, 7, 7, 4.5), id=key, viewBox="0 0 14 14") for key, s in every.items()]
    return svg.element("svg", *drawn, width=0, height=0, class_="symbols", aria_hidden="true")


def _mark_key(style: Style) -> str:
    return f"mark-{style.colour}-{style.mark}"
