import json
import sys

import pytest

from workflow_scripts.workflow import code_digest as module
from workflow_scripts.workflow.code_digest import code_digest

FILES = {
    "a/verb.py": "from pkg.a.noun import number\n\n\ndef verb():\n    return number()\n",
    "a/noun.py": '"""About."""\nfrom pkg.b import deep\n\n\ndef number():\n    """One."""\n    return deep.ONE  # 1\n',
    "b/deep.py": "ONE = 1\n",
    "b/other.py": "TWO = 2\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PACKAGE", "pkg")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for name, text in {**FILES, "__init__.py": "", "a/__init__.py": "", "b/__init__.py": ""}.items():
        path = tmp_path / "pkg" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    forget()
    yield tmp_path / "pkg"
    forget()


def forget():
    """Begin as a process does that has read nothing yet."""
    module._parsed.cache_clear()
    module._kept.cache_clear()
    module.NEW.clear()


def digest_after(package, name, text):
    (package / name).write_text(text)
    forget()
    return code_digest("a.verb")


def test_comments_docstrings_and_formatting_do_not_change_it(package):
    before = code_digest("a.verb")
    text = (
        '"""Something else."""\nfrom pkg.b import deep\n# new\ndef number():\n    return (\n        deep.ONE\n    )\n'
    )
    assert digest_after(package, "a/noun.py", text) == before


def test_an_edit_two_imports_away_changes_it(package):
    before = code_digest("a.verb")
    assert digest_after(package, "b/deep.py", "ONE = 2\n") != before


@pytest.mark.parametrize("imports", ["from .helper import FACTOR", "from . import helper"])
def test_an_edit_of_what_a_users_own_module_imports_from_beside_it_changes_it(package, monkeypatch, imports):
    monkeypatch.chdir(package.parent)
    own = package.parent / "mine"
    own.mkdir()
    (own / "__init__.py").write_text("")
    (own / "helper.py").write_text("FACTOR = 1\n")
    (own / "agent.py").write_text(f"{imports}\n")
    assert module.modules_behind("mine.agent") == ["mine", "mine.agent", "mine.helper"]
    before = code_digest("mine.agent")
    (own / "helper.py").write_text("FACTOR = 2\n")
    forget()
    assert code_digest("mine.agent") != before


def test_bounds_are_a_settings_own_and_a_calls_keywords_are_not(package):
    def digest_of(line):
        return digest_after(package, "a/noun.py", f"def number():\n    return 1\n\n\n{line}\n")

    assert digest_of("size: int = Field(1, ge=0)") == digest_of("size: int = Field(1, ge=1, description='how many')")
    assert digest_of("size = clip(3, ge=0, le=1)") != digest_of("size = clip(3, ge=0, le=2)")


def test_an_edit_of_what_is_not_imported_does_not(package):
    before = code_digest("a.verb")
    assert digest_after(package, "b/other.py", "TWO = 3\n") == before


def test_a_module_that_does_not_exist_is_an_error(package):
    with pytest.raises(FileNotFoundError):
        code_digest("a.nothing")


def test_what_was_parsed_is_kept_and_used_while_the_source_is_the_same(package, monkeypatch):
    first = code_digest("a.verb")
    kept = next((package / "__pycache__").glob("code_digest.*.json"))
    assert set(json.loads(kept.read_text())["modules"]) >= {"pkg.a.noun", "pkg.a.verb", "pkg.b.deep"}
    forget()
    with monkeypatch.context() as patch:
        patch.setattr(module, "_parse", None)  # nothing is parsed
        assert code_digest("a.verb") == first
    (package / "b/deep.py").write_text("ONE = 2\n")
    forget()
    assert code_digest("a.verb") != first


@pytest.mark.parametrize("content", ["", "[]", '{"by": "another version", "modules": {"pkg.b.deep": ["", "", []]}}'])
def test_a_kept_file_that_is_damaged_or_of_another_version_is_not_read(package, content):
    first = code_digest("a.verb")
    next((package / "__pycache__").glob("code_digest.*.json")).write_text(content)
    forget()
    assert code_digest("a.verb") == first


def test_a_folder_that_cannot_be_written_to_changes_no_digest(package, monkeypatch):
    first = code_digest("a.verb")
    next((package / "__pycache__").glob("code_digest.*.json")).unlink()
    forget()

    def refuse(*_):
        raise PermissionError(13, "read-only")

    monkeypatch.setattr(module, "write_json", refuse)
    assert code_digest("a.verb") == first
    assert not list((package / "__pycache__").glob("code_digest.*.json"))


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("raise ValueError(f'{ONE} is wrong')", "raise ValueError('so is two')", True),
        ("raise ValueError('wrong')", "raise TypeError('wrong')", False),
        ("raise TrainingFailedError('diverged')", "raise TrainingFailedError('burst')", False),
        ("log.info('done')", "log.info('all done')", True),
        ("assert ONE, 'one'", "assert ONE, 'two'", True),
        ("assert ONE", "assert not ONE", False),
        ("return ONE", "return -ONE", False),
        ("days: int = Field(1, description='days')", "days: int = Field(1, description='of a week')", True),
        ("days: int = Field(1, description='days')", "days: int = Field(2, description='days')", False),
    ],
)
def test_what_only_words_change_does_not_change_it(package, before, after, same):
    text = "ONE = 1\ndef tell(log):\n    "
    first = digest_after(package, "b/deep.py", text + before)
    assert (digest_after(package, "b/deep.py", text + after) == first) == same


def test_names_for_the_type_checker_are_no_import(package):
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pkg.b import other\nONE = 1\n"
    digest_after(package, "b/deep.py", text)
    assert module.modules_behind("a.verb") == ["pkg.a.noun", "pkg.a.verb", "pkg.b", "pkg.b.deep"]


def test_a_users_module_in_the_working_folder_counts_with_what_it_imports(package, tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    (tmp_path / "mine/agents.py").write_text("import helpers\nfrom pkg.a.noun import number\nimport os\n")
    (tmp_path / "mine/helpers.py").write_text("HALF = 0.5\n")
    assert set(module.modules_behind("agents")) == {"agents", "helpers", "pkg.a.noun", "pkg.b", "pkg.b.deep"}
