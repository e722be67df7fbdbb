"""Doors: readers of the formats in which people have their prices."""

from workflow_scripts.data.doors.door import Door, read_door
from workflow_scripts.data.doors.files import files_behind

__all__ = ["Door", "files_behind", "read_door"]
