"""Knows who asks: by the token that they show, or as a browser that is signed in; and whether another site asks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie

from starlette.requests import Request

from console.web.access_tokens import TokenFile
from console.web.callers import Caller
from console.web.hosts import Hosts
from console.web.own_secret import SecretUnusable
from console.web.refusals import Refused
from console.web.sealed import Purpose, Sealed, opened
from console.web.wrong_tokens import WrongTokens

FROM_A_PAGE = "page"  # what the header X-Watchbill says: no other site can set it unasked
FORMS = ("/sign-in", "/sign-out")  # which no script sends, so that they work without one
ASKED_BY, ASKED_BY_CHARACTERS = "x-watchbill-asked-by", 80
DELAY_SECONDS = 1.0  # of those who show wrong tokens too often
MOST_DELAYED = 16  # at a time; more are refused at once, so that they hold no connections
MOST_COOKIES = 4  # of one name that are looked at
ADVICE = "show a token as `Authorization: Bearer ...`, or sign in: run.py sign-in"


class Keeper:
    """Of one console. Its guard asks it first, and the page to sign in."""

    def __init__(self, tokens: TokenFile, hosts: Hosts) -> None:
        self.tokens = tokens
        self.hosts = hosts
        self._wrong = WrongTokens()
        self._delayed = 0

    def wrong_token(self, address: str) -> Refused:
        """What one is told who showed a wrong token, and is counted."""
        if self._wrong.count(address):
            return Refused(429, "too_many", "too many wrong tokens; wait a minute", (b"retry-after", b"60"))
        return self.unknown("the token is none of this console's")

    async def delay(self) -> None:
        """Hold up one who shows wrong tokens too often."""
        if self._delayed >= MOST_DELAYED:
            return
        self._delayed += 1
        try:
            await asyncio.sleep(DELAY_SECONDS)
        finally:
            self._delayed -= 1

    def unknown(self, said: str) -> Refused:
        return Refused(401, "who_asks", f"{said}; {ADVICE}", (b"www-authenticate", b"Bearer"))

    def require_host(self, request: Request) -> str:
        named = request.headers.getlist("host")
        server = request.scope.get("server")
        if len(named) != 1:
            raise Refused(400, "bad_host", "expected one Host header")
        if not self.hosts.knows(named[0], server[0] if server else None):
            said = "this console does not answer by that name; expected its own address, or one of console.names"
            raise Refused(421, "wrong_host", said)
        return named[0]

    # ------------------------------------------------------------ who asks

    def caller(self, request: Request, host: str, address: str) -> Caller | None:
        """Who asks; None where nothing was shown that says so."""
        self._require_no_other_site(request, host)
        shown = request.headers.getlist("authorization")
        if shown:
            return self._bearer(shown, address, _remark(request))
        signed_in = self.signed_in(request)
        if signed_in is None:
            return None
        if request.method not in ("GET", "HEAD"):
            self.require_own_page(request, host)
            if request.scope["path"] in FORMS:
                return self._browser(signed_in, address)
            if "origin" not in request.headers:
                raise Refused(403, "cross_site", "expected an Origin header: a browser sends it with what it changes")
            if request.headers.get("x-watchbill") != FROM_A_PAGE:
                said = f"expected the header X-Watchbill: {FROM_A_PAGE}, which only the console's own pages send"
                raise Refused(403, "cross_site", said)
        return self._browser(signed_in, address)

    def _browser(self, signed_in: Sealed, address: str) -> Caller:
        name = f"browser {signed_in.id[:6]} ({signed_in.access}) from {address}"
        return Caller(signed_in.access, name, is_page=True)

    def _bearer(self, shown: list[str], address: str, remark: str) -> Caller:
        scheme, _, token = shown[0].partition(" ")
        if len(shown) > 1 or scheme.lower() != "bearer":
            raise self.unknown("expected one Authorization header, with a Bearer token")
        access = self.tokens.access_of(token.strip())
        if access is None:
            raise self.wrong_token(address)
        return Caller(access, f"{access} token from {address}", remark=remark)

    def signed_in(self, request: Request) -> Sealed | None:
        """The browser's cookie, where it is a good one."""
        tokens = self.tokens.current()
        for value in cookies_of(request, self.cookie_name):
            found = opened(value, tokens, Purpose.COOKIE, time.time())
            if found is not None:
                return found
        return None

    @property
    def cookie_name(self) -> str:
        """Browsers keep cookies by host alone: consoles at two ports must not sign each other out."""
        return "__Host-watchbill" if self.hosts.scheme == "https" else f"watchbill-{self.hosts.port}"

    def still(self, request: Request, caller: Caller) -> Callable[[], bool]:
        """Whether who asks would still be let in: a stream is asked that as long as it lasts."""
        if caller.is_page:
            return lambda: _is(lambda: self.signed_in(request) is not None)
        token = request.headers["authorization"].partition(" ")[2].strip()
        return lambda: _is(lambda: self.tokens.access_of(token) is caller.access)

    # ------------------------------------------------------------ other sites

    def _require_no_other_site(self, request: Request, host: str) -> None:
        """Refuse what another site's page asks, whatever it shows; but a link to a page may stand anywhere."""
        origin = request.headers.get("origin")
        if origin is not None and origin != "null" and not self.hosts.is_own_origin(origin, host):
            raise Refused(403, "cross_site", "another site's page asks that; expected the console's own")
        site = request.headers.get("sec-fetch-site", "none")
        is_link = request.method == "GET" and request.headers.get("sec-fetch-mode") == "navigate"
        if site not in ("same-origin", "none") and not is_link:
            raise Refused(403, "cross_site", "another site's page asks that; expected the console's own")

    def require_own_page(self, request: Request, host: str) -> None:
        """Refuse what changes something unless a page of the console asks for it, or no page at all.

        With `no-referrer` a form sends the Origin `null`: there only what the browser says of the site counts.
        """
        self._require_no_other_site(request, host)
        is_own = request.headers.get("sec-fetch-site") in ("same-origin", "none")
        if request.headers.get("origin") == "null" and not is_own:
            raise Refused(403, "cross_site", "a page without an origin asks that; expected the console's own")


def cookies_of(request: Request, name: str) -> list[str]:
    """Every value of a cookie: another program of the same host may have set one of that name, too."""
    found = []
    for part in ";".join(request.headers.getlist("cookie")).split(";"):
        try:
            parsed = SimpleCookie(part.strip())
        except CookieError:
            continue
        if name in parsed:
            found.append(parsed[name].value)
    return found[:MOST_COOKIES]


def _is(asked: Callable[[], bool]) -> bool:
    try:
        return asked()
    except SecretUnusable:
        return False


def _remark(request: Request) -> str:
    """Who says to stand behind a token, in plain letters; anything may be claimed here."""
    said = request.headers.get(ASKED_BY, "")[:ASKED_BY_CHARACTERS]
    return "".join(letter for letter in said if " " <= letter <= "~" and letter not in "()").strip()
