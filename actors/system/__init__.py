"""What hosts the actors: the Pykka shell, supervision, clocks, timers and health; on threads or in virtual time.

A *behaviour* is a plain class with ``receive(message, context)``. A `Spec` names it, a `System` hosts it, and its
`Context` is all that it sees of the world. The same behaviours run on threads (`runtime_threads`) in production and
single-threaded and deterministic in virtual time (`runtime_virtual`) in replay and simulation.
"""
