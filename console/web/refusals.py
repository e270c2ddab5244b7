"""What the console's guard raises, and answers."""

from __future__ import annotations


class Refused(Exception):
    """The guard does not let a request through: the status, a word for programs, and a sentence for people."""

    def __init__(self, status: int, code: str, said: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(said)
        self.status, self.code, self.said, self.headers = status, code, said, headers
