"""A digest of what a module does: its parsed code and that of every module of the project that it imports."""

import ast
import hashlib
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from workflow_scripts.workflow.files import sha256, write_json

PACKAGE = "workflow_scripts"
ROOT = Path(__file__).resolve().parents[2]
# The exception whose text is a result: sharpe.json states it. What any other one says stops a job, and changes nothing.
TEXT_IS_A_RESULT = "TrainingFailedError"
# A setting's meaning and bounds, which refuse a value and change no result of one that they let pass.
OF_A_SETTING = ("description", "ge", "gt", "le", "lt")
# How a verb is started, logged and ended, which changes nothing of what it makes.
NO_RESULT = {f"{PACKAGE}.workflow.jobs"}
LOG_LEVELS = ("debug", "info", "warning", "error")
WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
# To parse all modules is a fifth of what `snakemake -n` takes, and each job of a cluster reads the workflow again. So
# what each module came to is kept beside Python's own compiled code, and like it used while the source is the same.
# These were parsed since it was written.
NEW: set[str] = set()


def code_digest(*modules: str) -> str:
    """Return a hex digest that changes with the behaviour of modules, not with comments, formatting or messages.

    Args:
        modules: names below the package, such as ``training.train_agent``, or of the user's own modules, which lie in
            the working folder.

    Raises:
        FileNotFoundError: there is no such module.

    """
    digest = hashlib.sha256()
    for name in modules_behind(*modules):
        digest.update(f"{name} {_parsed(name)[0]}\n".encode())
    _keep()
    return digest.hexdigest()


def modules_behind(*modules: str) -> list[str]:
    """Return the modules that a digest covers: the given ones and all that these import, directly or not."""
    seen: set[str] = set()
    pending = [f"{PACKAGE}.{name}" if _exists(f"{PACKAGE}.{name}") else name for name in modules]
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            pending.extend(set(_parsed(name)[1]) - NO_RESULT)
    return sorted(seen)


@cache
def _parsed(module: str) -> tuple[str, tuple[str, ...]]:
    """Return a digest of a module's code without what changes no result, and the project's modules that it imports."""
    source = _source(module).read_bytes()
    now = hashlib.sha256(source).hexdigest()
    if module not in _kept() or _kept()[module][0] != now:
        _kept()[module] = [now, *_parse(source, _package(module))]
        NEW.add(module)
    _, code, named = _kept()[module]
    if module.split(".")[0] != PACKAGE:  # the user's own packages may do something where they are imported
        named = [*named, *map(".".join, accumulate([part] for part in module.split(".")[:-1]))]
    return code, tuple(name for name in named if _exists(name))


def _package(module: str) -> list[str]:
    """Return the parts of the package that a module's relative imports start from."""
    parts = module.split(".")
    return parts if _source(module).name == "__init__.py" else parts[:-1]


def _parse(source: bytes, package: Sequence[str]) -> tuple[str, list[str]]:
    """Return a digest of a source's code without what changes no result, and all names that may be modules of it."""
    tree = ast.parse(source)
    named: set[str] = set()
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            named.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            within = package[: len(package) + 1 - node.level] if node.level else []
            origin = ".".join([*within, *([node.module] if node.module else [])])
            named.update({origin, *(f"{origin}.{alias.name}" for alias in node.names)})
        elif isinstance(node, ast.Raise):
            _silence(node)
        elif isinstance(node, ast.Assert):
            node.msg = None
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Field":
                    call.keywords = [word for word in call.keywords if word.arg not in OF_A_SETTING]
        for block in ("body", "orelse", "finalbody"):
            if statements := getattr(node, block, None):
                first = int(
                    block == "body" and isinstance(node, WITH_DOCSTRING) and ast.get_docstring(node) is not None
                )
                kept = [statement for statement in statements[first:] if not _is_log_line(statement)]
                setattr(node, block, kept or [ast.Pass()])
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest(), sorted(named)


def _kept_file() -> Path:
    return ROOT / PACKAGE / "__pycache__" / f"code_digest.{sys.implementation.cache_tag}.json"


@cache
def _kept() -> dict[str, list[Any]]:
    """Return (digest of the source, digest of the code, names of imports) by module, as each was parsed last."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(_kept_file().read_text(encoding="utf-8"))
        if kept["by"] == sha256(Path(__file__)):
            return dict(kept["modules"])
    return {}


def _keep() -> None:
    """Keep what was parsed anew, where the folder can be written to."""
    if NEW and not sys.dont_write_bytecode:
        with suppress(OSError):
            write_json(_kept_file(), {"by": sha256(Path(__file__)), "modules": _kept()})
    NEW.clear()


def _statements(tree: ast.Module) -> list[ast.AST]:
    """Return a module and every statement in it; its expressions, most of its nodes, import and document nothing."""
    seen: list[ast.AST] = [tree]
    for node in seen:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]  # names for the type checker, which nothing runs
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            seen.extend(getattr(node, block, ()))
    return seen


def _silence(node: ast.Raise) -> None:
    """Drop what an exception says, but for the one whose text is a result."""
    if isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func).rpartition(".")[2] != TEXT_IS_A_RESULT:
        node.exc = node.exc.func


def _is_log_line(statement: ast.AST) -> bool:
    """Return whether a statement is a call such as ``log.info(…)``."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in LOG_LEVELS):
        return False
    return ast.unparse(call.func.value).rpartition(".")[2] == "log"


def _exists(module: str) -> bool:
    return _path(module) is not None


def _source(module: str) -> Path:
    path = _path(module)
    if path is None:
        raise FileNotFoundError(
            f"there is no module {module}, neither in {ROOT} nor in the working folder {Path.cwd()}"
        )
    return path


def _path(module: str) -> Path | None:
    """Return the file of a module of the project, or of the user's in the working folder."""
    folder = ROOT if module.split(".")[0] == PACKAGE else Path()
    path = folder.joinpath(*module.split("."))
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.exists()), None)
