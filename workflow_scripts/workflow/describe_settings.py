"""Print config.yaml's keys as a Markdown table, from the schema: the README's section Configuration."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tyro
import yaml

SCHEMA = Path(__file__).resolve().parents[2] / "schemas" / "config.schema.yaml"


def describe_settings() -> None:
    """Print a row a key: name, kind, default and meaning."""
    print("\n".join(settings_table()))


def settings_table(schema: Path = SCHEMA) -> list[str]:
    """Return the lines of the table."""
    content = yaml.safe_load(schema.read_text())
    rows = ["| key | values | default | meaning |", "|---|---|---|---|"]
    for name, kind, default, meaning in _rows(content, content["$defs"], ""):
        rows.append(f"| `{name}` | {kind} | {default} | {meaning.strip()} |")
    return rows


def _rows(node: Mapping[str, Any], defs: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    for name, entry in node.get("properties", {}).items():
        key = f"{prefix}{name}"
        nested = [entry, *(_resolve(entry[part], defs) for part in ("then", "else") if part in entry)]
        inner = entry.get("additionalProperties")
        if any("properties" in part for part in nested):
            yield key, "mapping", "", entry["description"]
            for part in nested[::-1]:
                yield from _rows(part, defs, f"{key}.")
        elif isinstance(inner, dict):
            yield key, "mapping", "", entry["description"]
            inner, depth = _resolve(inner, defs), f"{key}.NAME."
            while "properties" not in inner:
                inner, depth = _resolve(inner["additionalProperties"], defs), f"{depth}HYPERPARAMETER."
            yield from _rows(inner, defs, depth)
        else:
            required = name in node.get("required", ())
            default = "(required)" if required else f"`{_shown(entry.get('default'))}`"
            yield key, _kind(entry), default, entry["description"]


def _resolve(node: Mapping[str, Any], defs: Mapping[str, Any]) -> dict[str, Any]:
    return dict(defs[node["$ref"].removeprefix("#/$defs/")] if "$ref" in node else node)


def _shown(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _kind(entry: Mapping[str, Any]) -> str:
    if "enum" in entry:
        return ", ".join(f"`{value}`" for value in entry["enum"])
    kinds = entry["type"] if isinstance(entry["type"], list) else [entry["type"]]
    limits = [
        f"{sign} {entry[word]}"
        for word, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if word in entry
    ]
    return " ".join([" or ".join(kinds), *([", ".join(limits)] if limits else [])])


if __name__ == "__main__":
    tyro.cli(describe_settings)
