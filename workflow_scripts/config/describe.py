"""Everything else that states the settings, made from their models: the JSON schema for editors, the docs' table."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workflow_scripts.config.model import MARKETS_OWN, MarketKeys, SweepKeys, TopLevel
from workflow_scripts.config.spaces import Hyperparameter
from workflow_scripts.data.sources.base import SOURCES, Source
from workflow_scripts.sweeps.objectives import OBJECTIVES
from workflow_scripts.sweeps.optimizers.base import PACKAGE as OPTIMIZERS
from workflow_scripts.sweeps.optimizers.base import Optimizer
from workflow_scripts.training.agents.base import PACKAGE as AGENTS
from workflow_scripts.training.agents.base import Agent
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.workflow import registry
from workflow_scripts.workflow.files import write_text
from workflow_scripts.workflow.jobs import command_line
from workflow_scripts.workflow.model import Settings, shown_number
from workflow_scripts.workflow.paths import NAME

BEGIN, END = "<!-- generated: settings -->", "<!-- end -->"
OWN_CLASS = {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$"}
HEAD = "| key | values | default | meaning |\n|---|---|---|---|"
Schema = dict[str, Any]


def describe_settings(schema: Path, page: Path) -> None:
    """Write what is made from the settings' models.

    Args:
        schema: the JSON schema of config.yaml to write.
        page: the page whose part between the two marks is replaced by the tables.

    """
    write_text(schema, schema_text())
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    write_text(page, f"{before}{BEGIN}\n{tables()}\n{END}{rest.partition(END)[2]}")


def schema_text() -> str:
    """Return the JSON schema of config.yaml, which editors read; it is YAML, as the file that it describes."""
    import yaml

    return yaml.safe_dump(config_schema(), sort_keys=False, allow_unicode=True, width=120)


def config_schema() -> Schema:
    """Return the JSON schema of config.yaml.

    The keys of a market depend on its source and those of a sweep on its optimizer: a branch each, and one for the
    user's own class, whose keys nobody knows here.
    """
    top = TopLevel.model_json_schema()
    overrides = {key: _nullable(_properties(EnvironmentSettings)[key]) for key in MARKETS_OWN}
    markets = [
        _branch("source", name, source, MarketKeys, overrides) for name, source in _classes(SOURCES, Source).items()
    ]
    sweeps = [
        _branch("optimizer", name, optimizer, SweepKeys, {})
        for name, optimizer in _classes(OPTIMIZERS, Optimizer).items()
    ]
    for group, branches in (("markets", [*markets, _own("source")]), ("sweeps", [*sweeps, _own("optimizer")])):
        top["properties"][group] = {
            "type": "object",
            "description": top["properties"][group]["description"],
            "minProperties": 1,
            "propertyNames": {"pattern": f"^{NAME}$"},
            "additionalProperties": {"oneOf": branches},
        }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "foldsweep's config.yaml", **top}


def _classes(package: str, kind: type[Settings]) -> dict[str, type[Settings]]:
    return {name: registry.find(package, name, kind) for name in registry.names(package)}


def _properties(model: type[Settings]) -> Schema:
    return {key: dict(entry) for key, entry in _inlined(model)["properties"].items()}


def _inlined(model: type[Settings]) -> Schema:
    """Return a model's schema with what it refers to in place."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def resolved(node: Any) -> Any:
        if isinstance(node, list):
            return [resolved(each) for each in node]
        if not isinstance(node, Mapping):
            return node
        if "$ref" in node:
            node = {**definitions[node["$ref"].rpartition("/")[2]], **{k: v for k, v in node.items() if k != "$ref"}}
        return {key: resolved(value) for key, value in node.items()}

    return dict(resolved(schema))


