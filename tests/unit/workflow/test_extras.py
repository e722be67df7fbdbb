"""A package that set-up does not install is asked for in one line."""

import pytest

from workflow_scripts.workflow.extras import extra


def test_a_missing_package_is_named_with_what_installs_it():
    with pytest.raises(
        ValueError, match=r"paper trading needs the package no-such-thing, .* -m pip install no-such-thing$"
    ):
        extra("no_such_thing.client", "no-such-thing", "paper trading")


def test_a_package_that_is_there_is_returned():
    assert extra("json.decoder", "json", "a test").JSONDecoder is not None
