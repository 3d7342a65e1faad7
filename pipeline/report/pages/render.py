"""Rendering of HTML pages: templates that fetch nothing, their content escaped."""

from pathlib import Path
from typing import Any

from pipeline.report.text.wording import p_value, percent, plural


def render(template: str, **content: Any) -> str:
    """Return a page from its template in this folder; the content is escaped."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "p_value": p_value}
    environment.globals |= {"plural": plural}
    return environment.get_template(template).render(**content)
