"""Analyses from outside as they travel: signed, so that only whoever holds a source's key can make one.

The form is a JSON Web Signature in its compact serialization (RFC 7515) with HMAC and SHA-256 (`HS256`, RFC 7518), for
which every language has a library. The header's `kid` names the source, the payload is the `Analysis` as JSON. The same
text is a file in the watched folder, and may be the body of a request.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from pydantic import ValidationError

from feeds.errors import AnalysisRefused
from trading.analysis import LONGEST_ID, Analysis
from trading.settings_analyses import LEAST_KEY_CHARACTERS

ALGORITHM = "HS256"
TYPE = "watchbill-analysis"  # so that a token which was signed for something else is none
LONGEST_TEXT = 65_536  # characters

KeyOf = Callable[[str], str]
"""The key of a source, by its name. Raises `AnalysisRefused` where there is no such source, or none for it."""


def signed(payload: str, source: str, key: str) -> str:
    """``payload``, an analysis as JSON, signed by ``source``. Raises `AnalysisRefused` for what nobody would accept."""
    import jwt

    require_usable(key, source)
    _analysis(payload.encode("utf-8"), source)
    header = {"kid": source, "typ": TYPE}
    text = jwt.PyJWS().encode(payload.encode("utf-8"), key, ALGORITHM, header)
    if len(text) > LONGEST_TEXT:
        raise AnalysisRefused("too_long", f"{len(text)} characters; expected at most {LONGEST_TEXT}", source)
    return text


def opened(text: str, key_of: KeyOf) -> Analysis:
    """The analysis in a signed text: its id begins with its source's name, which stands in ``made_by``, too.

    The key is chosen by the name in the header, and nothing of the payload is read before the signature is proved.
    Raises `AnalysisRefused`, whose ``reason`` is one word.
    """
    import jwt

    if len(text) > LONGEST_TEXT:
        raise AnalysisRefused("too_long", f"{len(text)} characters; expected at most {LONGEST_TEXT}")
    signatures = jwt.PyJWS(algorithms=[ALGORITHM])
    token = text.strip()
    try:
        header = signatures.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise AnalysisRefused("not_signed", f"not a signed analysis: {error}") from error
    source, kind = header.get("kid"), header.get("typ")
    if not isinstance(source, str) or kind != TYPE:
        raise AnalysisRefused("not_signed", f"its header names typ {kind!r} and kid {source!r}; expected {TYPE!r}")
    key = key_of(source)
    require_usable(key, source)
    try:
        payload = signatures.decode(token, key, algorithms=[ALGORITHM])
    except (jwt.PyJWTError, ValueError) as error:
        raise AnalysisRefused("signature", f"not signed by {source}: {error}", source) from error
    return _analysis(payload, source)


def _analysis(payload: bytes, source: str) -> Analysis:
    try:
        values = json.loads(payload)
        if not isinstance(values, dict):
            raise AnalysisRefused("schema", f"the payload is a {type(values).__name__}; expected an object", source)
        made_by = values.get("made_by", source)
        if made_by != source:
            raise AnalysisRefused("schema", f"made_by is {made_by!r}; expected {source!r}, who signed it", source)
        said = Analysis.model_validate_json(json.dumps({**values, "made_by": source}))
        identity = f"{source}/{said.id}"
        if len(identity) > LONGEST_ID:
            most = LONGEST_ID - len(source) - 1
            raise AnalysisRefused("schema", f"id has {len(said.id)} characters; expected at most {most}", source)
        # Of each source a room of its own: none can use up the ids of another, or of the built-in analyst.
        return said.model_copy(update={"id": identity})
    except ValidationError as error:
        raise AnalysisRefused("schema", _said(error), source) from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, AnalysisRefused):
            raise
        raise AnalysisRefused("schema", f"the payload is not JSON: {error}", source) from error


def _said(error: ValidationError) -> str:
    """Each fault with its field and value, in one line."""
    faults = []
    for fault in error.errors(include_url=False):
        field = ".".join(str(part) for part in fault["loc"]) or "the analysis"
        shown = "" if fault["type"] == "missing" else f", and it is {fault['input']!r:.60}"
        faults.append(f"{field}: {fault['msg'].lower()}{shown}")
    return "; ".join(faults[:8])


def require_usable(key: str, source: str) -> None:
    """Raise `AnalysisRefused` for a key that could be guessed, or is no such key at all."""
    import jwt

    if len(key) < LEAST_KEY_CHARACTERS:
        raise AnalysisRefused("key", f"the key of {source} has {len(key)} characters; expected 32 or more", source)
    try:
        jwt.PyJWS().encode(b"", key, ALGORITHM)
    except jwt.PyJWTError as error:  # a certificate, or half of a pair of keys: whoever has the other half knows it
        raise AnalysisRefused("key", f"the key of {source} is no key for {ALGORITHM}: {error}", source) from error
