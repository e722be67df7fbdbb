"""YAML as its author meant it: what YAML would take for something else, or would lose without a word, is refused."""

from pathlib import Path
from typing import Any

import yaml

from workflow_scripts.workflow.files import first_line


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping, and a key that is no text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.tag != "tag:yaml.org,2002:str":
                kind = key.tag.rpartition(":")[2].replace("timestamp", "day")
                raise ValueError(
                    f"line {line}: YAML reads the key {key.value} as {kind}, not as text: put it in quotes"
                )
            if key.value in seen:
                raise ValueError(
                    f"the key {key.value} stands twice, in line {seen[key.value]} and in line {line}, and YAML would "
                    "keep the second alone: remove one, or merge them"
                )
            seen[key.value] = line
        return super().construct_mapping(node, deep)


def _as_written(_loader: _Loader, node: yaml.ScalarNode) -> str:
    """Return a day as text, which is checked where its key is read."""
    return str(node.value)


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _as_written)


def load_yaml(path: Path) -> Any:
    """Return what a YAML file holds.

    Raises:
        ValueError: it is not YAML, or says something that YAML would take for another thing; names the line.

    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"it is not YAML: {' '.join(str(error).split()) or first_line(error)}") from None
