"""Sphinx settings. Strict: the build runs with -W, and a cell that raises fails it."""

import gc
import shutil
from pathlib import Path
from typing import Any

import catlearn

gc.set_threshold(100_000, 20, 20)  # pages are large, and hold little garbage

HERE = Path(__file__).parent

# The notebooks live beside the docs folder, where a reader of the repository finds them; Sphinx
# reads pages from its own folder only.
shutil.rmtree(HERE / "notebooks", ignore_errors=True)
shutil.copytree(HERE.parent / "notebooks", HERE / "notebooks", ignore=shutil.ignore_patterns(".*"))

project = "catlearn"
author = "The catlearn developers"
copyright = "2026, the catlearn developers"
version = release = catlearn.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx-mathjax-offline",  # formulas need no network
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build", "jupyter_execute", "tables", "**.ipynb_checkpoints"]

html_theme = "furo"
html_title = "catlearn"
html_static_path = ["_static"]

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

nb_execution_mode = "force"
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
python_use_unqualified_type_names = True

# Messages of errors may have characters that the highlighter of tracebacks does not know.
suppress_warnings = ["misc.highlighting_failure"]

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def setup(app: Any) -> None:
    """Before the theme asks for the tree of pages, at 500."""
    app.connect("html-page-context", one_tree, priority=400)


def one_tree(app: Any, pagename: str, template: str, context: dict[str, Any], _: Any) -> None:
    """Pages of sources are in no tree, so that they have one for each depth of folders."""
    if not pagename.startswith("_modules/"):
        return
    made, depth = context["toctree"], pagename.count("/")

    def toctree(**options: Any) -> str:
        key = (depth, *sorted(options.items()))
        if key not in TREES:
            TREES[key] = made(**options)
        return TREES[key]

    context["toctree"] = toctree


TREES: dict[tuple[Any, ...], str] = {}
