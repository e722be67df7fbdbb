"""The page: sections in the template, plotly and all figures packed inside it, so that it needs no network."""

import base64
import gzip
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from workflow_scripts.analysis.report.elements import Figure, Group, Section, Table, shown

FOLDER = Path(__file__).parent
TEMPLATE, STYLE, SCRIPT = "page.html", "page.css", "page.js"


@dataclass(frozen=True)
class Part:
    """A part of the page: a sweep, or what all sweeps share.

    Attributes:
        title: its title.
        anchor: where links lead.
        sections: what stands below it.

    """

    title: str
    anchor: str
    sections: Sequence[Section]


def render(title: str, summary: Table | None, parts: Sequence[Part], versions: Sequence[tuple[str, str]]) -> str:
    """Return the whole page; equal results give equal text.

    Args:
        title: of the page.
        summary: a row per sweep.
        parts: the parts in their order.
        versions: name and version of what made the page.

    """
    payload: dict[str, Any] = {}
    numbered = {id(block): f"b{number}" for number, block in enumerate(_blocks(parts))}
    for block in _blocks(parts):
        if isinstance(block, Figure):
            payload[numbered[id(block)]] = {"data": block.data, "layout": block.layout}
        elif isinstance(block, Table) and block.every:
            content = {"columns": list(block.columns), "rows": list(block.rows), "name": block.title}
            payload[numbered[id(block)]] = content
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = shown
    plotly = files("plotly").joinpath("package_data/plotly.min.js").read_bytes()
    return environment.get_template(TEMPLATE).render(
        title=title,
        summary=summary,
        parts=parts,
        versions=versions,
        identity=lambda block: numbered[id(block)],
        style=Markup((FOLDER / STYLE).read_text(encoding="utf-8")),
        script=Markup((FOLDER / SCRIPT).read_text(encoding="utf-8")),
        plotly=packed(plotly),
        payload=packed(json.dumps(payload, separators=(",", ":"), allow_nan=False).encode()),
    )


def packed(content: bytes) -> str:
    """Return bytes as text that the page unpacks: gzip, in base64."""
    return base64.b64encode(gzip.compress(content, mtime=0)).decode()


def unpacked(page: str, name: str) -> bytes:
    """Return what a page holds packed under a name."""
    found = re.search(rf'<script type="application/gzip" id="{name}">([^<]*)</script>', page)
    if found is None:
        raise ValueError(f"the page holds nothing packed under {name!r}")
    return gzip.decompress(base64.b64decode(found[1]))


def _blocks(parts: Sequence[Part]) -> list[Any]:
    blocks = [block for part in parts for section in part.sections for block in section.blocks]
    return [each for block in blocks for each in (block.figures if isinstance(block, Group) else [block])]
