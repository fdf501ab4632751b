"""Every JSON shape that is read or sent. Other box anchors than ours, and other names, exist only here."""
