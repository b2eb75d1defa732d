"""The report of a comparison of defences: one HTML page that needs nothing else, and a Markdown twin.

The page is made by Jinja2 with autoescape, so that no name out of the data can become markup; it forbids itself the
network and any script but its own (a Content-Security-Policy with digests). It can be read without scripts. Nothing in
it depends on the time or the place of writing: the same comparison gives the same bytes.

Figures are drawn by certiqa.report.svg, which says why; matplotlib is not needed.
"""

from __future__ import annotations

from certiqa.report.writing import write

__all__ = ["write"]