def _branch(key: str, name: str, own: type[Settings], common: type[Settings], more: Schema) -> Schema:
    properties = {**_properties(common), **_properties(own), **more}
    description = {"description": properties.get(key, {}).get("description", f"the {key}")}
    default = common.model_fields[key].default if key in common.model_fields else None
    required = {*_inlined(common).get("required", ()), *_inlined(own).get("required", ())}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {**properties, key: {"const": name, **description}},
        "required": sorted(required - {key} if name == default else required | {key}),
    }


def _own(key: str) -> Schema:
    return {"type": "object", "properties": {key: OWN_CLASS}, "required": [key]}


def _nullable(entry: Schema) -> Schema:
    return {**{k: v for k, v in entry.items() if k != "default"}, "type": [entry["type"], "null"]}


def tables() -> str:
    """Return the tables of the docs: the outermost keys, then what sources, optimizers, agents and spaces add."""
    parts: list[str] = [_section("config.yaml", TopLevel)]
    parts += ["## A market\n\nUnder `markets.NAME`, beside the keys of its source:\n\n" + _rows_of(MarketKeys)]
    parts += [
        "and, in place of `environment`'s, its own "
        + ", ".join(f"`{key}`" for key in MARKETS_OWN)
        + " (null or absent takes the environment's)."
    ]
    parts += [_section(f"source: {name}", source, 3) for name, source in _classes(SOURCES, Source).items()]
    parts += ["## A sweep\n\nUnder `sweeps.NAME`, beside the keys of its optimizer:\n\n" + _rows_of(SweepKeys)]
    parts += ["`objective` is one of " + ", ".join(f"`{name}`" for name in OBJECTIVES) + ", or your own."]
    parts += [_section(f"optimizer: {name}", each, 3) for name, each in _classes(OPTIMIZERS, Optimizer).items()]
    parts += ["## A search space\n\nA file in `search_spaces/`; per hyperparameter:\n\n" + _rows_of(Hyperparameter)]
    parts += [
        "## The agents' hyperparameters\n\nWhat a search space may name, with the domain and the default of each."
    ]
    parts += [_section(f"agent: {name}", agent, 3) for name, agent in _classes(AGENTS, Agent).items()]
    return "\n\n".join(parts)


def _section(title: str, model: type[Settings], level: int = 2) -> str:
    about = (model.__doc__ or "").split("\n\n")[0].replace("\n", " ")
    return f"{'#' * level} `{title}`\n\n{about}\n\n{_rows_of(model)}"


def _rows_of(model: type[Settings]) -> str:
    schema = _inlined(model)
    return "\n".join([HEAD, *_rows(schema, "")])


def _rows(schema: Schema, prefix: str) -> Iterator[str]:
    for name, entry in schema.get("properties", {}).items():
        meaning = " ".join(str(entry.get("description", "")).split())
        if "properties" in entry:
            yield f"| `{prefix}{name}` | mapping | | {meaning} |"
            yield from _rows(entry, f"{prefix}{name}.")
        else:
            required = name in schema.get("required", ())
            default = "(required)" if required else f"`{_shown(entry.get('default'))}`"
            yield f"| `{prefix}{name}` | {_values(entry)} | {default} | {meaning} |"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_shown(each)}' for key, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _values(entry: Schema) -> str:
    """Return the kinds and bounds of a key's values in words."""
    if "anyOf" in entry:
        return " or ".join(dict.fromkeys(_values(each) for each in entry["anyOf"]))
    if "enum" in entry:
        return ", ".join(f"`{value}`" for value in entry["enum"])
    if "const" in entry:
        return f"`{entry['const']}`"
    limits = [
        f"{sign} {shown_number(entry[word])}"
        for word, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if word in entry
    ]
    kind = str(entry.get("type", "any"))
    kind = {"object": "mapping", "array": "list", "string": "text"}.get(kind, kind)
    if kind == "list" and "items" in entry:
        kind = f"list of {_values(entry['items'])}"
    return " ".join([kind, *([", ".join(limits)] if limits else [])])


if __name__ == "__main__":
    command_line(describe_settings)
