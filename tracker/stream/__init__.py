"""One stream's state: what is asked, the objects that answer, and how they are followed."""
