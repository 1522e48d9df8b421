"""The schema as SQLAlchemy Core tables; `hivemind sql --schema` and docs/schema.md are printed from it.

Primary keys begin with the workspace and are made by the client, so the same tables can be distributed by
workspace. There are no sequences, triggers or joins across workspaces. Search indexes are derived and live in
`store/engines/`.
"""

from sqlalchemy import JSON, Boolean, Column, Float, Index, Table

from hivemind.store.columns import Integer as Integer
from hivemind.store.columns import String as String
from hivemind.store.columns import Text as Text
from hivemind.store.columns import UtcTime as UtcTime
from hivemind.store.columns import earliest as earliest
from hivemind.store.columns import latest as latest
from hivemind.store.columns import metadata as metadata
from hivemind.store.columns import to_millisecond as to_millisecond
from hivemind.store.columns import utc_text as utc_text
from hivemind.store.columns import workspace_column
from hivemind.store.schema_team import audit as audit
from hivemind.store.schema_team import changes as changes
from hivemind.store.schema_team import deleted_sessions as deleted_sessions
from hivemind.store.schema_team import keys as keys
from hivemind.store.schema_team import machines as machines
from hivemind.store.schema_team import members as members
from hivemind.store.schema_team import proposals as proposals
from hivemind.store.schema_team import received as received
from hivemind.store.schema_team import remotes as remotes
from hivemind.store.schema_team import tokens as tokens
from hivemind.store.schema_team import uploads as uploads
from hivemind.store.schema_team import workspace_settings as workspace_settings

workspaces = Table(
    "workspaces",
    metadata,
    workspace_column(),
    Column("created_at", UtcTime, nullable=False),
    Column("organisation", String(64), nullable=False, default="", comment="on a server"),
    comment="the workspaces that hold anything",
)

projects = Table(
    "projects",
    metadata,
    workspace_column(),
    Column(
        "project_id", String(32), primary_key=True, comment="hash of the normalised remote, else of the root"
    ),
    Column("name", Text, nullable=False, comment="last part of the remote or of the root"),
    Column("remote", Text, nullable=False, default="", comment="normalised git remote: host/owner/name"),
    Column("root", Text, nullable=False, default="", comment="folder on this machine where it was last seen"),
    Column("created_at", UtcTime, nullable=False),
    Column("noticed_at", UtcTime, comment="when its people were last told of new skills"),
    comment="what sessions work on; five spellings of one git remote are one project",
)

sessions = Table(
    "sessions",
    metadata,
    workspace_column(),
    Column("session_id", String(200), primary_key=True, comment="the agent's own id of the conversation"),
    Column("agent", String(32), nullable=False, comment="claude, codex, cursor, …"),
    Column("agent_version", Text, nullable=False, default=""),
    Column("project_id", String(32), nullable=False, default=""),
    Column("cwd", Text, nullable=False, default="", comment="real working directory at the start"),
    Column("git_branch", Text, nullable=False, default=""),
    Column("git_remote", Text, nullable=False, default="", comment="normalised: host/owner/name"),
    Column("title", Text, nullable=False, default="", comment="first line of the first prompt, redacted"),
    Column("request_model", Text, nullable=False, default="", comment="the model of the latest message"),
    Column("started_at", UtcTime),
    Column("ended_at", UtcTime, comment="time of the latest event"),
    Column("next_seq", Integer, nullable=False, default=0, comment="events stored so far, and the next seq"),
    Column("prompts", Integer, nullable=False, default=0),
    Column("tool_calls", Integer, nullable=False, default=0),
    Column("tool_results", Integer, nullable=False, default=0),
    Column("tool_errors", Integer, nullable=False, default=0, comment="results with status error"),
    Column("mined_seq", Integer, nullable=False, default=0, comment="events that distillation has seen"),
    Column("mined_by", Integer, nullable=False, default=0, comment="version of the miners that saw them"),
    Column("person_id", String(32), nullable=False, default="", comment="who sent it here"),
    Index("sessions_by_person", "workspace_id", "person_id"),
    Index("sessions_by_project", "workspace_id", "project_id", "ended_at"),
    Index("sessions_by_time", "workspace_id", "ended_at", "session_id"),
    comment="one row a conversation of one agent",
)

