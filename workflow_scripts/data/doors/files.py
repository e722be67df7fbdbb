"""Which files a door reads: tables in text and parquet, packed or not, alone or in a folder."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from workflow_scripts.workflow.files import first_line

TEXT = (".csv", ".txt", ".tsv")
TABLES = (*TEXT, ".parquet")
UNPACK = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}
WHAT = f"a table ({', '.join(TABLES)}), packed ({', '.join(UNPACK)}) or not, a .zip of them, or a folder of them"


@dataclass(frozen=True)
class Part:
    """A table's bytes, and what messages call it.

    Attributes:
        name: the file's name; with its archive's, where it comes from one.
        stem: the name without its endings: the ticker, where no column has one.
        ending: which kind of table it is.
        content: its bytes, unpacked.

    """

    name: str
    stem: str
    ending: str
    content: bytes


def files_behind(path: Path) -> list[Path]:
    """Return every file that ``read_door`` reads.

    Raises:
        FileNotFoundError: the path leads nowhere.
        ValueError: nothing there is a table.

    """
    return sort_out(path)[0]


def sort_out(path: Path) -> tuple[list[Path], list[str]]:
    """Return the files that hold tables, and the names of what else is there.

    Raises:
        FileNotFoundError: the path leads nowhere.
        ValueError: nothing there is a table.

    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: name {WHAT}")
    if not path.is_dir():
        if not is_readable(path.name):
            raise ValueError(f"{path.name} is not {WHAT}: save it as csv")
        return [path], []
    there = sorted(path.iterdir(), key=lambda item: item.name)
    files = [item for item in there if item.is_file() and is_readable(item.name)]
    unread = [f"{item.name}/" if item.is_dir() else item.name for item in there if item not in files]
    if not files:
        found = f"it has {', '.join(unread[:5])}{', …' if len(unread) > 5 else ''}" if unread else "it is empty"
        raise ValueError(f"the folder {path} has no table, {found}: name {WHAT}")
    return files, unread


def is_readable(name: str) -> bool:
    """Return whether a file of this name holds a table."""
    return not name.startswith(".") and (split_name(name)[1] in TABLES or name.lower().endswith(".zip"))


def split_name(name: str) -> tuple[str, str]:
    """Return a file's name without its endings, and the ending that says which kind of table it is."""
    plain = PurePosixPath(name)
    if plain.suffix.lower() in UNPACK:
        plain = plain.with_suffix("")
    return plain.stem, plain.suffix.lower()


def open_parts(file: Path, unread: list[str]) -> Iterator[Part]:
    """Yield the tables of a file: one, or those of an archive, the names of whose other members join ``unread``.

    Raises:
        ValueError: the file is damaged.

    """
    try:
        if file.suffix.lower() != ".zip":
            yield _unpack(file.name, file.name, file.read_bytes())
            return
        with zipfile.ZipFile(file) as archive:
            for member in sorted(archive.namelist()):
                name, last = f"{file.name}:{member}", PurePosixPath(member).name
                if member.endswith("/"):
                    continue
                bare = "." not in last  # as pandas names what it packs
                if member.startswith("__MACOSX") or last.lower().endswith(".zip") or not (bare or is_readable(last)):
                    unread.append(name)
                else:
                    yield _unpack(name, f"{last}.txt" if bare else last, archive.read(member))
    except (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, RuntimeError, zlib.error) as error:
        raise ValueError(f"{file.name} cannot be unpacked: {first_line(error)}; get the file again") from error


def _unpack(name: str, last: str, content: bytes) -> Part:
    stem, ending = split_name(last)
    packing = PurePosixPath(last).suffix.lower()
    return Part(name, stem, ending, UNPACK[packing](content) if packing in UNPACK else content)


def as_utf8(part: Part) -> bytes:
    """Return a text's bytes in UTF-8 without a byte order mark.

    Raises:
        ValueError: it is neither UTF-8 nor marked as UTF-16.

    """
    content = part.content
    if content.isascii():
        return _plain_lines(content)
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        byte = content[error.start]
        raise ValueError(
            f"{part.name}, row {row}: the byte 0x{byte:02x} is not UTF-8: save the file as UTF-8"
        ) from error
    return _plain_lines(text.encode())


def _plain_lines(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in content else content


def lines_of(content: bytes, count: int) -> list[str]:
    """Return the first lines of a text in UTF-8."""
    return [line.decode().rstrip("\n") for line, _ in zip(io.BytesIO(content), range(count), strict=False)]
