CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0063');
CREATE TABLE alert (
	identity TEXT NOT NULL, 
	episode INTEGER NOT NULL, 
	current BOOLEAN NOT NULL, 
	domain TEXT NOT NULL, 
	partition INTEGER NOT NULL, 
	source TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	name TEXT NOT NULL, 
	service TEXT NOT NULL, 
	severity TEXT NOT NULL, 
	status TEXT NOT NULL, 
	labels TEXT NOT NULL, 
	annotations TEXT NOT NULL, 
	starts_at DATETIME NOT NULL, 
	ends_at DATETIME, 
	received_at DATETIME NOT NULL, 
	repeats INTEGER NOT NULL, 
	changes TEXT NOT NULL, 
	flapping BOOLEAN NOT NULL, 
	"group" TEXT NOT NULL, 
	truncated INTEGER NOT NULL, 
	link TEXT NOT NULL, 
	incident_id TEXT, 
	silence_id TEXT, chart TEXT, host TEXT DEFAULT '' NOT NULL, pending TEXT, pending_since DATETIME, ended_by TEXT, good_since DATETIME, receiver TEXT DEFAULT '' NOT NULL, tolerance FLOAT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (identity, episode)
);
CREATE TABLE api_request (
	token TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	status INTEGER, 
	body BLOB NOT NULL, 
	headers TEXT NOT NULL, 
	PRIMARY KEY (token, "key")
);
CREATE TABLE audit (
	seq BIGINT NOT NULL, 
	at TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	action TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	details TEXT NOT NULL, 
	previous_hash TEXT NOT NULL, 
	hash TEXT NOT NULL, mac TEXT DEFAULT '' NOT NULL, 
	PRIMARY KEY (seq)
);
CREATE TABLE audit_anchor (
	seq BIGINT NOT NULL, 
	hash TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	PRIMARY KEY (seq)
);
CREATE TABLE change (
	source TEXT NOT NULL, 
	id TEXT NOT NULL, 
	domain TEXT NOT NULL, 
	service TEXT NOT NULL, 
	change TEXT NOT NULL, 
	title TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	actor TEXT NOT NULL, 
	version TEXT NOT NULL, 
	link TEXT NOT NULL, 
	PRIMARY KEY (source, id)
);
CREATE TABLE changed_incident (
	incident_id TEXT NOT NULL, 
	partition INTEGER NOT NULL, 
	PRIMARY KEY (incident_id)
);
CREATE TABLE channel_digest (
	channel TEXT NOT NULL, 
	since DATETIME NOT NULL, 
	total INTEGER NOT NULL, 
	resolved INTEGER NOT NULL, 
	ts TEXT, 
	posting_since DATETIME, 
	PRIMARY KEY (channel)
);
CREATE TABLE channel_message (
	incident_id TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	ts TEXT, 
	shown_version INTEGER NOT NULL, 
	posting_since DATETIME, 
	threaded BOOLEAN DEFAULT 0 NOT NULL, 
	thread_position BIGINT NOT NULL, 
	thread_posting BIGINT, 
	shown_behind BOOLEAN DEFAULT 0 NOT NULL, posted_position BIGINT DEFAULT 0 NOT NULL, digest_rank INTEGER, digest_standing INTEGER DEFAULT 0 NOT NULL, mentioned TEXT, 
	PRIMARY KEY (incident_id, channel)
);
CREATE TABLE chart_upload (
	identity TEXT NOT NULL, 
	episode INTEGER NOT NULL, 
	incident_id TEXT NOT NULL, 
	state TEXT NOT NULL, 
	wanted_at DATETIME NOT NULL, chart TEXT, 
	PRIMARY KEY (identity, episode)
);
CREATE TABLE companion (
	domain TEXT NOT NULL, 
	service TEXT NOT NULL, 
	other TEXT NOT NULL, 
	partition INTEGER NOT NULL, 
	near FLOAT NOT NULL, 
	apart FLOAT NOT NULL, 
	last_seen DATETIME NOT NULL, 
	PRIMARY KEY (domain, service, other)
);
CREATE TABLE counter (
	name TEXT NOT NULL, 
	value BIGINT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE dead_letter (
	seq BIGINT NOT NULL, 
	partition INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	error TEXT NOT NULL, 
	PRIMARY KEY (seq)
);
CREATE TABLE detector_state (
	partition INTEGER NOT NULL, 
	watch TEXT NOT NULL, 
	name TEXT NOT NULL, 
	position BIGINT NOT NULL, 
	updated_at DATETIME NOT NULL, 
	state BLOB NOT NULL, 
	PRIMARY KEY (partition, watch, name)
);
CREATE TABLE escalation (
	incident_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	state TEXT NOT NULL, 
	cycle INTEGER NOT NULL, 
	round INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	due_at DATETIME, 
	wait_seconds FLOAT NOT NULL, 
	version INTEGER NOT NULL, 
	PRIMARY KEY (incident_id)
);
CREATE TABLE escalation_call (
	id INTEGER NOT NULL, 
	incident_id TEXT NOT NULL, 
	escalation TEXT NOT NULL, 
	way TEXT NOT NULL, 
	act TEXT NOT NULL, 
	recipient TEXT NOT NULL, 
	text TEXT NOT NULL, 
	state TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	cycle INTEGER NOT NULL, 
	round INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	attempts INTEGER NOT NULL, 
	people TEXT NOT NULL, 
	target TEXT NOT NULL, 
	made_at DATETIME NOT NULL, 
	next_at DATETIME NOT NULL, 
	sending_since DATETIME, 
	PRIMARY KEY (id), 
	CONSTRAINT escalation_call_once UNIQUE (incident_id, cycle, round, step, way, act, recipient)
);
CREATE TABLE held_incident (
	incident_id TEXT NOT NULL, 
	partition INTEGER NOT NULL, 
	resolved_at DATETIME NOT NULL, 
	PRIMARY KEY (incident_id)
);
CREATE TABLE home (
	person TEXT NOT NULL, 
	opened_at DATETIME NOT NULL, 
	page INTEGER NOT NULL, 
	asked INTEGER NOT NULL, 
	answered INTEGER NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (person)
);
CREATE TABLE inbox (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	partition INTEGER NOT NULL, 
	source TEXT NOT NULL, 
	received_at DATETIME NOT NULL, 
	payload BLOB NOT NULL
);
CREATE TABLE inbox_left (
	inbox TEXT NOT NULL, 
	partition INTEGER NOT NULL, 
	position BIGINT NOT NULL, 
	PRIMARY KEY (inbox, partition)
);
CREATE TABLE incident (
	id TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	domain TEXT NOT NULL, 
	partition INTEGER NOT NULL, 
	status TEXT NOT NULL, 
	severity TEXT NOT NULL, 
	title TEXT NOT NULL, 
	summary TEXT NOT NULL, 
	services TEXT NOT NULL, 
	groups TEXT NOT NULL, 
	causes TEXT NOT NULL, 
	opened_at DATETIME NOT NULL, 
	active_at DATETIME NOT NULL, 
	changed_at DATETIME NOT NULL, 
	resolved_at DATETIME, 
	acknowledged_by TEXT, 
	resolved_by TEXT, 
	version INTEGER NOT NULL, past TEXT DEFAULT '[]' NOT NULL, inhibited TEXT DEFAULT '[]' NOT NULL, created_at DATETIME, healthy_seconds FLOAT DEFAULT '0' NOT NULL, part_of TEXT, reopened_at DATETIME, owner TEXT, severity_by TEXT, alerts_severity TEXT, kept_open_by TEXT, declared_as TEXT, team TEXT, escalation TEXT, acknowledged_at DATETIME, lead TEXT, scribe TEXT, observed TEXT, drill BOOLEAN DEFAULT 0 NOT NULL, next_update_at DATETIME, next_update_by TEXT, 
	PRIMARY KEY (id), 
	UNIQUE (number)
);
CREATE TABLE incident_channel (
	incident_id TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	position INTEGER, 
	mention TEXT NOT NULL, quiet TEXT, 
	PRIMARY KEY (incident_id, channel)
);
CREATE TABLE incident_key (
	domain TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	value TEXT NOT NULL, 
	incident_id TEXT NOT NULL, first_at DATETIME NOT NULL, last_at DATETIME NOT NULL, 
	PRIMARY KEY (domain, kind, value, incident_id)
);
CREATE TABLE incident_route (
	incident_id TEXT NOT NULL, 
	version BIGINT NOT NULL, 
	routes TEXT NOT NULL, 
	PRIMARY KEY (incident_id)
);
CREATE TABLE incident_seen (
	incident_id TEXT NOT NULL, 
	person TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	PRIMARY KEY (incident_id, person)
);
CREATE TABLE incident_terms (
	incident_id TEXT NOT NULL, 
	terms BLOB NOT NULL, 
	PRIMARY KEY (incident_id)
);
CREATE TABLE incident_ticket (
	incident_id TEXT NOT NULL, 
	state TEXT NOT NULL, 
	tracker TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	url TEXT NOT NULL, 
	asked_by TEXT NOT NULL, 
	asked_at DATETIME NOT NULL, 
	next_at DATETIME NOT NULL, 
	attempts INTEGER NOT NULL, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (incident_id)
);
CREATE TABLE incident_trace (
	incident_id TEXT NOT NULL, 
	traceparent TEXT NOT NULL, 
	PRIMARY KEY (incident_id)
);
CREATE TABLE investigation (
	incident_id TEXT NOT NULL, 
	partition INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	rounds INTEGER NOT NULL, 
	findings TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	shown INTEGER NOT NULL, 
	channel TEXT, 
	reply TEXT, 
	posting_since DATETIME, 
	PRIMARY KEY (incident_id)
);
CREATE TABLE learnt_edge (
	domain TEXT NOT NULL, 
	service TEXT NOT NULL, 
	depends_on TEXT NOT NULL, 
	partition INTEGER NOT NULL, 
	last_seen DATETIME NOT NULL, kind TEXT DEFAULT 'runs on' NOT NULL, 
	PRIMARY KEY (domain, service, depends_on)
);
CREATE TABLE lease (
	name TEXT NOT NULL, 
	epoch BIGINT NOT NULL, 
	replica TEXT NOT NULL, 
	incarnation TEXT NOT NULL, 
	since DATETIME NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE model_check (
	id INTEGER NOT NULL, 
	model TEXT NOT NULL, 
	domain TEXT NOT NULL, 
	monitor TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	state TEXT NOT NULL, 
	rows BIGINT NOT NULL, 
	version TEXT NOT NULL, 
	summary TEXT NOT NULL, model_version TEXT DEFAULT '' NOT NULL, measured TEXT, 
	PRIMARY KEY (id)
);
CREATE TABLE model_id_segment (
	name TEXT NOT NULL, 
	model TEXT NOT NULL, 
	rows BIGINT NOT NULL, 
	first_seq BIGINT NOT NULL, 
	last_seq BIGINT NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE model_pull (
	"key" TEXT NOT NULL, 
	model TEXT NOT NULL, 
	"after" TEXT, 
	until TEXT, 
	at DATETIME NOT NULL, 
	failure TEXT DEFAULT '' NOT NULL, pending TEXT, seen TEXT, columns TEXT, firing TEXT, data TEXT, 
	PRIMARY KEY ("key")
);
CREATE TABLE model_rows (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	model TEXT NOT NULL, 
	holds TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	inline BLOB, 
	rows BIGINT NOT NULL, 
	version TEXT NOT NULL, 
	first_at DATETIME NOT NULL, 
	last_at DATETIME NOT NULL, 
	received_at DATETIME NOT NULL
, domain TEXT, "key" TEXT);
CREATE TABLE model_standing (
	model TEXT NOT NULL, 
	domain TEXT NOT NULL, 
	monitor TEXT NOT NULL, 
	model_version TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	state TEXT NOT NULL, 
	rows BIGINT NOT NULL, 
	version TEXT NOT NULL, 
	summary TEXT NOT NULL, 
	measured TEXT, 
	looks TEXT, 
	PRIMARY KEY (model, domain, monitor, model_version)
);
CREATE TABLE noted_message (
	channel TEXT NOT NULL, 
	ts TEXT NOT NULL, 
	incident_id TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	PRIMARY KEY (channel, ts)
);
CREATE TABLE on_call_override (
	id INTEGER NOT NULL, 
	schedule TEXT NOT NULL, 
	person TEXT NOT NULL, 
	begins DATETIME NOT NULL, 
	ends DATETIME NOT NULL, 
	made_by TEXT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE on_call_schedule (
	name TEXT NOT NULL, 
	definition TEXT NOT NULL, 
	shifts TEXT NOT NULL, 
	people TEXT NOT NULL, 
	read_at DATETIME, 
	tried_at DATETIME NOT NULL, 
	problem TEXT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE outgoing_cursor (
	receiver TEXT NOT NULL, 
	shown TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	PRIMARY KEY (receiver)
);
CREATE TABLE outgoing_event (
	id INTEGER NOT NULL, 
	receiver TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	incident_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	body TEXT NOT NULL, 
	state TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	began_at DATETIME NOT NULL, 
	next_at DATETIME NOT NULL, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT outgoing_event_once UNIQUE (receiver, position)
);
CREATE TABLE own_channel (
	incident_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	state TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	asked_by TEXT NOT NULL, 
	ts TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	asked_at DATETIME NOT NULL, 
	changed_at DATETIME NOT NULL, 
	invited TEXT NOT NULL, 
	shown_version INTEGER NOT NULL, 
	posting_since DATETIME, 
	PRIMARY KEY (incident_id)
);
CREATE TABLE pane (
	channel TEXT NOT NULL, 
	thread TEXT NOT NULL, 
	viewed TEXT NOT NULL, 
	incident_id TEXT NOT NULL, 
	changed_at DATETIME NOT NULL, 
	PRIMARY KEY (channel, thread)
);
CREATE TABLE partition_offset (
	partition INTEGER NOT NULL, 
	position BIGINT NOT NULL, inbox TEXT DEFAULT 'database' NOT NULL, partition_by TEXT, 
	PRIMARY KEY (partition)
);
CREATE TABLE quiet_digest (
	channel TEXT NOT NULL, 
	until DATETIME NOT NULL, 
	posting_since DATETIME, 
	done_at DATETIME, 
	PRIMARY KEY (channel, until)
);
CREATE TABLE quiet_incident (
	channel TEXT NOT NULL, 
	until DATETIME NOT NULL, 
	incident_id TEXT NOT NULL, 
	PRIMARY KEY (channel, until, incident_id)
);
CREATE TABLE reference (
	model TEXT NOT NULL, 
	version TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	profile TEXT NOT NULL, 
	rows BIGINT NOT NULL, 
	columns TEXT NOT NULL, 
	lineage TEXT NOT NULL, 
	pinned BOOLEAN NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME, 
	PRIMARY KEY (model, version)
);
CREATE TABLE replica (
	id TEXT NOT NULL, 
	incarnation TEXT NOT NULL, 
	mark INTEGER NOT NULL, 
	backend_pid INTEGER NOT NULL, 
	works BOOLEAN NOT NULL, 
	version TEXT NOT NULL, 
	started_at DATETIME NOT NULL, 
	heartbeat_at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE report_texts (
	incident_id TEXT NOT NULL, 
	summary TEXT NOT NULL, 
	impact TEXT NOT NULL, 
	lessons TEXT NOT NULL, 
	edited_by TEXT NOT NULL, 
	edited_at DATETIME NOT NULL, 
	PRIMARY KEY (incident_id)
);
CREATE TABLE run (
	id TEXT NOT NULL, 
	incident_id TEXT NOT NULL, 
	partition INTEGER NOT NULL, 
	runbook TEXT NOT NULL, 
	"plan" TEXT NOT NULL, 
	plan_hash TEXT NOT NULL, 
	status TEXT NOT NULL, 
	approvers TEXT NOT NULL, 
	required INTEGER NOT NULL, 
	decisions TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	outcome TEXT NOT NULL, gate TEXT, watched TEXT DEFAULT '[]' NOT NULL, verification TEXT, previous TEXT, seal TEXT DEFAULT '' NOT NULL, started_at DATETIME, holds TEXT DEFAULT '[]' NOT NULL, glass TEXT, reach TEXT, proposed_by TEXT DEFAULT '' NOT NULL, filled TEXT, cause TEXT DEFAULT '' NOT NULL, earned BOOLEAN, announced TEXT, stopped_by TEXT DEFAULT '' NOT NULL, preview TEXT, drill BOOLEAN DEFAULT 0 NOT NULL, end_seal TEXT DEFAULT '' NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE run_step (
	run_id TEXT NOT NULL, 
	phase TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	status TEXT NOT NULL, 
	started_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	output TEXT NOT NULL, 
	PRIMARY KEY (run_id, phase, position)
);
CREATE TABLE run_target (
	domain TEXT NOT NULL, 
	target TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	since DATETIME NOT NULL, 
	PRIMARY KEY (domain, target)
);
CREATE TABLE runbook_drill (
	runbook TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	failure TEXT NOT NULL, 
	PRIMARY KEY (runbook)
);
CREATE TABLE schema_version (
	revision TEXT NOT NULL, 
	works_with TEXT NOT NULL, 
	PRIMARY KEY (revision)
);
INSERT INTO "schema_version" VALUES('0063','0010');
CREATE TABLE seal (
	name TEXT NOT NULL, 
	key_id TEXT NOT NULL, 
	from_seq BIGINT NOT NULL, 
	hash TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	mac TEXT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE sensitivity (
	domain TEXT NOT NULL, 
	watch TEXT NOT NULL, 
	"group" TEXT NOT NULL, 
	factor FLOAT NOT NULL, 
	incident_id TEXT NOT NULL, 
	changed_at DATETIME NOT NULL, 
	changed_by TEXT NOT NULL, 
	PRIMARY KEY (domain, watch, "group")
);
CREATE TABLE silence (
	id TEXT NOT NULL, 
	matchers TEXT NOT NULL, 
	starts_at DATETIME NOT NULL, 
	ends_at DATETIME NOT NULL, 
	created_by TEXT NOT NULL, 
	comment TEXT NOT NULL, origin TEXT DEFAULT '' NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE silence_notice (
	id INTEGER NOT NULL, 
	silence_id TEXT NOT NULL, 
	ended BOOLEAN NOT NULL, 
	actor TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	posting_since DATETIME, 
	PRIMARY KEY (id)
);
CREATE TABLE "slack_message" (
	incident_id TEXT NOT NULL, 
	channel TEXT, 
	ts TEXT, 
	shown_version INTEGER NOT NULL, 
	posting_since DATETIME, 
	thread_position BIGINT NOT NULL, 
	thread_posting BIGINT, 
	shown_behind BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (incident_id)
);
CREATE TABLE slack_request (
	signature TEXT NOT NULL, 
	received_at DATETIME NOT NULL, 
	PRIMARY KEY (signature)
);
CREATE TABLE summary_rewrite (
	incident_id TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	facts TEXT NOT NULL, 
	text TEXT NOT NULL, 
	PRIMARY KEY (incident_id)
);
CREATE TABLE timeline (
	id INTEGER NOT NULL, 
	incident_id TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	kind TEXT NOT NULL, 
	text TEXT NOT NULL, 
	actor TEXT, worse BOOLEAN DEFAULT 0 NOT NULL, broadcast BOOLEAN DEFAULT 0 NOT NULL, person TEXT, posted BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE tool_seen (
	tool TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	name TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	PRIMARY KEY (tool, kind, name)
);
CREATE TABLE tool_silence (
	tool TEXT NOT NULL, 
	silence_id TEXT NOT NULL, 
	there TEXT NOT NULL, 
	ends_at DATETIME NOT NULL, 
	refused TEXT NOT NULL, 
	PRIMARY KEY (tool, silence_id)
);
CREATE TABLE tool_told (
	tool TEXT NOT NULL, 
	target TEXT NOT NULL, 
	incident_id TEXT NOT NULL, 
	state TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	refused TEXT NOT NULL, 
	PRIMARY KEY (tool, target)
);
CREATE TABLE trait (
	domain TEXT NOT NULL, 
	trait TEXT NOT NULL, 
	incident_id TEXT NOT NULL, 
	traits INTEGER NOT NULL, 
	PRIMARY KEY (domain, trait, incident_id)
);
CREATE TABLE unused_file (
	name TEXT NOT NULL, 
	since DATETIME NOT NULL, 
	PRIMARY KEY (name)
);
CREATE INDEX alert_by_group ON alert (domain, "group") WHERE current AND status = 'firing';
CREATE INDEX alert_by_incident ON alert (incident_id);
CREATE INDEX alert_flapping ON alert (partition) WHERE flapping;
CREATE INDEX alert_silenced ON alert (partition) WHERE silence_id IS NOT NULL;
CREATE INDEX inbox_by_partition ON inbox (partition, seq);
CREATE INDEX incident_by_status ON incident (status, number);
CREATE INDEX incident_key_by_incident ON incident_key (incident_id);
CREATE INDEX run_by_incident ON run (incident_id);
CREATE INDEX run_by_status ON run (status);
CREATE INDEX silence_by_end ON silence (ends_at);
CREATE INDEX timeline_by_incident ON timeline (incident_id, id);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;
CREATE INDEX change_by_service ON change (domain, service, at);
CREATE INDEX learnt_edge_by_end ON learnt_edge (domain, depends_on);
CREATE INDEX learnt_edge_by_age ON learnt_edge (partition, last_seen);
CREATE INDEX incident_key_by_moment ON incident_key (domain, last_at);
CREATE INDEX trait_by_incident ON trait (incident_id);
CREATE INDEX chart_upload_by_incident ON chart_upload (incident_id);
CREATE INDEX chart_upload_wanted ON chart_upload (wanted_at) WHERE state = 'wanted';
CREATE INDEX reference_by_digest ON reference (digest);
CREATE INDEX model_rows_by_model ON model_rows (model, holds, seq);
CREATE INDEX model_rows_by_time ON model_rows (model, holds, last_at);
CREATE INDEX model_rows_by_digest ON model_rows (digest);
CREATE INDEX model_rows_by_age ON model_rows (received_at);
CREATE INDEX incident_by_change ON incident (changed_at);
CREATE INDEX tool_told_by_age ON tool_told (at);
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit WHEN OLD.seq > (SELECT coalesce(max(seq), 0) FROM audit_anchor) BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;
CREATE TRIGGER audit_anchor_no_update BEFORE UPDATE ON audit_anchor BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;
CREATE TRIGGER audit_anchor_no_delete BEFORE DELETE ON audit_anchor BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;
CREATE INDEX alert_unplaced ON alert (received_at) WHERE incident_id IS NULL;
CREATE INDEX companion_by_age ON companion (partition, last_seen);
CREATE INDEX alert_pending ON alert (partition) WHERE pending IS NOT NULL;
CREATE INDEX ix_api_request_at ON api_request (at);
CREATE INDEX incident_channel_by_channel ON incident_channel (channel, incident_id);
CREATE INDEX channel_message_by_channel ON channel_message (channel);
CREATE INDEX escalation_due ON escalation (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX escalation_live ON escalation (incident_id) WHERE state <> 'over';
CREATE INDEX escalation_call_wanted ON escalation_call (way, next_at) WHERE state = 'wanted';
CREATE INDEX escalation_call_by_age ON escalation_call (made_at);
CREATE INDEX on_call_override_by_end ON on_call_override (ends);
CREATE INDEX model_id_segment_by_model ON model_id_segment (model, first_seq);
CREATE INDEX model_check_by_model ON model_check (model, id);
CREATE INDEX model_check_by_time ON model_check (at);
CREATE INDEX outgoing_event_waiting ON outgoing_event (receiver, incident_id, position) WHERE state = 'waiting';
CREATE INDEX outgoing_event_by_state ON outgoing_event (receiver, state, next_at);
CREATE INDEX noted_message_by_incident ON noted_message (incident_id);
CREATE INDEX home_by_opening ON home (opened_at);
CREATE INDEX own_channel_by_state ON own_channel (state);
CREATE INDEX own_channel_by_channel ON own_channel (channel);
CREATE INDEX incident_ticket_by_state ON incident_ticket (state, next_at);
CREATE INDEX investigation_unshown ON investigation (at) WHERE version > shown;
CREATE INDEX pane_by_change ON pane (changed_at);
CREATE INDEX incident_promised ON incident (next_update_at) WHERE next_update_at IS NOT NULL;
CREATE INDEX alert_own ON alert (domain, name) WHERE current AND status = 'firing' AND source = 'tandem';
