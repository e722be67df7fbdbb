"""What Snakemake's own process imports; the standard library only."""
