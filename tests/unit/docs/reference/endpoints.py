"""docs/reference/endpoints.md: every route that the program answers on, found in the source of handlers/."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from handlers.api.operation import all_operations
from handlers.http.authentication import bearer, bearer_or_like
from handlers.sources.registry import Source, all_sources
from tests.unit.docs.reference.writing import table

_HANDLERS = Path(__file__).parents[4] / "handlers"
_HEAD = """# Endpoints

Errors are `application/problem+json` (RFC 9457). *Webhook token* is `TANDEM_WEBHOOK_TOKEN` as
`Authorization: Bearer TOKEN`. What is below `/api` needs a token with one of the named scopes: `TANDEM_API_TOKEN`, by
default the webhook token, reads; those of `api.tokens` in tandem.yaml may do more, see [API](../api.md).

What takes data in (webhooks, telemetry, heartbeats and rows of models) answers success only once the data is on disk.
Else: 400 for a body that cannot be read (it says where), 401 for a sender that is not authentic, 404 for an unknown
name, 413 for a body that is too large, 429 with `Retry-After` while too much waits, 503 while the storage is down.
"""
_TOKEN = "webhook token"
_METHOD = re.compile(r"\brouter\.add_(\w+)$")
_OPERATIONS: dict[tuple[str, str], tuple[str, str]] = {
    (one.method, one.path): (" or ".join(f"`{scope}`" for scope in one.scopes), f"{one.summary}.")
    for one in all_operations()
}
MEANINGS: dict[tuple[str, str], tuple[str, str]] = {
    ("POST", "/webhooks/{source}"): (
        "see below",
        'Alerts and changes, see [sources](../sources.md). 202 `{"accepted": n}`, and where some could not be taken '
        '`"refused": [{"index": i, "reason": "…"}]`.',
    ),
    ("POST", "/api/v1/write"): (_TOKEN, "Prometheus remote write 1.0, see [telemetry](../telemetry.md)."),
    ("POST", "/v1/metrics"): (_TOKEN, "Metrics, OTLP over HTTP in protobuf or JSON."),
    ("POST", "/v1/logs"): (_TOKEN, "Logs, OTLP over HTTP in protobuf or JSON."),
    ("POST", "/v1/traces"): (_TOKEN, "Spans, OTLP over HTTP in protobuf or JSON, see [language models](../llm.md)."),
    ("POST", "/api/v1/lineage"): (_TOKEN, "OpenLineage run events, one or a list, see [lineage](../lineage.md)."),
    ("GET, HEAD, POST", "/heartbeats/{name}"): (
        "webhook token, also as `?token=`",
        "It went well, see [heartbeats](../sources.md#heartbeats-what-should-report-and-stops).",
    ),
    ("GET, HEAD, POST", "/heartbeats/{name}/fail"): ("webhook token, also as `?token=`", "It failed."),
    ("POST", "/models/{model}/predictions"): (_TOKEN, "Rows that a model predicted, see [models](../models.md)."),
    ("POST", "/models/{model}/labels"): (_TOKEN, "What was true, by the same ids."),
    ("GET", "/models/{model}/references"): (_TOKEN, "The versions of a model's reference."),
    ("PUT", "/models/{model}/references/{version}"): (_TOKEN, "Put a version of the reference."),
    ("GET", "/models/{model}/references/{version}"): (_TOKEN, "What is known of one version."),
    ("DELETE", "/models/{model}/references/{version}"): (_TOKEN, "End a version."),
    ("PUT", "/models/{model}/references/{version}/importance"): (_TOKEN, "How much the model goes by each feature."),
    ("POST", "/models/{model}/references/{version}/pin"): (_TOKEN, "Compare with this version from now on."),
    ("DELETE", "/models/{model}/references/{version}/pin"): (_TOKEN, "Compare with the newest version again."),
    ("GET", "/models/{model}/references/{version}/diff/{other}"): (_TOKEN, "How two versions differ."),
    ("POST", "/slack/events"): (
        "Slack's signature",
        "Slack's commands, clicks, forms and events, where Socket Mode is not used.",
    ),
    **_OPERATIONS,
    ("GET", "/api/incidents/{id}/report.md"): (
        "`incidents:read`",
        "The report of an incident as Markdown, see [Reports and figures](../on-call/reports.md).",
    ),
    ("GET", "/api/events"): ("`incidents:read`", "What happens, as Server-Sent Events, see [API](../api.md#events)."),
    ("POST", "/mcp"): (
        "any scope",
        "Model Context Protocol, streamable HTTP without sessions, see [Agents](../agents.md).",
    ),
    ("GET", "/"): (
        "`incidents:read` or `models:read`, or signed in",
        "The overview as a page for people, see [Pages](../on-call/pages.md).",
    ),
    ("GET", "/noise"): (
        "`incidents:read`, or signed in",
        "Which alerts called people for nothing, with proposed settings as patches.",
    ),
    ("GET", "/incidents/{id}/report"): ("`incidents:read`, or signed in", "An incident as a page."),
    ("GET", "/models/{model}/report"): ("`models:read`, or signed in", "A model and its monitors as a page."),
    ("POST", "/incidents/{id}/acknowledge"): (
        "signed in, `incidents:write`",
        "Acknowledges it, by the form of its page.",
    ),
    ("POST", "/incidents/{id}/resolve"): ("signed in, `incidents:write`", "Resolves it, by the form of its page."),
    ("POST", "/incidents/{id}/notes"): ("signed in, `incidents:write`", "Writes a note, by the form of its page."),
    ("GET, POST", "/sign-in"): ("none", "Signs in to the pages with a token, for 12 hours."),
    ("GET", "/sign-in/slack"): ("none", "Sends the browser to Slack to sign in to the pages, where that is set up."),
    ("GET", "/sign-in/slack/back"): ("Slack's code", "Signs in whoever Slack sends back, for 12 hours."),
    ("POST", "/sign-out"): ("none", "Ends that."),
    ("GET", "/openapi.json"): ("none", "OpenAPI 3.1 of everything below `/api`."),
    ("GET", "/healthz"): ("none", "200 while the process answers."),
    ("GET", "/readyz"): (
        "none",
        "200 while the database takes writes, approved runs can begin and Slack takes the token, else 503; details "
        "with the API's token.",
    ),
    ("GET", "/metrics"): ("none", "Prometheus metrics, see [metrics](metrics.md)."),
}


def endpoints_page() -> str:
    """The page: the routes, and how the sender of each source is known."""
    rows = [(f"`{method} {path}`", *meaning) for (method, path), meaning in MEANINGS.items()]
    sources = [(f"`/webhooks/{name}`", _known_by(one)) for name, one in sorted(all_sources().items())]
    return "\n".join(
        [
            _HEAD,
            table(("endpoint", "who may", "what"), rows),
            "\n## Webhooks\n\nAlso `/webhooks/NAME` for each entry of `sources` in tandem.yaml: webhook token.\n",
            table(("endpoint", "the sender is known by"), sources),
            "",
        ]
    )


def paths_in_the_code() -> set[str]:
    """The paths that handlers/ adds routes for, but for the one that catches what is none."""
    added = {path for file in _HANDLERS.rglob("*.py") for path in _paths(ast.parse(file.read_text()))}
    return added | {operation.path for operation in all_operations()}


def _paths(tree: ast.Module) -> Iterator[str]:
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (method := _METHOD.search(ast.unparse(node.func))):
            path = _text(node.args[1 if method[1] == "route" else 0], constants)
            if not path.startswith("/{"):
                yield "/webhooks/{source}" if path.startswith("/webhooks/") else path


def _text(node: ast.expr, constants: dict[str, ast.expr]) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name) if name in constants:
            return _text(constants[name], constants)
        case ast.BinOp(left=left, right=right):
            return _text(left, constants) + _text(right, constants)
        case ast.JoinedStr(values=values):
            return "".join(_text(part, constants) for part in values)
        case _:
            return "{…}"


def _known_by(source: Source) -> str:
    ways = []
    if source.signature:
        ways.append(f"a signature or secret, `{source.secret_variable}`")
    if source.verify is bearer:
        ways.append("the webhook token as bearer")
    elif source.verify is bearer_or_like:
        ways.append("the webhook token as bearer, or as the password of basic authentication")
    elif source.verify:
        ways.append("the webhook token")
    if source.token_in_address:
        ways.append("the webhook token as `?token=`")
    return "; or ".join(ways) + ("; and its platform's own signature" if source.prove else "")
