"""What outlives the process: a file of the sessions that were asked to stay."""

from streamer.store.database import Database, Unusable
from streamer.store.records import Asked, Drawn, Kept, Origin
from streamer.store.store import Store

__all__ = ["Asked", "Database", "Drawn", "Kept", "Origin", "Store", "Unusable"]
