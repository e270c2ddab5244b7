"""MetaTrader 5: the connector, the worker beside the terminal, and the package's double."""
