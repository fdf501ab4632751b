"""What the command line does: serve, run a file, say what works here."""
