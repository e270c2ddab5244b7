"""One broker each: quotes, bars, account, positions, deals, open, close. Nothing else."""
