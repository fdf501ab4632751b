"""Addresses with secrets in them: taken apart as people type them, and what of them may be seen."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from urllib.parse import quote, unquote

HIDDEN = "***"
LONGEST = 24  # characters of a part that reads like a word; tokens are longer
SHORTEST = 2  # characters of a secret that is looked for in messages: a shorter one is part of every word

# Names in a query (and in paths of key=value) whose values say which picture is meant, not who may see it.
HARMLESS = frozenset(
    (
        *(
            "cam",
            "camera",
            "ch",
            "chan",
            "channel",
            "chn",
            "codec",
            "fps",
            "height",
            "mode",
            "pace",
            "profile",
            "proto",
        ),
        *("quality", "resolution", "size", "stream", "streamtype", "subtype", "timeout", "track", "transport", "type"),
        *("unicast", "videocodec", "width"),
    )
)
KEYED = frozenset({"rtmp", "rtmps"})  # the last part of their path is the stream's key

_UNESCAPED = "!$&'()*+,;="  # of what is no letter, in a login (RFC 3986, section 3.2.1)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HOST = re.compile(r"\[[0-9A-Fa-f:.]+(?:%[\w.%-]+)?\]|[^\s\[\]:@/?#]+")
_AFTER = re.compile(r"@([^@/?#]*+)(?!@)")  # an @, and what stands between it and the path, query or fragment
_WORD = re.compile(r"[^\W\d_]+\d{0,4}|\d{1,6}|\d{1,5}x\d{1,5}|\w{1,6}|[^\W\d_]{1,4}\d{1,4}[^\W\d_]{2,12}")
_BETWEEN = re.compile(r"[-_. ,+]+")
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")
# Where the scheme was forgotten: what may be a login, and pairs whose names speak of secrets.
_LOGIN = re.compile(r"(?<=:).*@", re.DOTALL)
_TELLING = re.compile(r"((?:pas|pwd|token|secret|key|auth|sig)[^=/&;]*=)[^/&;]*", re.IGNORECASE)
# In a line of a log. What stands in quotes ends with them, else at a space; in front of a host, where a password may
# hold anything, all up to the last @ of the line. Long lines take no longer for each of their characters.
_QUOTE = r"(?P<quote>['\"])?"
_REST = r"(?(quote)(?:\\.|(?!(?P=quote))[^\\\n])*|[^\s\"<>]*(?<!['),.:;\]}]))"
_IN_TEXT = re.compile(
    rf"{_QUOTE}(?P<address>[A-Za-z][A-Za-z0-9+.-]{{0,15}}://(?:[^\s'\"<>/?#@:]{{0,256}}:[^\n]{{0,1024}}@)?{_REST})"
)
_QUERY = re.compile(rf"{_QUOTE}(?<![^\s'\"<>])(?P<path>/[^\s\"'?<>]*)\?(?P<query>{_REST})")  # of a request
_HEADER = re.compile(
    r"(?P<name>\b(?:authorization|cookie|location)['\"]?\s*[:,]\s*)(?:b(?=['\"]))?"
    r"(?:\*{3}|(?P<quote>['\"])(?:\\.|(?!(?P=quote))[^\\\n])*(?P=quote)|[^\n]*)",
    re.IGNORECASE,
)
_PAIR = re.compile(
    r"(\b\w*(?:pas|password|passwd|pwd|passphrase|token|secret|api_?key|sig|signature|credential)"
    r"(?:=|['\"]:\s*)['\"]?)[^\s/&;,'\"()\[\]{}]+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Parts:
    """
    An address with a host, taken apart. ``user`` and ``password`` are what the other side is to get: nothing escaped.

    ``host`` has no brackets; ``path`` and ``query`` are to the letter. What follows a ``#`` is not sent.
    """

    scheme: str
    user: str | None = field(repr=False)
    password: str | None = field(repr=False)
    host: str
    port: int | None
    path: str = field(repr=False)
    query: str = field(repr=False)
    typed: tuple[str, ...] = field(default=(), repr=False, compare=False)  # what is not shown, as it was typed

    @property
    def place(self) -> str:
        """Host and port as an address has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def tail(self) -> str:
        """Path and query as an address has them."""
        return self.path + (f"?{self.query}" if self.query else "")

    @property
    def login(self) -> str:
        """User name and password, escaped and with the ``@`` behind them; empty where there are none."""
        if self.user is None:
            return ""
        password = "" if self.password is None else f":{quote(self.password, safe=_UNESCAPED)}"
        return f"{quote(self.user, safe=_UNESCAPED)}{password}@"

    @property
    def url(self) -> str:
        """All of it, user name and password escaped."""
        return f"{self.scheme}://{self.login}{self.place}{self.tail}"


