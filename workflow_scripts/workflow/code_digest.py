"""A digest of what a module does: its parsed code and that of every sibling module it imports."""

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = "workflow_scripts"
ROOT = Path(__file__).resolve().parents[2]


def code_digest(module: str) -> str:
    """Return a hex digest that changes with the behaviour of a module, not with its comments or formatting.

    Args:
        module: name below the package, such as ``training.train_agent``.

    Raises:
        FileNotFoundError: the package has no such module.

    """
    digest = hashlib.sha256()
    for name in sorted(_with_imports(f"{PACKAGE}.{module}")):
        digest.update(f"{name}\n{_parsed(name)[0]}\n".encode())
    return digest.hexdigest()


def _with_imports(module: str) -> set[str]:
    seen: set[str] = set()
    pending = [module]
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            pending.extend(_parsed(name)[1])
    return seen


@cache
def _parsed(module: str) -> tuple[str, tuple[str, ...]]:
    """Return a module's code without comments, docstrings and formatting, and the siblings that it imports."""
    tree = ast.parse(_source(module).read_text())
    imports: set[str] = set()
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            imports.update(alias.name for alias in node.names if _is_sibling(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.module and _is_sibling(node.module):
            imports.add(node.module)
            imports.update(name for alias in node.names if _exists(name := f"{node.module}.{alias.name}"))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and _docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree), tuple(sorted(imports))


def _statements(tree: ast.Module) -> list[ast.AST]:
    """Return a module and every statement in it; its expressions, most of its nodes, import and document nothing."""
    seen: list[ast.AST] = [tree]
    for node in seen:
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            seen.extend(getattr(node, block, ()))
    return seen


def _docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return ast.get_docstring(node, clean=False) is not None


def _is_sibling(module: str) -> bool:
    return module == PACKAGE or module.startswith(f"{PACKAGE}.")


def _exists(module: str) -> bool:
    path = ROOT.joinpath(*module.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def _source(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
