"""Which address a server may have: https, or plain http to this machine."""

from __future__ import annotations

from urllib.parse import urlsplit

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(url: str) -> bool:
    """Whether the URL names this machine."""
    return (urlsplit(url).hostname or "") in LOOPBACK_HOSTS


def check_base_url(url: str) -> str:
    """The URL without trailing slashes. Raises `ValueError` when it is not https (plain http only to this machine)."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:  # a bad port raises ValueError
        raise ValueError("is not an http(s) address")
    if parts.username or parts.password:
        raise ValueError("must not carry credentials")
    if parts.query or parts.fragment:
        raise ValueError("must not have a query or a fragment")
    if parts.scheme == "http" and not is_loopback(url):
        raise ValueError("must be https: plain http is only accepted to a loopback host")
    return url.rstrip("/")
