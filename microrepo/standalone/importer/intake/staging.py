"""Staging: verified content of a bundle, by digest, until the repository is switched to it.

What is staged stays until an import succeeds, so that an interrupted or incomplete one continues.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import IO

from microrepo.standalone.importer.bundle_header import BundleContent, BundleError
from microrepo.standalone.importer.tree_exchange import remove_tree

_PART = ".part"
_READ_BYTES = 1 << 20


class Staging:
    """The staged content of one repository.

    Args:
        folder: where it is; made on first use.
        earlier: for a dry run, the real folder: what is staged there counts, and content is only
            verified.
    """

    def __init__(self, folder: str, earlier: str = "") -> None:
        self.folder = folder
        self._earlier = os.path.join(earlier, "objects") if earlier else ""
        self._verified_pieces: set[str] = set()
        self._objects = os.path.join(folder, "objects")
        self._pieces = os.path.join(folder, "pieces")
        # Content that this run has read from its first to its last byte.
        self._verified: dict[str, int] = {}

    def path(self, *parts: str) -> str:
        """Return a path in the folder."""
        return os.path.join(self.folder, *parts)

    def prepare(self) -> None:
        """Make the folders; delete what a killed run had not completed."""
        for folder in (self._objects, self._pieces):
            os.makedirs(folder, exist_ok=True)
        for name in os.listdir(self._objects):
            if name.endswith(_PART):
                os.unlink(os.path.join(self._objects, name))

    def object_path(self, sha256: str) -> str:
        """Return where content is staged."""
        return os.path.join(self._objects, sha256)

    def has(self, sha256: str, size_bytes: int) -> bool:
        """Return whether content is staged.

        What an earlier run has staged is read again, because that run can have ended with a loss
        of power. Damaged content is deleted.
        """
        if self._verified.get(sha256) == size_bytes:
            return True
        path = os.path.join(self._earlier or self._objects, sha256)
        found = file_sha256(path)
        if found == sha256:
            self._verified[sha256] = size_bytes
            return True
        if found and not self._earlier:
            os.unlink(path)
        return False

    def put(self, content: BundleContent, chunks: Iterable[bytes]) -> str:
        """Stage a member; return the digest of its bytes.

        If that is not the expected one, nothing is kept.
        """
        if self._earlier:
            return self._verify(content, chunks)
        if not content.is_whole:
            return self._put_piece(content, chunks)
        final = self.object_path(content.sha256)
        part = final + _PART
        try:
            with open(part, "wb") as stream:
                found = _digest(chunks, stream)
            if found == content.sha256:
                os.replace(part, final)
                self._verified[content.sha256] = content.size_bytes
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part)
        return found

    def has_piece(self, content: BundleContent) -> bool:
        """Return whether a piece of a file is staged; as for `has`, it is read again."""
        mark = _piece_mark(self._pieces, content)
        if mark in self._verified_pieces:
            return True
        if not os.path.exists(mark):
            return False
        path = _joined_path(self._pieces, content)
        with contextlib.suppress(OSError), open(path, "rb") as stream:
            stream.seek(content.offset)
            if _digest(_chunks(stream, content.piece_bytes), None) == content.piece_sha256:
                self._verified_pieces.add(mark)
                return True
        os.unlink(mark)
        return False

    def join_pieces(self, contents: Iterable[BundleContent]) -> bool:
        """Make one file of its pieces; return whether all of them are there.

        Args:
            contents: all pieces of one file that are known.

        Raises:
            BundleError: the pieces have their digests, but the file has not.
        """
        pieces = sorted(contents, key=lambda content: content.offset)
        sha256, size_bytes = pieces[0].sha256, pieces[0].size_bytes
        if not (_are_whole(pieces) and all(map(self.has_piece, pieces))):
            return False
        if self._earlier:
            self._verified[sha256] = size_bytes
            return True
        path = _joined_path(self._pieces, pieces[0])
        is_good = file_sha256(path) == sha256
        if is_good:
            os.replace(path, self.object_path(sha256))
            self._verified[sha256] = size_bytes
        for piece in pieces:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(_piece_mark(self._pieces, piece))
        if not is_good:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            raise BundleError(
                f"{pieces[0].member}: the joined pieces are not the file that the lists state; "
                "read all volumes again, or export the bundle again"
            )
        return True

    def clear(self) -> None:
        """Delete everything that is staged."""
        remove_tree(self.folder)

    def _verify(self, content: BundleContent, chunks: Iterable[bytes]) -> str:
        found = _digest(chunks, None)
        if found == content.piece_sha256:
            if content.is_whole:
                self._verified[content.sha256] = content.size_bytes
            else:
                self._verified_pieces.add(_piece_mark(self._pieces, content))
        return found

    def _put_piece(self, content: BundleContent, chunks: Iterable[bytes]) -> str:
        path = _joined_path(self._pieces, content)
        with open(path, "r+b" if os.path.exists(path) else "w+b") as stream:
            stream.seek(content.offset)
            found = _digest(chunks, stream)
        if found == content.piece_sha256:
            self._verified_pieces.add(_piece_mark(self._pieces, content))
            with open(_piece_mark(self._pieces, content), "wb"):
                pass
        return found


def _are_whole(pieces: Iterable[BundleContent]) -> bool:
    """Return whether pieces, in their order, leave no gap."""
    end = size_bytes = 0
    for piece in pieces:
        if piece.offset > end:
            return False
        end = max(end, piece.offset + piece.piece_bytes)
        size_bytes = piece.size_bytes
    return end == size_bytes


def _joined_path(folder: str, content: BundleContent) -> str:
    """Return where the pieces of a file are joined."""
    return os.path.join(folder, content.sha256)


def _piece_mark(folder: str, content: BundleContent) -> str:
    """Return the file that says that a piece is in its place."""
    end = content.offset + content.piece_bytes
    return os.path.join(folder, f"{content.sha256}.{content.offset}-{end}")


def file_sha256(path: str) -> str:
    """Return the SHA-256 of a regular file; "" if it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return _digest(_chunks(stream), None)
    except OSError:
        return ""


def _chunks(stream: IO[bytes], most_bytes: int = 1 << 63) -> Iterator[bytes]:
    while most_bytes:
        chunk = stream.read(min(_READ_BYTES, most_bytes))
        if not chunk:
            return
        most_bytes -= len(chunk)
        yield chunk


def _digest(chunks: Iterable[bytes], target: IO[bytes] | None) -> str:
    hasher = hashlib.sha256()
    for chunk in chunks:
        hasher.update(chunk)
        if target is not None:
            target.write(chunk)
    return hasher.hexdigest()
