"""The concurrent system: who talks to whom."""
