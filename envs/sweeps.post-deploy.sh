#!/usr/bin/env bash
# Snakemake runs this in the new environment.
pip install --no-deps DEHB==0.1.2
