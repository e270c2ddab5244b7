"""Real processes of this program, killed and paused while they trade; afterwards ledger and broker must agree.

What `simulation/` shows in virtual time, with every step in its hands, is shown here with what it cannot have: a
kernel that stops a process between any two instructions, a file system, sockets, and several processes on one ledger.
"""
