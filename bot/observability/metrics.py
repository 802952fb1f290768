"""The Prometheus metrics that the bot keeps of itself. Labels are bounded: no text from outside."""

import math

from prometheus_client import Counter, Gauge, Histogram

EVENTS_ACCEPTED = Counter("tandem_events_accepted_total", "Events committed to the inbox.", ["source"])
TELEMETRY_KEPT = Counter(
    "tandem_telemetry_kept_total", "Samples and log lines that are watched, committed to the inbox.", ["door"]
)
TELEMETRY_LEFT_OUT = Counter(
    "tandem_telemetry_left_out_total", "Samples and log lines that were dropped on receipt.", ["door", "reason"]
)
PULLED_ROWS = Counter("tandem_pulled_rows_total", "Rows of models that were read from databases.", ["model"])
PULL_FAILURES = Counter("tandem_pull_failures_total", "Pulls of a model's rows that failed.", ["model"])
ALERTS_REFUSED = Counter(
    "tandem_alerts_refused_total", "Alerts that could not be taken, of deliveries whose others were.", ["source"]
)
ENRICHMENT_LOOKUPS = Counter(
    "tandem_enrichment_lookups_total",
    "Lookups of `enrich` over HTTP: answered, unknown there, failed, or not asked because too much or nothing works.",
    ["outcome"],
)
CONFIG_RELOADS = Counter("tandem_config_reloads_total", "Reloads of tandem.yaml, taken or refused.", ["result"])
CONFIG_REFUSED = Gauge(
    "tandem_config_refused", "1 while the process goes on with an older tandem.yaml, because it refused the newest one."
)
REQUESTS_REFUSED = Counter("tandem_requests_refused_total", "Requests that an endpoint refused.", ["status"])
CONNECTIONS_OPEN = Gauge("tandem_connections_open", "Connections to the HTTP server.")
CONNECTIONS_REFUSED = Counter(
    "tandem_connections_refused_total",
    "Connections that were not taken: too many in all, or of one address.",
    ["bound"],
)
DESCRIPTORS_EXHAUSTED = Gauge(
    "tandem_file_descriptors_exhausted", "1 while no file or connection can be opened: the limit of the process is hit."
)
EVENTS_PROCESSED = Counter("tandem_events_processed_total", "Events that the pipeline has processed.")
SET_ASIDE = Counter("tandem_entries_set_aside_total", "Inbox entries that could not be processed, set aside.")
UNKNOWN_SEVERITIES = Counter(
    "tandem_unknown_severities_total", "New alerts whose severity is a word that nobody knows: they count as warnings."
)
TICKS_FAILED = Counter("tandem_ticks_failed_total", "Ticks of a partition that failed unexpectedly.")
COMMIT_SECONDS = Histogram(
    "tandem_inbox_commit_seconds",
    "Time of one group commit of the inbox.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
BATCH_SECONDS = Histogram(
    "tandem_batch_seconds",
    "Time of one transaction of the pipeline.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
BACKLOG_FULL = Gauge("tandem_backlog_full", "1 while deliveries get 429 because too many entries wait on disk.")
INBOX_OLDEST = Gauge(
    "tandem_inbox_oldest_waiting_seconds", "For how long the oldest entry has waited; 0 where none does."
)
PARTITION_OLDEST = Gauge(
    "tandem_partition_oldest_waiting_seconds", "The same of each partition that has entries waiting.", ["partition"]
)
INBOX_LAG = Gauge("tandem_inbox_lag_entries", "Entries that wait to be processed.")
SLACK_CALLS = Counter("tandem_slack_calls_total", "Calls to Slack.", ["method", "outcome"])
SLACK_OUT_OF_DATE = Gauge("tandem_slack_incidents_out_of_date", "Incidents whose message in Slack is out of date.")
SLACK_LAG = Gauge(
    "tandem_slack_lag_seconds",
    "For how long the oldest of what Slack does not show yet has waited: new incidents, edits, replies in threads.",
    ["kind"],
)
SLACK_UP = Gauge("tandem_slack_up", "1 if the last call to Slack succeeded, else 0; NaN without a Slack token.")
SLACK_SOCKET_UP = Gauge(
    "tandem_slack_socket_up",
    "1 while Socket Mode is connected, else 0; NaN without Socket Mode. Without it no click and no command arrives.",
)
SLACK_SOCKET_UP.set(math.nan)
SLACK_UNSHOWN_SINCE = Gauge(
    "tandem_slack_oldest_unshown_timestamp_seconds",
    "Time since which something of an incident is not in Slack; NaN if everything is.",
)
INCIDENTS_OPEN = Gauge("tandem_incidents_open", "Incidents that are not resolved.", ["severity"])
RUNS_ENDED = Counter("tandem_runs_ended_total", "Runs of runbooks that ended.", ["status"])
DEADMAN_PINGS = Counter(
    "tandem_deadman_pings_total",
    "Pings of the dead man's switch: sent, withheld as something is wrong, failed.",
    ["outcome"],
)
ARCHIVED = Counter("tandem_archived_rows_total", "Rows that were written to the archive.", ["kind"])
RETENTION_FAILED = Counter(
    "tandem_retention_failed_total", "Runs of retention in which the archive or the database did not answer."
)
MODEL_CHECKS = Counter("tandem_model_checks_total", "Checks of models: made, not made, or failed.", ["outcome"])
MONITORS_UNCHECKED = Gauge(
    "tandem_model_monitors_unchecked", "Monitors of models whose last check could not be made, or that never checked."
)
_OF_MONITOR = ["model", "monitor", "domain", "model_version"]
MODEL_FIRING = Gauge(
    "tandem_model_monitor_firing",
    "1 if the last check of a monitor found something, 0 if not, NaN if it could not be made. At most 1,000 monitors.",
    _OF_MONITOR,
)
MODEL_CHECKED_AT = Gauge(
    "tandem_model_monitor_checked_timestamp_seconds", "When the last check of a monitor was made or tried.", _OF_MONITOR
)
MODEL_VALUE = Gauge(
    "tandem_model_monitor_value",
    "What the last check of a monitor measured; metric says what, psi is that of the column that moved most.",
    [*_OF_MONITOR, "metric"],
)
MODEL_LIMIT = Gauge("tandem_model_monitor_limit", "What that value must not cross.", [*_OF_MONITOR, "metric"])
MODEL_COLUMN_PSI = Gauge(
    "tandem_model_column_psi",
    "The population stability index of a column in the last check: the 10 of a monitor that moved most, 2,000 in all.",
    [*_OF_MONITOR, "column"],
)
MODEL_COLUMN_MISSING = Gauge(
    "tandem_model_column_missing",
    "The share of missing values of a column in the last check: 10 of a monitor, 2,000 in all.",
    [*_OF_MONITOR, "column"],
)
MODEL_SERIES_LEFT_OUT = Gauge(
    "tandem_model_series_left_out",
    "Monitors and columns of models that are not among these metrics, as there are more.",
)
SERIES_WATCHED = Gauge("tandem_metric_series_watched", "Metric series that are being learnt.")
SERIES_REFUSED = Counter(
    "tandem_metric_series_refused_total", "Times that a series was left out because there were too many."
)
SERIES_FORECAST = Gauge("tandem_metric_series_forecast", "Metric series that are forecast against a limit.")
FORECASTS_FIRING = Gauge("tandem_forecasts_firing", "Groups of series that are forecast to cross their limit.")
LOG_GROUPS_WATCHED = Gauge("tandem_log_groups_watched", "Groups of log streams that are being learnt.")
LOG_LINES_LEFT_OUT = Counter("tandem_log_lines_left_out_total", "Watched log lines that were left out.", ["reason"])
DOORS_OPEN = Gauge("tandem_doors_open", "1 if this replica receives deliveries, 0 if it only works.")
PARTITIONS = Gauge("tandem_partitions", "Partitions of the inbox that there are.")
PARTITIONS_HELD = Gauge("tandem_partitions_held", "Partitions that this replica works on.")
TAKEOVERS = Counter("tandem_takeovers_total", "Leases of partitions and roles that this replica took from another.")
SCHEDULE_READ_AT = Gauge(
    "tandem_schedule_read_timestamp_seconds",
    "When a schedule of tandem.yaml was last read from its tool.",
    ["schedule"],
)
ESCALATIONS_LIVE = Gauge(
    "tandem_escalations_live", "Escalations of incidents that are open, by their state.", ["state"]
)
ESCALATION_LATENESS = Histogram(
    "tandem_escalation_lateness_seconds",
    "How much later than it was due a step of an escalation was taken.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600),
)
ESCALATION_CALLS = Counter(
    "tandem_escalation_calls_total", "Calls that escalations made: done, refused, tried again.", ["way", "outcome"]
)
OUTGOING_EVENTS = Counter(
    "tandem_outgoing_events_total", "Outgoing events: taken by a receiver, tried again, given up.", ["outcome"]
)
KUBERNETES_WATCH_UP = Gauge(
    "tandem_kubernetes_watch_up",
    "1 while a collection of the cluster is watched, 0 while it cannot be; absent where it never was.",
    ["resource", "namespace"],
)
KUBERNETES_OBJECTS = Gauge("tandem_kubernetes_objects", "Objects of the cluster that are known.", ["resource"])
_REVIEWED = ["days", "by", "name"]
REVIEW_INCIDENTS = Gauge(
    "tandem_review_incidents", "Incidents that began in the last days: all, or those of a team or service.", _REVIEWED
)
REVIEW_ACKNOWLEDGE = Gauge("tandem_review_mtta_seconds", "Their mean time to the first acknowledgement.", _REVIEWED)
REVIEW_RESOLVE = Gauge("tandem_review_mttr_seconds", "The mean time that those which are over lasted.", _REVIEWED)
REVIEW_REOPENED = Gauge("tandem_review_reopened", "How many of them were over and came back.", _REVIEWED)
REVIEW_VERIFIED = Gauge("tandem_review_verified", "In how many of them a runbook ran and was verified.", _REVIEWED)
REVIEW_NOISE = Gauge("tandem_review_noise", "How many of them ended without anybody acting upon them.", _REVIEWED)
REVIEW_NIGHTS = Gauge("tandem_review_nights", "Nights in which one of them called people.", _REVIEWED)
