import pytest

from workflow_scripts.config.yaml_files import load_yaml


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "the key a stands twice, in line 1 and in line 3, and YAML would keep the second alone"),
        ("sweeps:\n  x: {}\n  x: {}\n", "the key x stands twice, in line 2 and in line 3"),
        ("sweeps:\n  2024: {}\n", "line 2: YAML reads the key 2024 as int, not as text: put it in quotes"),
        ("on: 1\n", "line 1: YAML reads the key on as bool, not as text: put it in quotes"),
        ("null: 1\n", "line 1: YAML reads the key null as null, not as text: put it in quotes"),
        ("2024-01-02: 1\n", "line 1: YAML reads the key 2024-01-02 as day, not as text: put it in quotes"),
        ("a: [1\n", "it is not YAML: while parsing a flow sequence"),
    ],
)
def test_what_yaml_would_take_for_something_else_is_refused_with_its_line(tmp_path, text, message):
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="^" + message.replace("[", r"\[")):
        load_yaml(path)


def test_names_in_quotes_are_text(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("sweeps: {'2024': {on_time: yes}}\n", encoding="utf-8")
    assert load_yaml(path) == {"sweeps": {"2024": {"on_time": True}}}


def test_a_day_that_the_calendar_lacks_is_text_for_its_key_to_refuse(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("a: 2002-13-01\nb: 2002-01-03\n", encoding="utf-8")
    assert load_yaml(path) == {"a": "2002-13-01", "b": "2002-01-03"}
