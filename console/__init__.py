"""What the operator sees: settings, commands, tables and the live view."""
