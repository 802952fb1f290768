"""The Prometheus metrics that the bot keeps of itself. Labels are bounded: no text from outside."""

from prometheus_client import Counter, Gauge, Histogram

EVENTS_ACCEPTED = Counter("tandem_events_accepted_total", "Events committed to the inbox.", ["source"])
TELEMETRY_KEPT = Counter(
    "tandem_telemetry_kept_total", "Samples and log lines that are watched, committed to the inbox.", ["door"]
)
TELEMETRY_LEFT_OUT = Counter(
    "tandem_telemetry_left_out_total", "Samples and log lines that were dropped at the door.", ["door", "reason"]
)
REQUESTS_REFUSED = Counter("tandem_requests_refused_total", "Requests at the doors that were refused.", ["status"])
EVENTS_PROCESSED = Counter("tandem_events_processed_total", "Events that the pipeline has worked through.")
SET_ASIDE = Counter("tandem_entries_set_aside_total", "Inbox entries that no attempt could work through.")
UNKNOWN_SEVERITIES = Counter(
    "tandem_unknown_severities_total", "New alerts whose severity is a word that nobody knows: they count as warnings."
)
TICKS_FAILED = Counter("tandem_ticks_failed_total", "Ticks of a partition that failed for a reason nobody foresaw.")
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
BACKLOG_FULL = Gauge("tandem_backlog_full", "1 while deliveries are sent away because too many entries wait on disk.")
INBOX_OLDEST = Gauge(
    "tandem_inbox_oldest_waiting_seconds", "For how long the oldest entry has waited; 0 where none does."
)
PARTITION_OLDEST = Gauge(
    "tandem_partition_oldest_waiting_seconds", "The same of each partition that has entries waiting.", ["partition"]
)
INBOX_LAG = Gauge("tandem_inbox_lag_entries", "Entries that wait to be worked through.")
SLACK_CALLS = Counter("tandem_slack_calls_total", "Calls to Slack.", ["method", "outcome"])
SLACK_OUT_OF_DATE = Gauge("tandem_slack_incidents_out_of_date", "Incidents that Slack does not show as they are.")
SLACK_UP = Gauge("tandem_slack_up", "1 where the last call to Slack was well, 0 where not; NaN without a Slack token.")
SLACK_UNSHOWN_SINCE = Gauge(
    "tandem_slack_oldest_unshown_timestamp_seconds",
    "Since when something of an incident is not in Slack; NaN where everything is.",
)
INCIDENTS_OPEN = Gauge("tandem_incidents_open", "Incidents that are not resolved.", ["severity"])
RUNS_ENDED = Counter("tandem_runs_ended_total", "Runs of runbooks that ended.", ["status"])
DEADMAN_PINGS = Counter(
    "tandem_deadman_pings_total",
    "Pings of the dead man's switch: sent, withheld as something is wrong, failed.",
    ["outcome"],
)
ARCHIVED = Counter("tandem_archived_rows_total", "Rows that were over for long and went to the archive.", ["kind"])
RETENTION_FAILED = Counter(
    "tandem_retention_failed_total", "Rounds of retention in which the archive or the database did not answer."
)
SERIES_WATCHED = Gauge("tandem_metric_series_watched", "Series of metrics that are learnt at the moment.")
SERIES_REFUSED = Counter(
    "tandem_metric_series_refused_total", "Times that a series was not learnt because there were too many."
)
LOG_GROUPS_WATCHED = Gauge("tandem_log_groups_watched", "Groups of log streams that are learnt at the moment.")
LOG_LINES_LEFT_OUT = Counter(
    "tandem_log_lines_left_out_total", "Watched log lines that no detector was given.", ["reason"]
)
DOORS_OPEN = Gauge("tandem_doors_open", "1 where this replica takes deliveries in, 0 where it only works.")
PARTITIONS_HELD = Gauge("tandem_partitions_held", "Partitions that this replica works on.")
TAKEOVERS = Counter("tandem_takeovers_total", "Leases of partitions and roles that this replica took from another.")