def split(text: str) -> Parts:
    """
    Take an address ``scheme://user:password@host:port/path?query`` apart.

    A password may hold any character, as it is or percent-encoded; it counts as encoded where each ``%`` of it begins
    an escape. Where an address can be read in two ways (``/`` and ``@`` in both password and path) the reading with an
    IP address or a name with a dot as host is taken. Raises ValueError, whose words repeat nothing of the address.
    """
    found = _SCHEME.match(text)
    if found is None:
        raise ValueError("it has no scheme; write scheme://host/path")
    scheme, rest = found[1].lower(), text[found.end() :]
    at = _login_end(rest)
    login, rest = (None, rest) if at is None else (rest[:at], rest[at + 1 :])
    place, tail = _cut(rest)
    host, port = _place(place)
    tail, _, fragment = tail.partition("#")
    path, _, query = tail.partition("?")
    user, colon, password = (login or "").partition(":")
    return Parts(
        scheme,
        None if login is None else _plain(user),
        _plain(password) if colon else None,
        host,
        port,
        path,
        query,
        (password, fragment),
    )


def address(text: str) -> str:
    """
    An address, or a path, as people may see it.

    Hidden are passwords, values in queries that are not ``HARMLESS``, the stream's key of RTMP, and whatever in a path
    does not read like a word or a number. What cannot be taken apart shows its scheme alone.
    """
    found = _SCHEME.match(text)
    if found is None:
        return printable(_TELLING.sub(rf"\g<1>{HIDDEN}", _LOGIN.sub(f"{HIDDEN}@", text)))
    try:
        parts = split(text)
    except ValueError:
        return f"{found[1].lower()}://{HIDDEN}"
    if parts.user is not None and "@" in parts.path:  # the password may go on there
        return printable(f"{parts.scheme}://{_user(parts)}{HIDDEN}")
    shown = f"{parts.scheme}://{_user(parts)}{parts.place}{_path(parts)}"
    return printable(f"{shown}?{_pairs(parts.query)}" if parts.query else shown)


def secrets(text: str) -> tuple[str, ...]:
    """What of an address is not shown, in each spelling that a message may repeat, the longest first."""
    try:
        parts = split(text)
    except ValueError:
        found = _SCHEME.match(text)
        rest = text[found.end() :] if found else ""
        return (rest,) if len(rest) >= SHORTEST else ()
    shown = address(text)
    held = {parts.password or "", *parts.typed, parts.user or "" if HIDDEN in _user(parts).partition(":")[0] else ""}
    held.update(part for part in re.split(r"[/?&;]", parts.tail) if part and part not in shown)
    held.update(part.partition("=")[2] for part in tuple(held) if "=" in part and part.partition("=")[2] not in shown)
    if "@" in parts.path:
        held.add(text)
    spelled = {
        spelling
        for each in held
        for spelling in (
            *(each, unquote(each)),
            *(quote(each, safe=safe) for safe in ("/", "", _UNESCAPED)),
        )
    }
    return tuple(sorted((each for each in spelled if len(each) >= SHORTEST), key=len, reverse=True))


def hide(message: str, held: Iterable[str]) -> str:
    """A message without the secrets that it may repeat."""
    for each in held:
        message = message.replace(each, HIDDEN)
    return message


def in_text(text: str) -> str:
    """
    Text for a log, in which every address is shown as :func:`address` shows it; all else is left as it is.

    Of a path the query is shown as that of an address. Headers that carry logins or lead elsewhere, and values whose
    names speak of secrets, are hidden.
    """
    text = _IN_TEXT.sub(lambda found: f"{found['quote'] or ''}{address(found['address'])}", text)
    text = _QUERY.sub(lambda found: f"{found['quote'] or ''}{found['path']}?{_pairs(found['query'])}", text)
    return _PAIR.sub(rf"\g<1>{HIDDEN}", _HEADER.sub(rf"\g<name>{HIDDEN}", text))


