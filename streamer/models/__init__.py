"""The models of one server: loaded, fetched, and one changed for another while it serves."""
