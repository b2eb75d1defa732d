"""How the site is built: ``python -m sphinx -W --keep-going -n -b html docs BUILD``. Nothing is fetched."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]  # this certiqa, whatever else is installed

from certiqa import __version__  # noqa: E402

project = "certiqa"
author = "The certiqa authors"
copyright = "The certiqa authors, Apache-2.0"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "api_pages",  # docs/_ext: a page of the API for every room
    "notebook_pages",  # docs/_ext: a page for every notebook
    "command_line",  # docs/_ext: cli.md is filled from the application
    "docstrings",  # docs/_ext: docstrings are plain text with backticks
    "repository_links",  # docs/_ext: docs/NAME.md is a link
]

exclude_patterns = ["_build", "_ext", "comparison"]  # comparison: what a benchmark wrote, linked as files
html_theme = "furo"
html_title = f"certiqa {release}"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["wide_tables.css"]

# The pages are read on GitHub as well: its anchors of headings, its $mathematics$, nothing that only one of them shows.
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
myst_dmath_double_inline = True

# Docstrings: Google's sections; a word in single backticks is code, as it is in Markdown.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_attr_annotations = False
napoleon_use_rtype = False

# The build reads no inventory of another project, because it has no network: names that are not certiqa's own (torch,
# numpy, the standard library, type variables) lead nowhere. Every reference to a name of certiqa has to lead somewhere.
nitpick_ignore_regex = [
    ("py:.*", r"(?!certiqa\.).*"),
    ("py:class", r"certiqa\..*\b_\w+(\.\w+)?"),  # private bases and options, which signatures name
    ("py:class", r"certiqa\..*\.T"),  # type variables
]

copybutton_exclude = ".linenos, .gp, .go"
