"""The ledger: reservations, trades, the journal and the jobs that have run, in one database.

`Ledger.open` is the way in. Everything else that a caller needs has its own module: `errors`, `owner`, `reservations`,
`trades`, `journal`, `schedule`. What a replay asks of a ledger in memory is answered in front of SQLite: `memory`.
"""
