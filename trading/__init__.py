"""The rules, pure: no input or output, no threads, no clock, no actors."""
