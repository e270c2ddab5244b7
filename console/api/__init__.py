"""The console's API: what can be seen of a running crew, and what can be asked of it, as JSON with types."""
