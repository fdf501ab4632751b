"""
Who may call: keys and what each of them may do.

:func:`allow` is the one question: may whoever made this connection do what needs that scope? It reads no body. Routes
of a router made by :func:`guarded` ask it before their body is read; :func:`needed_by` says which scope a route needs.
"""

from streamer.auth.dependency import IN_QUERY, REFUSALS, Needs, allow, caller_of, guarded, key_of, needed_by
from streamer.auth.keyring import Keyring
from streamer.auth.keys_file import new_key
from streamer.auth.scopes import Caller, Scope
from streamer.auth.tokens import DEFAULT_SECONDS, MAX_SECONDS

__all__ = [
    "DEFAULT_SECONDS",
    "IN_QUERY",
    "MAX_SECONDS",
    "REFUSALS",
    "Caller",
    "Keyring",
    "Needs",
    "Scope",
    "allow",
    "caller_of",
    "guarded",
    "key_of",
    "needed_by",
    "new_key",
]
