"""Doors: readers of the formats in which people have their prices.

``door.read_door`` reads them. ``files.files_behind`` names the files; Snakemake's own process asks for them at each
start, so that module and this one import no pandas.
"""
