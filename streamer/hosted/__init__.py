"""The hosted SAM 3 API on this server: one picture at a time over HTTP."""
