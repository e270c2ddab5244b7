"""Refusing numbers that no rule can work with, by name."""

from __future__ import annotations

import math


def require_finite(**arguments: float) -> None:
    """Raise ``ValueError`` naming the first argument that is NaN or infinite."""
    for name, value in arguments.items():
        if not math.isfinite(value):
            raise ValueError(f"{name} is {value}; expected a finite number")


def require_positive(**arguments: float) -> None:
    """Raise ``ValueError`` naming the first argument that is not a finite number above zero."""
    for name, value in arguments.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}; expected a finite number above zero")


def require_not_negative(**arguments: float) -> None:
    """Raise ``ValueError`` naming the first argument that is not a finite number of at least zero."""
    for name, value in arguments.items():
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name} is {value}; expected a finite number of at least zero")


def require_fractions(**arguments: float) -> None:
    """Raise ``ValueError`` naming the first argument that is not from 0 to 1."""
    for name, value in arguments.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} is {value}; expected 0 to 1")