events = Table(
    "events",
    metadata,
    workspace_column(),
    Column("event_id", String(32), primary_key=True, comment="derived from the event's content: stored once"),
    Column("session_id", String(200), nullable=False),
    Column("seq", Integer, nullable=False, comment="order within the session, from 0"),
    Column(
        "kind",
        String(16),
        nullable=False,
        comment="prompt, assistant, tool_call, tool_result, usage, compaction, interrupt, system",
    ),
    Column("at", UtcTime, comment="when it happened, UTC"),
    Column(
        "agent_id", Text, nullable=False, default="", comment="the subagent, empty in the main conversation"
    ),
    Column("tool_name", Text, nullable=False, default=""),
    Column("tool_call_id", Text, nullable=False, default="", comment="joins a tool_result to its tool_call"),
    Column("status", String(16), comment="of a tool_result: ok, error, denied, cancelled, unknown"),
    Column("exit_code", Integer, comment="of a shell command, where the agent reports it"),
    Column("request_model", Text, nullable=False, default=""),
    Column("message_id", Text, nullable=False, default="", comment="the model message a usage row counts"),
    Column("input_tokens", Integer),
    Column("output_tokens", Integer),
    Column("cache_read_tokens", Integer),
    Column("cache_write_tokens", Integer),
    Column("text", Text, nullable=False, default="", comment="what a person would read, redacted"),
    Column("data", JSON(none_as_null=True), comment="a tool call's input, redacted"),
    Column("redactions", Integer, nullable=False, default=0, comment="secrets replaced in text and data"),
    Index("events_by_session", "workspace_id", "session_id", "seq"),
    comment="one row an event: prompt, message, tool call, result, usage",
)

transcripts = Table(
    "transcripts",
    metadata,
    workspace_column(),
    Column("path", Text, primary_key=True, comment="the agent's file"),
    Column("agent", String(32), nullable=False),
    Column("session_id", String(200), nullable=False, default=""),
    Column("offset_bytes", Integer, nullable=False, default=0, comment="read up to here"),
    Column("read_hash", String(32), nullable=False, default="", comment="of the first and last bytes read"),
    Column("lines", Integer, nullable=False, default=0),
    Column("bad_lines", Integer, nullable=False, default=0, comment="not JSON, or over the size limit"),
    Column(
        "reader_state", JSON(none_as_null=True), comment="what the reader carries from one read to the next"
    ),
    Column("problem", Text, nullable=False, default="", comment="what was wrong with it, such as rewritten"),
    Column("read_at", UtcTime),
    comment="how far each transcript has been read",
)

lessons = Table(
    "lessons",
    metadata,
    workspace_column(),
    Column("lesson_id", String(32), primary_key=True, comment="hash of project, kind and key"),
    Column("project_id", String(32), nullable=False, default=""),
    Column("kind", String(32), nullable=False, comment="fix, correction, command, …: the miner's name"),
    Column("key", Text, nullable=False, comment="what makes two occurrences the same lesson"),
    Column("topic", Text, nullable=False, default="", comment="lessons of one topic share a skill"),
    Column("data", JSON(none_as_null=True), nullable=False, comment="the lesson as its miner states it"),
    Column("sessions", Integer, nullable=False, default=0, comment="distinct sessions that show it"),
    Column("explicit", Boolean, nullable=False, default=False, comment="a person said it"),
    Column("first_at", UtcTime),
    Column("last_at", UtcTime),
    Index("lessons_by_project", "workspace_id", "project_id", "kind"),
    comment="mined, evidence-linked observations that may become a skill",
)

occurrences = Table(
    "occurrences",
    metadata,
    workspace_column(),
    Column("occurrence_id", String(32), primary_key=True),
    Column("lesson_id", String(32), nullable=False),
    Column("session_id", String(200), nullable=False),
    Column("data", JSON(none_as_null=True), nullable=False, comment="what the miner saw this time"),
    Column("explicit", Boolean, nullable=False, default=False),
    Column("at", UtcTime),
    Index("occurrences_by_lesson", "workspace_id", "lesson_id"),
    Index("occurrences_by_session", "workspace_id", "session_id"),
    comment="each time a lesson was seen in a session",
)

