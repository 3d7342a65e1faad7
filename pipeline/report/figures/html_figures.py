"""What all pages share: figures with their captions, and templates that can fetch nothing."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.report.figures import plots
from pipeline.report.figures.plots import Shown, Theme
from pipeline.report.text.summary import p_value, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """One figure: its title, its two drawings as data addresses, and its caption.

    `anchor` is where links on the page find it, empty where none lead to it.
    """

    title: str
    light: str
    dark: str
    caption: str
    anchor: str = ""


def picture(
    title: str,
    draw: Callable[[Shown, Theme], "Figure"],
    shown: Shown,
    caption: str,
    *,
    anchor: str = "",
) -> Picture:
    """Return a figure drawn for light and for dark pages."""
    light, dark = (_address(plots.svg(draw, shown, theme)) for theme in (plots.LIGHT, plots.DARK))
    return Picture(title, light, dark, caption, anchor)


def _address(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def render(template: str, **content: Any) -> str:
    """Return a page from its template, in this folder; what it is given is escaped."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FileSystemLoader(Path(__file__).parents[1] / "pages"),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "p_value": p_value}
    return environment.get_template(template).render(**content)
