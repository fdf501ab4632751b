"""How HTTP requests and WebSockets bring a key, and what each route needs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.requests import HTTPConnection
from fastapi.routing import APIRoute
from fastapi.security import APIKeyQuery, HTTPAuthorizationCredentials, HTTPBearer

from streamer.auth.keyring import Keyring
from streamer.auth.scopes import ANY, Caller, Scope
from streamer.errors import Forbidden, TooMany, Unauthorized

REFUSALS = (Unauthorized, Forbidden, TooMany)  # what a route that needs a key may answer
IN_QUERY = "api_key"  # the parameter that a key may be in
_QUERY = APIKeyQuery(name=IN_QUERY, auto_error=False, description="A key or a token, where the server has keys.")
_BEARER = HTTPBearer(auto_error=False, description="The same as a header.")
_CALLER = "streamer.caller"  # in a connection's scope once it was asked who calls


class Needs:
    """
    Dependency of routes: ``Depends(Needs(Scope.VIEW))``. The key is in ``?api_key=`` or ``Authorization: Bearer``.

    A token of one session opens routes whose path has that session's ``{id}``, and with ``any_session`` the others.
    Raises what :func:`allow` raises.
    """

    def __init__(self, scope: Scope, *, any_session: bool = False) -> None:
        self.scope = scope
        self.any_session = any_session

    async def __call__(
        self,
        connection: HTTPConnection,
        query: Annotated[str | None, Security(_QUERY)],
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
    ) -> Caller:
        """Who calls, if that scope is theirs."""
        return self.allow(connection, _one_of(query, bearer))

    def allow(self, connection: HTTPConnection, key: str | None) -> Caller:
        """The same of a key that was read before."""
        session = ANY if self.any_session else connection.path_params.get("id")
        return allow(connection, key, self.scope, session=session)


class _KeyFirst(APIRoute):
    """A route that looks at the key before it reads the body: FastAPI reads and parses before it asks dependencies."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler behind the key."""
        needs, handle = _needs_of(self), super().get_route_handler()

        async def checked(request: Request) -> Response:
            if needs is not None:
                needs.allow(request, await key_of(request))
            return await handle(request)

        return checked


def guarded(scope: Scope, *, any_session: bool = False, **more: Any) -> APIRouter:
    """A router whose routes need a key of that scope, which is looked at before their body is read."""
    needs = Needs(scope, any_session=any_session)
    return APIRouter(dependencies=[Depends(needs)], route_class=_KeyFirst, **more)


def needed_by(route: Any) -> Scope | None:
    """
    The scope that a route asks for before its body is read; None: it asks for no key, or asks by itself.

    Takes a route, or what ``fastapi.routing.iter_route_contexts`` gives of an application.
    """
    needs = _needs_of(route)
    return None if needs is None else needs.scope


def allow(connection: HTTPConnection, key: str | None, needed: Scope, *, session: str | None = None) -> Caller:
    """
    Let a connection with that key do what needs a scope, at that session (None: at no one session; ANY: at any).

    Who calls is kept in the connection's ASGI scope: to ask again, in middleware and in a route, costs nothing and
    counts a wrong key once. Raises Unauthorized (401) without a key that is right, Forbidden (403) for a scope or a
    session that the key does not open, TooMany (429) when too many wrong keys came from the connection's address.
    """
    known = connection.scope.get(_CALLER)
    if known is None or known[0] != key:
        keys: Keyring = connection.app.state.keys
        remote = connection.client.host if connection.client is not None else ""
        known = connection.scope[_CALLER] = (key, keys.caller(key, remote))
    caller: Caller = known[1]
    caller.check(needed, session)
    return caller


def caller_of(connection: HTTPConnection) -> Caller:
    """Who made a connection that :func:`allow` has let in."""
    caller: Caller = connection.scope[_CALLER][1]
    return caller


async def key_of(connection: HTTPConnection) -> str | None:
    """The key that a request or WebSocket brings in its query or its header; None: neither."""
    return _one_of(await _QUERY(connection), await _BEARER(connection))


def _needs_of(route: Any) -> Needs | None:
    found = (dependency.dependency for dependency in getattr(route, "dependencies", ()))
    return next((each for each in found if isinstance(each, Needs)), None)


def _one_of(query: str | None, bearer: HTTPAuthorizationCredentials | None) -> str | None:
    return query or (bearer.credentials if bearer is not None else None)
