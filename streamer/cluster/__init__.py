"""Many machines: whole sessions on workers, one roster that knows them all, and front doors that relay to them."""
