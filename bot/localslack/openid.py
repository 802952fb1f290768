"""Sign in with Slack, by OpenID Connect: whoever is at the browser is let in at once.

https://docs.slack.dev/authentication/sign-in-with-slack
"""

import json
import secrets
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from bot.localslack.state import Json, Workspace

CLIENT_ID, CLIENT_SECRET = "1234.5678", "local-client-secret"
KEY_ID = "local-key-1"
CODE_SECONDS, TOKEN_SECONDS = 600.0, 300.0


class SignIn:
    """``user`` is who is at the browser; None lets nobody in. ``redirects`` are the addresses that the app registered,
    None takes any. ``change`` and ``signing_key`` spoil tokens, for tests."""

    def __init__(self, workspace: Workspace, clock: Callable[[], float] = time.time) -> None:
        self._workspace, self._clock = workspace, clock
        self.user: str | None = next(iter(workspace.users), None)
        self.redirects: set[str] | None = None
        self.change: Callable[[Json], Json] = lambda claims: claims
        self.signing_key: Any = None
        self.headers: Json = {"kid": KEY_ID}
        self._codes: dict[str, Json] = {}
        self._own_key: Any = None
        self.base = ""

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/.well-known/openid-configuration", self._configuration)
        app.router.add_get("/openid/connect/authorize", self._authorize)
        app.router.add_get("/openid/connect/keys", self._keys)
        app.router.add_post("/api/openid.connect.token", self._token)

    async def _configuration(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.base,
                "authorization_endpoint": f"{self.base}/openid/connect/authorize",
                "token_endpoint": f"{self.base}/api/openid.connect.token",
                "jwks_uri": f"{self.base}/openid/connect/keys",
                "scopes_supported": ["openid", "profile", "email"],
                "response_types_supported": ["code"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def _authorize(self, request: web.Request) -> web.Response:
        asked, redirect = request.query, request.query.get("redirect_uri", "")
        if asked.get("client_id") != CLIENT_ID or (self.redirects is not None and redirect not in self.redirects):
            return web.Response(status=400, text="bad_redirect_uri or invalid_client_id")
        if asked.get("response_type") != "code" or "openid" not in asked.get("scope", "").split():
            return web.Response(status=400, text="invalid_scope")
        if self.user is None:
            answer = {"error": "access_denied", "state": asked.get("state", "")}
        else:
            code = secrets.token_hex(16)
            about = {"user": self.user, "nonce": asked.get("nonce", ""), "redirect": redirect, "at": self._clock()}
            self._codes[code] = about
            answer = {"code": code, "state": asked.get("state", "")}
        return web.Response(status=302, headers={"Location": f"{redirect}?{urlencode(answer)}"})

    async def _token(self, request: web.Request) -> web.Response:
        """https://docs.slack.dev/reference/methods/openid.connect.token"""
        form = await request.post()
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return web.json_response({"ok": False, "error": "bad_client_secret"})
        begun = self._codes.pop(str(form.get("code")), None)
        if begun is None or self._clock() - begun["at"] > CODE_SECONDS:
            return web.json_response({"ok": False, "error": "invalid_code"})
        if form.get("redirect_uri") != begun["redirect"]:
            return web.json_response({"ok": False, "error": "bad_redirect_uri"})
        token = {"access_token": "xoxp-local", "token_type": "Bearer", "id_token": self._signed(begun)}
        return web.json_response({"ok": True, **token})

    def _signed(self, begun: Json) -> str:
        import jwt

        now, user = int(self._clock()), begun["user"]
        claims: Json = {
            "iss": self.base,
            "sub": user,
            "aud": CLIENT_ID,
            "exp": now + int(TOKEN_SECONDS),
            "iat": now,
            "nonce": begun["nonce"],
            "https://slack.com/user_id": user,
            "https://slack.com/team_id": self._workspace.team_of(user),
        }
        key = self.signing_key if self.signing_key is not None else self._key()
        algorithm = self.headers.get("alg", "RS256")
        return str(jwt.encode(self.change(claims), key, algorithm=algorithm, headers=self.headers))

    async def _keys(self, request: web.Request) -> web.Response:
        from jwt.algorithms import RSAAlgorithm

        known = json.loads(RSAAlgorithm.to_jwk(self._key().public_key()))
        return web.json_response({"keys": [known | {"kid": KEY_ID, "use": "sig", "alg": "RS256"}]})

    def _key(self) -> Any:
        if self._own_key is None:
            from cryptography.hazmat.primitives.asymmetric import rsa

            self._own_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return self._own_key
