"""Doors: readers of the formats in which people have their prices.

``door.read_door`` reads them. ``files.files_behind`` names the files, and ``wishes`` has what settings can ask.
Snakemake's own process imports these two at each start, so that they import no pandas.
"""
