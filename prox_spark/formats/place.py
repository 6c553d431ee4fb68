"""Where shards go: a folder that this machine mounts, or an object store that pyarrow has a file system for."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prox_spark.errors import UserError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://?")
REMOTE = ("s3", "s3a", "gs", "abfs", "abfss", "hdfs")
"""What pyarrow has file systems for, with the names that Spark users write."""

UNFINISHED = re.compile(r"\.(.+)\.[0-9a-f]{8}\.tmp")


@dataclass(frozen=True, slots=True)
class Place:
    """A folder for files, as text, so that it travels to Spark's workers.

    Attributes:
        uri: An absolute path, or a URI that pyarrow knows: `s3://`, `gs://`, `abfs://`, `hdfs://`.
    """

    uri: str

    @classmethod
    def at(cls, location: str) -> Place:
        """Name a folder as a user does.

        >>> Place.at("s3a://bucket/corpus/").uri
        's3://bucket/corpus'

        Raises:
            UserError: pyarrow has no file system for it.
        """
        scheme = SCHEME.match(location)
        if scheme is None or scheme[1] == "file":
            bare = location if scheme is None else re.sub(r"^file:(//[^/]*(?=/))?", "", location)
            return cls(os.path.abspath(os.path.expanduser(bare)))
        if scheme[1] not in REMOTE:
            known = ", ".join(f"{name}://" for name in REMOTE)
            raise UserError(f"--to must be a folder, or one of {known}, got {location}; Databricks has /Volumes/…")
        return cls(re.sub(r"^s3a:", "s3:", location).rstrip("/"))

    @property
    def is_local(self) -> bool:
        """Say whether it is a path of the operating system; mounted and shared folders are."""
        return self.uri.startswith("/") or os.path.isabs(self.uri)

    def create(self) -> None:
        """Create the folder if it is not there.

        Raises:
            UserError: It cannot be, or is a file.
        """
        files, folder = self._open()
        try:
            files.create_dir(folder, recursive=True)
        except OSError as error:
            raise UserError(f"cannot write to {self.uri}: {_reason(error)}") from error

    def sizes(self) -> dict[str, int]:
        """List the names of what lies in the folder, with their sizes; -1 for a folder."""
        from pyarrow.fs import FileSelector, FileType

        files, folder = self._open()
        try:
            found = files.get_file_info(FileSelector(folder, allow_not_found=True))
        except OSError as error:
            raise UserError(f"cannot read {self.uri}: {_reason(error)}") from error
        return {item.base_name: item.size if item.type == FileType.File else -1 for item in found}

    def write(self, name: str, data: bytes) -> None:
        """Write a file that is there whole or not at all; one of the same name is replaced.

        Raises:
            UserError: It cannot be written.
        """
        files, folder = self._open()
        target = f"{folder}/{name}"
        # An object appears when its upload ends; a file grows under its name, so it gets that name afterwards.
        path = f"{folder}/.{name}.{secrets.token_hex(4)}.tmp" if self.is_local else target
        try:
            with files.open_output_stream(path) as file:
                file.write(data)
            if path != target:
                files.move(path, target)
        except OSError as error:
            with contextlib.suppress(OSError):
                files.delete_file(path)
            raise UserError(f"cannot write {self.uri}/{name}: {_reason(error)}") from error

    def read(self, name: str) -> bytes:
        """Read a small file."""
        files, folder = self._open()
        with files.open_input_stream(f"{folder}/{name}") as file:
            return bytes(file.read())

    def delete(self, name: str) -> None:
        """Delete a file."""
        files, folder = self._open()
        try:
            files.delete_file(f"{folder}/{name}")
        except OSError as error:
            raise UserError(f"cannot delete {self.uri}/{name}: {_reason(error)}") from error

    def _open(self) -> tuple[FileSystem, str]:
        from pyarrow import ArrowException
        from pyarrow.fs import FileSystem, LocalFileSystem

        if self.is_local:
            return LocalFileSystem(), self.uri
        try:
            files, folder = FileSystem.from_uri(self.uri)
        except (ArrowException, OSError) as error:
            raise UserError(f"cannot open {self.uri}: {_reason(error)}") from error
        return files, folder.rstrip("/")


def _reason(error: Exception) -> str:
    """Give what the operating system said, without the path, which the message has already."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else " ".join(str(error).split())[:200]
