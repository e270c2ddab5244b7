"""How a database comes to have the tables: one revision after the other, forwards only.

A released revision is never edited. `REVISIONS` names all of them, oldest first, so that a start on a database that is
up to date, and the refusal of one from the future, need not import Alembic.
"""

REVISIONS = ("0001", "0002", "0003", "0004", "0005")
HEAD = REVISIONS[-1]