evidence = Table(
    "evidence",
    metadata,
    workspace_column(),
    Column("occurrence_id", String(32), primary_key=True),
    Column("event_id", String(32), primary_key=True),
    Column("role", String(16), primary_key=True, comment="failure, fix, success, correction, request"),
    Column("lesson_id", String(32), nullable=False),
    Column("session_id", String(200), nullable=False),
    Column("excerpt", Text, nullable=False, default=""),
    Index("evidence_by_lesson", "workspace_id", "lesson_id"),
    comment="the events that a lesson rests on",
)

episodes = Table(
    "episodes",
    metadata,
    workspace_column(),
    Column("episode_id", String(32), primary_key=True, comment="hash of the session and its first event"),
    Column("session_id", String(200), nullable=False),
    Column("number", Integer, nullable=False, comment="within the session, from 1"),
    Column("first_seq", Integer, nullable=False, comment="`seq` of its first event"),
    Column("last_seq", Integer, nullable=False),
    Column("started_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("request", Text, nullable=False, default="", comment="beginning of what was asked, redacted"),
    Column("prompts", Integer, nullable=False, default=0),
    Column("tool_calls", Integer, nullable=False, default=0, comment="also those of subagents"),
    Column("tool_errors", Integer, nullable=False, default=0),
    Column("request_model", Text, nullable=False, default="", comment="that most of its messages came from"),
    Column("turns", Integer, nullable=False, default=0, comment="messages of the model, also of subagents"),
    Column("input_tokens", Integer, nullable=False, default=0, comment="with those read from a cache"),
    Column("output_tokens", Integer, nullable=False, default=0),
    Column("score_label", String(16), nullable=False, comment="success, failure, unknown; a report wins"),
    Column("score_value", Float, nullable=False, comment="probability of success, or the reported reward"),
    Column(
        "evaluation_name", Text, nullable=False, comment="signals, or who reported: person:NAME, ci:NAME, …"
    ),
    Column("graded_label", String(16), nullable=False, comment="what the signals say, whatever was reported"),
    Column("graded_value", Float, nullable=False),
    Column(
        "signals",
        JSON,
        nullable=False,
        comment="what the grade rests on: name, points_to, text, event_ids, decides",
    ),
    Column("fingerprint", JSON, nullable=False, comment="hashes of words and changes, to find like episodes"),
    Column("graded_seq", Integer, nullable=False, comment="events that the session had when it was graded"),
    Column("graded_by", Integer, nullable=False, comment="version of the grading"),
    Index("episodes_by_session", "workspace_id", "session_id", "number"),
    comment="one request of a session with all that was done for it, and how it ended",
)

outcomes = Table(
    "outcomes",
    metadata,
    workspace_column(),
    Column("outcome_id", String(32), primary_key=True),
    Column("session_id", String(200), nullable=False),
    Column("number", Integer, nullable=False, comment="order of the session's reports, from 1"),
    Column(
        "event_id", String(32), nullable=False, default="", comment="in the episode meant; empty: all so far"
    ),
    Column("score_label", String(16), nullable=False, comment="success, failure, unknown, or cleared"),
    Column("score_value", Float, comment="the reward, from 0 to 1"),
    Column("evaluation_name", Text, nullable=False, comment="who reported: person:NAME, ci:NAME, agent:NAME"),
    Column("commit_id", String(64), nullable=False, default="", comment="the commit that was judged"),
    Column("note", Text, nullable=False, default=""),
    Column("at", UtcTime, nullable=False),
    Index("outcomes_by_session", "workspace_id", "session_id", "number", unique=True),
    comment="append-only: what people, CI and agents reported; the latest wins",
)

skills = Table(
    "skills",
    metadata,
    workspace_column(),
    Column("skill_id", String(32), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("project_id", String(32), nullable=False, default="", comment="empty: every project"),
    Column("topic", Text, nullable=False, default=""),
    Column("state", String(16), nullable=False, comment="candidate, trial, active, retired, rejected"),
    Column("version", Integer, nullable=False, comment="the current one"),
    Column("author", Text, nullable=False, default=""),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column(
        "scope",
        String(8),
        nullable=False,
        default="me",
        comment="me: made here; team, org: a server decides on it",
    ),
    Index("skills_by_name", "workspace_id", "name"),
    Index("skills_by_topic", "workspace_id", "project_id", "topic"),
    comment="versioned skills and their state",
)

skill_versions = Table(
    "skill_versions",
    metadata,
    workspace_column(),
    Column("skill_id", String(32), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("content_hash", String(64), nullable=False, comment="sha256 of name, description and body"),
    Column("name", String(64), nullable=False),
    Column("description", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("frontmatter", JSON, nullable=False, comment="the other keys of the specification"),
    Column("requests", Text, nullable=False, default="", comment="prompts it was mined from, one a line"),
    Column("origin", String(16), nullable=False, comment="template, person, model, import"),
    Column("author", Text, nullable=False, default=""),
    Column("lesson_ids", JSON, nullable=False, comment="the lessons it states"),
    Column("gates", JSON, nullable=False, comment="findings of the gates when it was written"),
    Column("created_at", UtcTime, nullable=False),
    comment="every version of every skill; none is ever changed or deleted",
)

decisions = Table(
    "decisions",
    metadata,
    workspace_column(),
    Column("decision_id", String(32), primary_key=True),
    Column("skill_id", String(32), nullable=False),
    Column("number", Integer, nullable=False, comment="order of the skill's decisions, from 1"),
    Column("at", UtcTime, nullable=False),
    Column("actor", Text, nullable=False, comment="person:NAME or policy:NAME"),
    Column("from_state", String(16), nullable=False, default=""),
    Column("to_state", String(16), nullable=False),
    Column("from_version", Integer),
    Column("to_version", Integer, nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("numbers", JSON, nullable=False, comment="support and gates at that moment"),
    Column("undoes", String(32), nullable=False, default="", comment="the decision that this one takes back"),
    Index("decisions_by_skill", "workspace_id", "skill_id", "number", unique=True),
    comment="append-only ledger of every change of state or version",
)

installs = Table(
    "installs",
    metadata,
    workspace_column(),
    Column("path", Text, primary_key=True, comment="the SKILL.md that we wrote"),
    Column("root", Text, nullable=False, comment="folder of the project that it is in"),
    Column("agent", String(32), nullable=False),
    Column("skill_id", String(32), nullable=False),
    Column("version", Integer, nullable=False),
    Column(
        "content_hash",
        String(64),
        nullable=False,
        comment="sha256 of the bytes that we wrote or took in; empty: no file of ours, the folder is",
    ),
    Column(
        "intended_hash",
        String(64),
        nullable=False,
        default="",
        comment="sha256 of the bytes being written, 'gone' while removed; what is left shows a crash",
    ),
    Column("written_at", UtcTime, nullable=False),
    comment="skill files in agents' folders; what is not here is not ours and is never touched",
)

offers = Table(
    "offers",
    metadata,
    workspace_column(),
    Column("offer_id", String(32), primary_key=True, comment="of session, skill, channel and moment"),
    Column("session_id", String(200), nullable=False),
    Column("skill_id", String(32), nullable=False),
    Column("version", Integer, nullable=False),
    Column("channel", String(16), nullable=False, comment="prompt, mcp, folder, tool"),
    Column("arm", String(16), nullable=False, comment="given, withheld"),
    Column("share", Float, nullable=False, default=0.0, comment="of the sessions it was withheld from then"),
    Column("agent", String(32), nullable=False, default=""),
    Column("request_model", Text, nullable=False, default="", comment="as far as it was known"),
    Column("event_id", String(32), nullable=False, default="", comment="the call that asked; empty: none"),
    Column("at", UtcTime, nullable=False),
    Index("offers_by_session", "workspace_id", "session_id"),
    comment="append-only: each time a skill fitted what a session did, and was given to it or withheld",
)

exposures = Table(
    "exposures",
    metadata,
    workspace_column(),
    Column("episode_id", String(32), primary_key=True),
    Column("skill_id", String(32), primary_key=True),
    Column("session_id", String(200), nullable=False),
    Column("project_id", String(32), nullable=False, default=""),
    Column("version", Integer, nullable=False),
    Column("arm", String(16), nullable=False, comment="given, withheld, leaked (stays on the side drawn)"),
    Column("share", Float, nullable=False, default=0.0, comment="of sessions withheld from; 0: none"),
    Column("channel", String(16), nullable=False, comment="the first that it came by"),
    Column("agent", String(32), nullable=False, default=""),
    Column("request_model", Text, nullable=False, default=""),
    Column("followed", Boolean, comment="its steps were taken afterwards; null where it names none"),
    Column("at", UtcTime, nullable=False),
    Index("exposures_by_skill", "workspace_id", "skill_id"),
    Index("exposures_by_session", "workspace_id", "session_id"),
    comment="derived from offers: a skill given or withheld, once an episode; episodes have the outcome",
)

holdouts = Table(
    "holdouts",
    metadata,
    workspace_column(),
    Column("skill_id", String(32), primary_key=True),
    Column("request_model", String(200), primary_key=True, comment="empty: every model without a row"),
    Column("share", Float, nullable=False, comment="of the sessions from which the skill is withheld"),
    Column("reason", Text, nullable=False, default="", comment="state of the skill, or a new model"),
    comment="derived: from which share of sessions each live skill is withheld now",
)

flags = Table(
    "flags",
    metadata,
    workspace_column(),
    Column("skill_id", String(32), primary_key=True),
    Column("kind", String(16), primary_key=True, comment="stale, harm, unused"),
    Column("message", Text, nullable=False),
    Column("at", UtcTime, nullable=False, comment="when it was first seen"),
    comment="derived: what a person should look at again in a skill, and why",
)

problems = Table(
    "problems",
    metadata,
    workspace_column(),
    Column("problem_id", String(32), primary_key=True, comment="hash of where and what"),
    Column("source", String(16), nullable=False, comment="hook, worker, transcript, publish"),
    Column("slug", String(64), nullable=False, comment="section of docs/errors.md"),
    Column("message", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("first_at", UtcTime, nullable=False),
    Column("last_at", UtcTime, nullable=False),
    comment="what went wrong in the background, for `hivemind doctor`",
)

model_calls = Table(
    "model_calls",
    metadata,
    workspace_column(),
    Column("call_id", String(32), primary_key=True),
    Column("at", UtcTime, nullable=False, comment="when it began"),
    Column("purpose", String(32), nullable=False, comment="what for: word a skill, test"),
    Column("subject", String(32), nullable=False, default="", comment="the skill"),
    Column("evidence_hash", String(64), nullable=False, default="", comment="of what the model was to word"),
    Column("kind", String(32), nullable=False, comment="claude, codex, pi, hermes, anthropic, openai, …"),
    Column("asked_model", Text, nullable=False, default="", comment="empty: the client's own default"),
    Column("model", Text, nullable=False, default="", comment="the one that answered, where it says so"),
    Column("input_tokens", Integer, comment="as the model counted"),
    Column("output_tokens", Integer),
    Column("cost_usd", Float, comment="an estimate until the call has ended"),
    Column("duration_ms", Integer),
    Column("status", String(16), nullable=False, comment="running, used, malformed, gated, failed, …"),
    Column("detail", Text, nullable=False, default="", comment="what was wrong, redacted"),
    Index("model_calls_by_time", "at"),
    Index("model_calls_by_subject", "workspace_id", "subject", "evidence_hash"),
    comment="every call of a model that Hivemind made; each counts against the daily cap",
)

jobs = Table(
    "jobs",
    metadata,
    workspace_column(),
    Column("kind", String(32), primary_key=True, comment="what is to be done"),
    Column("key", String(200), primary_key=True, comment="with what: a session, a project"),
    Column("data", JSON, nullable=False, comment="what else the worker needs to know"),
    Column("asked", Integer, nullable=False, comment="times that it was asked for"),
    Column("created_at", UtcTime, nullable=False),
    Column("due_at", UtcTime, comment="not before; null where it failed too often"),
    Column("owner", String(200), nullable=False, default="", comment="the worker that holds the lease"),
    Column("lease_until", UtcTime, comment="moved on by heartbeats; once past, another worker takes over"),
    Column("attempts", Integer, nullable=False, default=0, comment="leases since it was last asked for anew"),
    Column("last_error", Text, nullable=False, default="", comment="of the latest attempt that failed"),
    Index("jobs_by_time", "workspace_id", "due_at"),
    comment="work that waits for a worker, or is being done by one; what is done is gone",
)
