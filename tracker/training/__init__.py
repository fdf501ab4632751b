"""The recipe that trains the embedded model; serving imports nothing from here."""
