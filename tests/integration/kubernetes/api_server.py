"""A small API server of Kubernetes: real HTTP, objects in memory, and faults on demand.

It answers as https://kubernetes.io/docs/reference/using-api/api-concepts/ says: lists by pages, watches from a version,
``410`` where that is too old, merge patches with their dry run and their check of ``resourceVersion``, evictions. kmock
was tried: it changes objects on a dry run, and knows neither pages nor versions.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from bot.kubernetes import resources
from bot.kubernetes.resources import Resource
from tests.integration.kubernetes.answers import failure, merged, not_found, status

Thing = dict[str, Any]
_BY_PATH = {(one.group, one.plural): one for one in vars(resources).values() if isinstance(one, Resource)}
_URL = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<part>[^/]+))?)?"
)


@dataclass(frozen=True)
class Call:
    verb: str
    group: str
    resource: str
    namespace: str
    name: str
    dry: bool
    query: dict[str, str]
    body: Any = None


@dataclass
class ApiServer:
    """``forbidden`` holds verbs and resources that the role lacks; ``faults`` are answers that come first, in order;
    ``controllers`` are called with an object after each change of it."""

    url: str = ""
    version: int = 100
    objects: dict[tuple[str, str, str, str], Thing] = field(default_factory=dict)
    history: list[tuple[int, str, tuple[str, str, str, str], Thing]] = field(default_factory=list)
    oldest: int = 0
    calls: list[Call] = field(default_factory=list)
    forbidden: set[tuple[str, str]] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    faults: list[Callable[[Call], web.Response | None]] = field(default_factory=list)
    controllers: list[Callable[[Thing], None]] = field(default_factory=list)
    mutate: Callable[[Thing], None] = lambda _thing: None
    budgets: set[str] = field(default_factory=set)
    logs: dict[str, str] = field(default_factory=dict)
    watch_for: float | None = None
    hanging: set[str] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    watches: int = 0

    def add(self, kind: Resource, thing: Thing) -> Thing:
        meta = thing.setdefault("metadata", {})
        meta.setdefault("uid", f"uid-{kind.name}-{meta.get('namespace', '')}-{meta['name']}-{self.version + 1}")
        meta.setdefault("generation", 1)
        thing.setdefault("kind", kind.kind)
        thing.setdefault("apiVersion", f"{kind.group}/{kind.version}" if kind.group else kind.version)
        self._store("ADDED", self.key(kind, meta.get("namespace", ""), meta["name"]), thing)
        return thing

    def remove(self, kind: Resource, namespace: str, name: str) -> None:
        self._remove(self.key(kind, namespace, name))

    def change(self, kind: Resource, namespace: str, name: str, edit: Callable[[Thing], None]) -> None:
        """As somebody else changes an object."""
        thing = deepcopy(self.get(kind, namespace, name))
        spec = deepcopy(thing.get("spec"))
        edit(thing)
        if thing.get("spec") != spec:
            thing["metadata"]["generation"] += 1
        self._store("MODIFIED", self.key(kind, namespace, name), thing)

    def get(self, kind: Resource, namespace: str, name: str) -> Thing:
        return self.objects[self.key(kind, namespace, name)]

    def has(self, kind: Resource, namespace: str, name: str) -> bool:
        return self.key(kind, namespace, name) in self.objects

    def forget(self) -> None:
        """What watches could go on from is no longer kept."""
        self.oldest = self.version + 1
        self.version += 1

    def writes(self) -> list[Call]:
        return [call for call in self.calls if call.verb in ("patch", "create", "delete") and not call.dry]

    @staticmethod
    def key(kind: Resource, namespace: str, name: str) -> tuple[str, str, str, str]:
        return kind.group, kind.plural, namespace if kind.namespaced else "", name

    def _store(self, event: str, key: tuple[str, str, str, str], thing: Thing) -> Thing:
        self.version += 1
        thing["metadata"]["resourceVersion"] = str(self.version)
        self.objects[key] = thing
        self._tell(event, key, thing)
        stored = deepcopy(thing)
        for controller in self.controllers:
            before = deepcopy(thing)
            controller(thing)
            if thing != before:
                self.version += 1
                thing["metadata"]["resourceVersion"] = str(self.version)
                self._tell("MODIFIED", key, thing)
        return stored

    def _remove(self, key: tuple[str, str, str, str]) -> None:
        thing = self.objects.pop(key)
        self.version += 1
        self._tell("DELETED", key, thing | {"metadata": thing["metadata"] | {"resourceVersion": str(self.version)}})

    def _tell(self, event: str, key: tuple[str, str, str, str], thing: Thing) -> None:
        self.history.append((self.version, event, key, deepcopy(thing)))
        self.changed.set()
        self.changed = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        match = _URL.fullmatch(request.path)
        kind = _BY_PATH.get((match["group"] or "", match["plural"])) if match else None
        if match is None or kind is None:
            return failure(404, "NotFound", "the server could not find the requested resource")
        body = await request.json() if request.can_read_body else None
        query = dict(request.query)
        verb = {"PATCH": "patch", "POST": "create", "DELETE": "delete"}.get(request.method, "get")
        if verb == "get" and not match["name"]:
            verb = "watch" if query.get("watch") == "true" else "list"
        named = match["plural"] + (f"/{match['part']}" if match["part"] else "")
        dry = query.get("dryRun") == "All"
        call = Call(verb, kind.group, named, match["namespace"] or "", match["name"] or "", dry, query, body)
        self.calls.append(call)
        if (answer := await self._fault(call, kind)) is not None:
            return answer
        if verb == "watch":
            return await self._watch(request, kind, call)
        return getattr(self, f"_{verb}")(kind, call, match["part"] or "")  # type: ignore[no-any-return]

    async def _fault(self, call: Call, kind: Resource) -> web.Response | None:
        if kind.plural in self.hanging:
            await asyncio.sleep(3600)
        if kind.plural in self.missing:
            return failure(404, "NotFound", "the server could not find the requested resource")
        for fault in list(self.faults):
            if (answer := fault(call)) is not None:
                self.faults.remove(fault)
                return answer
        if (call.verb, call.resource) in self.forbidden:
            group = f' in API group "{call.group}"'
            space = f' in the namespace "{call.namespace}"' if call.namespace else " at the cluster scope"
            who = 'User "system:serviceaccount:tandem:tandem"'
            what = f'{call.resource} is forbidden: {who} cannot {call.verb} resource "{call.resource}"{group}{space}'
            return failure(403, "Forbidden", what)
        return None

    def _get(self, kind: Resource, call: Call, part: str) -> web.Response:
        if part == "log":
            return web.Response(
                text=self.logs.get(f"{call.name}{'/previous' if call.query.get('previous') else ''}", "")
            )
        thing = self.objects.get(self.key(kind, call.namespace, call.name))
        return web.json_response(thing) if thing else not_found(kind, call.name)

    def _list(self, kind: Resource, call: Call, part: str) -> web.Response:
        found = [thing for key, thing in sorted(self.objects.items()) if _is_listed(key, thing, kind, call)]
        limit, begin = int(call.query.get("limit", "0") or 0), int(call.query.get("continue", "0") or 0)
        shown = found[begin : begin + limit] if limit else found
        following = str(begin + limit) if limit and begin + limit < len(found) else ""
        meta = {"resourceVersion": str(self.version), **({"continue": following} if following else {})}
        listed = {"kind": f"{kind.kind}List", "apiVersion": "v1", "metadata": meta, "items": shown or None}
        return web.json_response(listed)

    async def _watch(self, request: web.Request, kind: Resource, call: Call) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        self.watches += 1
        seen = int(call.query.get("resourceVersion") or 0)
        if seen < self.oldest:
            gone = status(410, "Expired", f"too old resource version: {seen} ({self.oldest})")
            await answer.write(json.dumps({"type": "ERROR", "object": gone}).encode() + b"\n")
            return answer
        loop = asyncio.get_running_loop()
        ends = loop.time() + (self.watch_for if self.watch_for is not None else float(call.query["timeoutSeconds"]))
        while (left := ends - loop.time()) > 0:
            changed = self.changed
            for version, event, key, thing in [one for one in self.history if one[0] > seen]:
                seen = version
                if _is_listed(key, thing, kind, call):
                    await answer.write(json.dumps({"type": event, "object": thing}).encode() + b"\n")
            if self.changed is changed:
                try:
                    await asyncio.wait_for(changed.wait(), left)
                except TimeoutError:
                    break
        return answer

    def _patch(self, kind: Resource, call: Call, part: str) -> web.Response:
        key = self.key(kind, call.namespace, call.name)
        if key not in self.objects:
            return not_found(kind, call.name)
        before = self.objects[key]
        wanted = (call.body.get("metadata") or {}).get("resourceVersion")
        if wanted is not None and wanted != before["metadata"]["resourceVersion"]:
            what = f'Operation cannot be fulfilled on {kind.full_name} "{call.name}"'
            why = "the object has been modified; please apply your changes to the latest version and try again"
            return failure(409, "Conflict", f"{what}: {why}")
        body = {part: call.body.get(part)} if part else {k: v for k, v in call.body.items() if k != "status"}
        after = merged(deepcopy(before), body)
        after["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
        if after.get("spec") != before.get("spec"):
            after["metadata"]["generation"] += 1
        if not call.dry:
            self.mutate(after)
            after = self._store("MODIFIED", key, after)  # a real one answers before controllers act, too
        return web.json_response(after)

    def _create(self, kind: Resource, call: Call, part: str) -> web.Response:
        if kind.name == "review":
            asked = call.body["spec"]["resourceAttributes"]
            named = "/".join(filter(None, (asked["resource"], asked.get("subresource"))))
            allowed = (asked["verb"], named) not in self.forbidden
            return web.json_response(call.body | {"status": {"allowed": allowed}}, status=201)
        assert part == "eviction"
        if call.name in self.budgets:
            why = "Cannot evict pod as it would violate the pod's disruption budget."
            return failure(429, "TooManyRequests", why)
        return self._delete(kind, call, part)

    def _delete(self, kind: Resource, call: Call, part: str) -> web.Response:
        key = self.key(kind, call.namespace, call.name)
        if key not in self.objects:
            return not_found(kind, call.name)
        options = call.body.get("deleteOptions", call.body)
        wanted = (options.get("preconditions") or {}).get("uid")
        if wanted and wanted != self.objects[key]["metadata"]["uid"]:
            return failure(409, "Conflict", "the UID in the precondition does not match the UID in record")
        if not call.dry:
            self._remove(key)
        return web.json_response(status(200, "", ""), status=201 if part else 200)


def _is_listed(key: tuple[str, str, str, str], thing: Thing, kind: Resource, call: Call) -> bool:
    group, plural, namespace, _ = key
    if (group, plural) != (kind.group, kind.plural) or (call.namespace and namespace != call.namespace):
        return False
    labels = thing["metadata"].get("labels") or {}
    for name, one, several in re.findall(
        r"([\w./-]+)(?:=([\w.-]+)| in \(([^)]*)\))", call.query.get("labelSelector", "")
    ):
        if labels.get(name) not in ([one] if one else [each.strip() for each in several.split(",")]):
            return False
    for path, value in re.findall(r"([\w.]+)=([^,]*)", call.query.get("fieldSelector", "")):
        found: Any = thing
        for part in path.split("."):
            found = (found or {}).get(part)
        if found != value:
            return False
    return True


@asynccontextmanager
async def api_server() -> AsyncIterator[ApiServer]:
    server = ApiServer()
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()


def kubeconfig(server: ApiServer, folder: Path, context: str = "test") -> Path:
    """As kubectl reads it; the token is a user's."""
    path = folder / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server.url}}],
        "users": [{"name": "u", "user": {"token": "a-token-of-the-test"}}],
        "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}}],
        "current-context": context,
    }
    path.write_text(yaml.safe_dump(config))
    return path
