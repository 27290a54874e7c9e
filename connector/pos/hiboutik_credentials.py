"""How requests to a Hiboutik account are signed: an OAuth token, or a login with its API key."""

from __future__ import annotations

from pydantic import SecretStr


def credentials(
    login: str | None, api_key: SecretStr | str | None, oauth_token: SecretStr | str | None
) -> tuple[dict[str, str], tuple[str, str] | None]:
    """Headers and basic-auth pair. Raises `ValueError` when neither kind is complete or a token cannot be sent."""
    token, key = _plain(oauth_token), _plain(api_key)
    if token:
        if not (token.isascii() and token.isprintable()):
            raise ValueError("oauth_token has characters that an HTTP header cannot carry (a line break?)")
        return {"authorization": f"Bearer {token}"}, None
    if not login or not key:
        raise ValueError("neither login with api_key, nor oauth_token is given")
    return {}, (login, key)


def _plain(secret: SecretStr | str | None) -> str | None:
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret
