"""The site: `pip install -e ".[docs]"`, then `sphinx-build -W -n docs build/site`."""

from __future__ import annotations

import os

# fastinit.keras documents itself on whichever backend there is; the same as in the tests by default.
os.environ.setdefault("KERAS_BACKEND", "torch")

import fastinit

project = "fastinit"
author = "the fastinit developers"
copyright = "the fastinit developers"
version = release = fastinit.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
]
exclude_patterns = ["choosing/*", "randomness/*", "figures/*"]
templates_path = ["_templates"]
nitpicky = True
# Single backticks of docstrings name parameters as well as objects: what is an object becomes a link, the rest not.
nitpick_ignore_regex = [("py:obj", ".*")]

myst_enable_extensions = ["dollarmath", "colon_fence", "html_image"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections say the types
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
default_role = "autolink"  # `he_normal` in a docstring is a link where something has that name

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True

html_theme = "pydata_sphinx_theme"
html_title = f"fastinit {version}"
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
