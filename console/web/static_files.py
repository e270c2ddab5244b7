"""What the pages are drawn with: style, scripts and the sign, from memory, each named by what is in it."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response

OWN = Path(__file__).parent / "static"
CHART = "lightweight-charts.js"  # of the package litecharts, whose Python is never imported
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
FOR_EVER = "public, max-age=31536000, immutable"  # the address changes with the contents
SHORTEST_PACKED = 600  # bytes; below it the packing is longer than what it saves


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is sent."""

    kind: str
    plain: bytes
    packed: bytes | None  # by gzip; None where that gains nothing
    version: str


def router() -> APIRouter:
    """The route of the files. Only names that are known here are answered, so no path can be asked for."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/static/{name}", operation_id="static_file")
    async def static_file(name: str, request: Request) -> Response:
        file = file_named(name)
        if file is None:
            raise HTTPException(404, f"there is no file {name!r}")
        headers = {"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding"}
        if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(file.packed, media_type=file.kind, headers={**headers, "Content-Encoding": "gzip"})
        return Response(file.plain, media_type=file.kind, headers=headers)

    return routes


def address_of(name: str) -> str:
    """Where a page finds the file, in the version that this program has. Raises `KeyError` for one that is not here."""
    file = file_named(name)
    if file is None:
        raise KeyError(f"there is no static file {name!r}")
    return f"/static/{name}?v={file.version}"


def file_named(name: str) -> StaticFile | None:
    """The file, read once."""
    return _read(name) if name in names() else None


@cache
def names() -> frozenset[str]:
    """All that are served."""
    return frozenset({CHART, *(path.name for path in OWN.iterdir() if path.suffix in KINDS)})


@cache
def _read(name: str) -> StaticFile:
    path = _chart() if name == CHART else OWN / name
    plain = path.read_bytes()
    packed = gzip.compress(plain, mtime=0) if len(plain) >= SHORTEST_PACKED else None
    return StaticFile(KINDS[path.suffix], plain, packed, hashlib.sha256(plain).hexdigest()[:12])


def _chart() -> Path:
    found = [file for file in metadata.files("litecharts") or () if file.name == CHART]
    if not found:
        raise HTTPException(404, f"the package litecharts has no {CHART}")
    return Path(str(found[0].locate()))
