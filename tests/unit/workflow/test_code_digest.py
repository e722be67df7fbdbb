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
    for name, text in {**FILES, "__init__.py": "", "a/__init__.py": "", "b/__init__.py": ""}.items():
        path = tmp_path / "pkg" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    module._parsed.cache_clear()
    yield tmp_path / "pkg"
    module._parsed.cache_clear()


def digest_after(package, name, text):
    (package / name).write_text(text)
    module._parsed.cache_clear()
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


def test_an_edit_of_what_is_not_imported_does_not(package):
    before = code_digest("a.verb")
    assert digest_after(package, "b/other.py", "TWO = 3\n") == before


def test_a_module_that_does_not_exist_is_an_error(package):
    with pytest.raises(FileNotFoundError):
        code_digest("a.nothing")
