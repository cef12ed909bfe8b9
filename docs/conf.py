# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The documentation site: `make docs`. It loads nothing from outside, and a warning fails it."""

import pathlib

import fractile

HERE = pathlib.Path(__file__).resolve().parent
HEADERS_XML = HERE.parent / "build" / "docs" / "doxygen" / "xml"

project = "fractile"
author = "The fractile authors"
project_copyright = "The fractile authors"
version = release = fractile.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "breathe"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
breathe_projects = {"fractile": str(HEADERS_XML)}
breathe_default_project = "fractile"
# Pages link to files of the repository: here they become downloads, and folders stay as they are. Each header opens the namespace
# fractile, which a page of several headers therefore declares more than once.
suppress_warnings = ["myst.xref_missing", "duplicate_declaration.cpp"]

html_theme = "furo"
html_title = f"fractile {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
