"""Small files made by hand, and what a door makes of them."""

import gzip

from workflow_scripts.data.doors.door import read_door

LONG = """date,ticker,open,high,low,close,volume
2024-01-02,KO,10,12,9,11,100
2024-01-02,PEP,20,22,19,21,200
2024-01-03,KO,11,13,10,12,110
2024-01-03,PEP,21,23,20,22,210
"""


def write(folder, **texts):
    """Write texts; «KO_csv» is KO.csv, since a keyword has no point."""
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        path = folder / name.replace("_", ".")
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder if len(texts) > 1 else path


def door(folder, text, **keys):
    """Read a text as prices.csv."""
    return read_door(write(folder, prices_csv=text), **keys)


def values(read, column="close"):
    """Return the values of a column by ticker and day."""
    return {
        (row.ticker, f"{row.date:%Y-%m-%d}"): row.value
        for row in read.bars.assign(value=read.bars[column]).itertuples(index=False)
    }


def row(read, number=0):
    """Return a row's date, ticker, prices and volume."""
    one = read.bars.iloc[number]
    return (f"{one['date']:%Y-%m-%d}", one["ticker"], *(float(one[name]) for name in read.bars.columns[2:7]))


def packed(text):
    return gzip.compress(text.encode())
