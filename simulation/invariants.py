"""The fifteen invariants, by the names that `docs/lifecycle.md` gives them. Each class says its sentence and checks it.

An invariant takes part in the moments in which something could break it, and answers with what it saw broken:

- ``row``: a commit changed a row of the trades. ``lease``: a commit changed a reservation.
- ``sending``: an order is about to leave a process. ``answered``: a process is told what became of one.
- ``commanded``: a person who asked for something is answered.
- ``moved``: something may have happened at a broker. ``quoted``: a process was shown prices.
- ``rest``: faults have stopped, and everything had the time that it may take to settle.

Where the promise is not to do a thing, it is checked in the moment in which the thing would happen; where it is to get
something right in the end, at rest.
"""

from __future__ import annotations

from simulation.invariant import Invariant
from simulation.invariants_of_orders import I1, I2, I8, I9, I10, I11, I13
from simulation.invariants_of_rows import I3, I4, I5, I6, I7, I12, I14, I15

INVARIANTS: tuple[type[Invariant], ...] = (I1, I2, I3, I4, I5, I6, I7, I8, I9, I10, I11, I12, I13, I14, I15)
