"""What is drawn and encoded for people to watch."""
