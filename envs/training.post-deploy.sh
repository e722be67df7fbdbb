#!/usr/bin/env bash
# Snakemake runs this in the new environment.
pip install --no-deps elegantrl==0.3.6
