"""The attributes that are read of calls of language models, by their names in several conventions. No other is.

https://opentelemetry.io/docs/specs/semconv/gen-ai/ with its older names, OpenInference
(https://arize-ai.github.io/openinference/spec/semantic_conventions.html), OpenLLMetry, Langfuse and MLflow. What holds
content, as ``gen_ai.input.messages``, ``gen_ai.prompt``, ``input.value`` and ``llm.prompt_template.template`` do, is
none of them.
"""

OPERATION = ("gen_ai.operation.name", "llm.request.type", "langfuse.observation.type")
KIND = ("openinference.span.kind", "traceloop.span.kind", "mlflow.spanType")
PROVIDER = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system")
ASKED_MODEL = ("gen_ai.request.model", "llm.request.model_name", "llm.model_name", "embedding.model_name")
PARAMETERS = ("llm.invocation_parameters", "embedding.invocation_parameters")
"""JSON, of which the model is read: OpenInference names elsewhere the one that answered, and none where none did."""
ANSWERING_MODEL = ("gen_ai.response.model", "llm.response.model_name")
INPUT_TOKENS = (
    *("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt"),
    *("llm.usage.prompt_tokens", "gen_ai.usage.input"),
)
OUTPUT_TOKENS = (
    *("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion"),
    *("llm.usage.completion_tokens", "gen_ai.usage.output"),
)
CACHED_TOKENS = (
    *("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"),
    "llm.token_count.prompt_details.cache_read",
)
COST = ("llm.cost.total", "gen_ai.usage.cost", "gen_ai.usage.total_cost")
FINISHED = (
    *("gen_ai.response.finish_reasons", "gen_ai.response.finish_reason", "llm.finish_reason"),
    *("llm.response.finish_reason", "gen_ai.completion.0.finish_reason"),
)
ERROR = ("error.type",)
TOOL = ("gen_ai.tool.name", "tool.name", "tool_call.function.name", "traceloop.entity.name")
RESPONSE = ("gen_ai.response.id", "llm.response.id")
PROMPT = (
    *("gen_ai.prompt.name", "prompt.name", "langfuse.observation.prompt.name", "traceloop.prompt.key"),
    *("llm.prompt_template.name", "mlflow.prompt.name", "prompt.id", "gen_ai.prompt.id"),
)
VERSION = (
    *("gen_ai.prompt.version", "prompt.version", "langfuse.observation.prompt.version", "traceloop.prompt.version"),
    *("llm.prompt_template.version", "mlflow.prompt.version"),
)
EVALUATION = ("gen_ai.evaluation.name",)
SCORE = ("gen_ai.evaluation.score.value", "gen_ai.evaluation.score")
LABEL = ("gen_ai.evaluation.score.label", "gen_ai.evaluation.label")
LINKED_PROMPTS = "mlflow.linkedPrompts"
EVENT = "event.name"
EVALUATION_EVENTS = frozenset({"gen_ai.evaluation.result", "gen_ai.evaluation"})
LISTED = ("evaluations.", "annotations.")
"""What OpenInference numbers: ``evaluations.0.evaluation.score``."""

PEER = (
    *("peer.service", "messaging.destination.name", "server.address", "net.peer.name", "http.host", "db.namespace"),
    *("db.name", "db.system.name", "db.system", "messaging.destination"),
)
READ = frozenset(
    {
        *OPERATION,
        *KIND,
        *PROVIDER,
        *ASKED_MODEL,
        *ANSWERING_MODEL,
        *PARAMETERS,
        *INPUT_TOKENS,
        *OUTPUT_TOKENS,
        *CACHED_TOKENS,
        *COST,
        *FINISHED,
        *ERROR,
        *TOOL,
        *RESPONSE,
        *PROMPT,
        *VERSION,
        *EVALUATION,
        *SCORE,
        *LABEL,
        LINKED_PROMPTS,
        EVENT,
        *PEER,
    }
)
MARKS = frozenset({*OPERATION, *KIND, *PROVIDER, *EVALUATION})
"""What has none of them, no listed evaluation and no event shows nothing of a language model."""
CALLS = frozenset(
    {
        *("chat", "text_completion", "completion", "generate_content", "embeddings", "embedding", "rerank", "response"),
        *("llm", "chat_model", "generation", "image_generation", "text_to_speech", "speech_to_text"),
    }
)
"""Operations and kinds that are calls of a model; those of agents and chains hold such calls, and are not counted."""
TOOLS = frozenset({"execute_tool", "tool"})
OTHERS = frozenset(
    {
        *("create_agent", "invoke_agent", "invoke_workflow", "retrieval", "chain", "agent", "retriever", "reranker"),
        *("guardrail", "evaluator", "prompt", "workflow", "task", "parser", "memory", "unknown", "span", "event"),
    }
)
REFUSED = frozenset(
    {
        *("content_filter", "content_filtered", "refusal", "refused", "safety", "blocklist", "blocked", "spii"),
        *("prohibited_content", "recitation", "guardrail_intervened", "image_safety", "content-filter"),
    }
)
"""Why a model ended that did not answer, in the words of OpenAI, Anthropic, Gemini and Bedrock."""
GOOD = frozenset({"pass", "passed", "true", "yes", "correct", "relevant", "good", "positive", "success", "grounded"})
BAD = frozenset(
    {
        *("fail", "failed", "false", "no", "incorrect", "not_relevant", "irrelevant", "bad", "negative", "failure"),
        *("ungrounded", "hallucinated"),
    }
)
"""What labels of evaluations count as 1 and 0 where there is no score."""
