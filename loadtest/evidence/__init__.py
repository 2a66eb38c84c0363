"""What a run leaves behind: its record, the ledger, plots and the report."""
