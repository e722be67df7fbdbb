"""config.yaml as a whole: the rooms' settings put together; what Snakemake's own process imports, so nothing heavy."""