def printable(text: str) -> str:
    """Text on one line, its control characters, and those that turn the writing around, as escapes."""
    return "".join(_escaped(each) if unicodedata.category(each)[0] == "C" else each for each in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def _cut(rest: str) -> tuple[str, str]:
    """Host and port, and what follows them."""
    end = next((index for index, each in enumerate(rest) if each in "/?#"), len(rest))
    return rest[:end], rest[end:]


def _login_end(rest: str) -> int | None:
    """Where the @ stands that ends user name and password; None: there are none. Raises ValueError."""
    head, tail = _cut(rest)
    usual = head.rfind("@") if "@" in head else None
    if "@" not in tail:
        return usual
    later = {found.start(): found[1] for found in _AFTER.finditer(rest, len(head))}  # what may be a host, by its @
    strong = next((at for at, place in later.items() if _is_strong(place)), None)
    if usual is not None:
        return usual if strong is None or _is_strong(head[usual + 1 :]) else strong
    _, colon, port = head.partition(":")
    if not colon and tail[0] != "#":
        return None
    if tail[0] != "#" and _is_port(port):
        if strong is None and not _is_strong(head) and tail[0] == "/":
            raise ValueError("it can be read in two ways; write %40 for an @ in a path, %2F for a / in a password")
        return None if _is_strong(head) else strong
    weak = (at for at, place in later.items() if _HOST.fullmatch(place.partition(":")[0]))
    return strong if strong is not None else next(weak, rest.rfind("@"))


def _is_strong(place: str) -> bool:
    """Whether this can hardly be anything but a host: an IP address, a name with a dot, this machine."""
    if place.startswith("["):
        return _HOST.match(place) is not None
    name, _, port = place.partition(":")
    return (not port or _is_port(port)) and (
        name.lower() == "localhost" or re.fullmatch(r"[\w-]+(\.[\w-]+)+\.?", name) is not None
    )


def _is_port(text: str) -> bool:
    return text == "" or (text.isascii() and text.isdecimal() and int(text) < 2**16)


def _place(place: str) -> tuple[str, int | None]:
    """Host and port of an address. Raises ValueError."""
    found = _HOST.match(place)
    if found is None:
        raise ValueError("it has no host; write scheme://host/path")
    rest = place[found.end() :]
    if rest and (rest[0] != ":" or not _is_port(rest[1:])):
        raise ValueError("its port is not a number from 0 to 65535")
    return found[0].strip("[]"), int(rest[1:]) if rest[1:] else None


def _plain(text: str) -> str:
    """A user name or password without escapes."""
    if text.count("%") != len(_ESCAPED.findall(text)):
        return text
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def _user(parts: Parts) -> str:
    if parts.user is None:
        return ""
    user = quote(parts.user, safe="") if reads_like_words(parts.user) else HIDDEN
    return f"{user}:{HIDDEN}@" if parts.password is not None else f"{user}@"


def _path(parts: Parts) -> str:
    if not parts.path:
        return ""
    segments = parts.path.split("/")
    shown = [each if not each or reads_like_words(unquote(each)) else HIDDEN for each in segments]
    if parts.scheme in KEYED and len([each for each in segments if each]) > 1:
        last = max(index for index, each in enumerate(segments) if each)
        shown[last:] = [HIDDEN]
    return "/".join(shown)


def _pairs(query: str) -> str:
    return "&".join(_pair(pair) for pair in query.split("&"))


def _pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if not equals:
        return pair if reads_like_words(pair) else HIDDEN
    harmless = name.lower() in HARMLESS and reads_like_words(unquote(value))
    return f"{name}={value}" if harmless else f"{name if reads_like_words(name) else HIDDEN}={HIDDEN}"


def reads_like_words(text: str) -> bool:
    """Whether text is words and numbers with signs between them, as people write names; tokens are not."""
    words = [word for word in _BETWEEN.split(text) if word]
    if not all(len(word) <= LONGEST and _WORD.fullmatch(word) for word in words):
        return False
    return all(sum(a.islower() and b.isupper() for a, b in pairwise(word)) <= 2 for word in words)
