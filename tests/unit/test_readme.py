"""The README says what the schema says."""

from workflow_scripts.workflow.describe_settings import settings_table


def test_the_configuration_table_is_the_schemas(request):
    readme = (request.config.rootpath / "README.md").read_text()
    table = "\n".join(settings_table())
    assert table in readme, "renew it with: python -m workflow_scripts.workflow.describe_settings"


def test_every_key_of_the_shipped_configuration_is_in_the_table(request):
    import yaml

    config = yaml.safe_load((request.config.rootpath / "config.yaml").read_text())
    table = "\n".join(settings_table())
    assert all(f"| `{section}` |" in table for section in config)
    for section in ("folds", "environment", "training", "seeds"):
        assert all(f"| `{section}.{key}` |" in table for key in config[section])
