"""The site of `make docs`: README and the guides by Sphinx. No font, script or picture comes from elsewhere."""

import re
from pathlib import Path
from typing import Any

README = Path(__file__).resolve().parents[1] / "README.md"

project = "Datawerkplaats suite"
html_title = project
extensions = ["myst_parser"]
myst_heading_anchors = 3
html_theme = "furo"
html_copy_source = False
html_show_copyright = False
html_static_path = ["site"]
html_css_files = ["site.css"]
highlight_language = "none"


def _with_readme(_: Any, page: str, source: list[str]) -> None:
    """The front page is README above the list of guides; links between the two are as they are seen from docs/.

    A page that is no part of the site, such as a role's README, is there as a file to read.
    """
    text = source[0]
    if page == "index":
        text = README.read_text().replace("](", "](../").replace("](../docs/", "](") + text
    text = text.replace("](../README.md", "](index.md").replace("](../CHANGELOG.md", "](changelog.md")
    source[0] = re.sub(r"\]\((\.\./[^)]+\.md)\)", r"](path:\1)", text)


def setup(app: Any) -> dict[str, bool]:
    """Have Sphinx read the front page as above."""
    app.connect("source-read", _with_readme)
    return {"parallel_read_safe": True}
