"""README and docs say what holds: their links lead somewhere, their commands exist, their examples can be read."""

import re

import pytest
import yaml

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TARGET = re.compile(r"\bmake ((?:[a-z][a-z0-9-]*)(?: [a-z][a-z0-9-]*)*)")
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *(
        f"docs/{name}.md"
        for name in (
            "index",
            "results",
            "agents",
            "optimizers",
            "markets",
            "configuration",
            "running",
            "breaking",
            "developing",
        )
    ),
]


@pytest.fixture
def root(request):
    return request.config.rootpath


@pytest.fixture(params=PAGES)
def page(request, root):
    return root / request.param


def fences(text, language):
    return [body for name, body in FENCE.findall(text) if name == language]


def anchors(text):
    """GitHub's and mkdocs' names of a page's headings, which are the same for headings of words."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_has_at_most_250_lines(root):
    assert len((root / "README.md").read_text(encoding="utf-8").splitlines()) <= 250


def test_every_page_of_docs_is_tested_here_and_in_the_site(root):
    site = yaml.safe_load((root / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    pages = [next(iter(entry.values())) if isinstance(entry, dict) else entry for entry in site]
    there = sorted(path.name for path in (root / "docs").glob("*.md"))
    assert sorted(pages) == there
    assert sorted(page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")) == there


def test_every_link_and_picture_leads_somewhere(page):
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if target.startswith(("https://", "http://")):
            continue
        name, _, anchor = target.partition("#")
        found = page.parent / name if name else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found.read_text(encoding="utf-8")), target


def test_pages_of_docs_link_to_pages_of_docs_alone(root):
    for path in (root / "docs").glob("*.md"):
        assert "](../" not in path.read_text(encoding="utf-8"), f"{path.name}: the site holds docs/ and nothing else"


def test_every_make_target_that_is_named_exists(root, page):
    targets = re.findall(r"^([a-z][a-z0-9-]*):", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    text = page.read_text(encoding="utf-8")
    spoken = "\n".join([*re.findall(r"`([^`\n]+)`", FENCE.sub("", text)), *fences(text, "sh")])
    for names in TARGET.findall(spoken):
        assert set(names.split()) <= set(targets), f"make {names}"


def test_every_example_of_yaml_can_be_read(page):
    for example in fences(page.read_text(encoding="utf-8"), "yaml"):
        assert isinstance(yaml.safe_load(example), dict), example


def test_every_example_of_python_can_be_read(page):
    for example in fences(page.read_text(encoding="utf-8"), "python"):
        if not example.startswith("# Snakefile"):
            compile(example, page.name, "exec")


def test_words_that_are_gone_are_in_no_page(page):
    text = page.read_text(encoding="utf-8")
    gone = [word for word in ("the plan's", "plan's form", 'source: "null"', "`null`, synthetic") if word in text]
    assert not gone
    assert not re.search(r"source: null\b", text)


def test_a_file_of_citation_and_the_package_have_one_version(root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    assert f'version = "{citation["version"]}"' in (root / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", [".pre-commit-config.yaml", ".snakemake-workflow-catalog.yml", ".github/workflows/ci.yml"]
)
def test_files_for_others_tools_are_yaml(root, name):
    assert yaml.safe_load((root / name).read_text(encoding="utf-8"))


def test_ci_runs_what_a_change_has_to_pass_on_both_versions_of_python(root):
    job = yaml.safe_load((root / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]["ci"]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12"]
    assert any(step.get("run") == ".ci/run" for step in job["steps"])
