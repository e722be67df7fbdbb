"""The environments of the rules pin what make installs."""

import re

import pytest
import yaml

PIN = re.compile(r"^([A-Za-z0-9_.-]+)==(\S+)$", re.MULTILINE)


def pins(text):
    return {name.lower(): version for name, version in PIN.findall(text)}


@pytest.fixture
def installed(request):
    root = request.config.rootpath
    return pins((root / "requirements.txt").read_text()) | pins((root / "requirements-no-deps.txt").read_text())


@pytest.mark.parametrize("name", ["data", "training", "sweeps", "analysis"])
def test_an_environment_has_the_pins_of_the_requirements(request, installed, name):
    content = yaml.safe_load((request.config.rootpath / f"envs/{name}.yaml").read_text())
    listed = pins("\n".join(content["dependencies"][-1]["pip"]))
    assert len(listed) > 7
    assert listed == {package: installed[package] for package in listed}


@pytest.mark.parametrize(("environment", "package"), [("training", "elegantrl"), ("sweeps", "DEHB")])
def test_what_has_no_dependencies_is_pinned_alike_after_the_deployment(request, installed, environment, package):
    script = (request.config.rootpath / f"envs/{environment}.post-deploy.sh").read_text()
    assert f"--no-deps {package}=={installed[package.lower()]}" in script
