"""docs/reference/environment.md: every environment variable."""

from pydantic import SecretStr

from bot.config.environment import SECRET_PREFIX, Environment
from handlers.sources.registry import all_sources
from tests.unit.docs.reference.writing import attribute_docs, default_of, table

_HEAD = """# Environment variables

Addresses, secrets and what a replica does are no part of `tandem.yaml`, but variables of the environment. An empty
variable counts as unset. Values of secret variables are masked wherever they would appear in a log.
"""
_ELSEWHERE = (
    ("`TANDEM_CLOUDWATCH_TOPICS`", "", "ARNs of the SNS topics that may send alarms, comma-separated; default: any."),
    ("`TANDEM_ALIBI_PYTHON`", "", "The Python of an environment that has alibi-detect, for `engine: alibi`."),
    ("`OTEL_EXPORTER_OTLP_ENDPOINT` …", "", "OpenTelemetry's own variables turn traces on; see operations.md."),
    (f"`{SECRET_PREFIX}NAME`", "yes", "The secret `NAME`, which runbooks may name in a header."),
)


def variables_page() -> str:
    """The page: what ``tandem`` reads, the secrets of sources, and what is read elsewhere."""
    docs = attribute_docs(Environment)
    settings = [
        (
            f"`{field.validation_alias}`",
            default_of(field),
            "yes" if SecretStr in getattr(field.annotation, "__args__", ()) else "",
            docs[name],
        )
        for name, field in Environment.model_fields.items()
    ]
    signing = sorted((source.secret_variable, name) for name, source in all_sources().items() if source.signature)
    return "\n".join(
        [
            _HEAD,
            table(("variable", "default", "secret", "meaning"), settings),
            "\n## Secrets of sources\n\nWith these, a sender signs what it sends; see [sources](../sources.md).\n",
            table(("variable", "source"), [(f"`{variable}`", f"`{name}`") for variable, name in signing]),
            "\n## Others\n",
            table(("variable", "secret", "meaning"), _ELSEWHERE),
            "",
        ]
    )
