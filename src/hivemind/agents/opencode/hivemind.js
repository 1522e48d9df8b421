// Hivemind's plugin for OpenCode: says what happens in a session, and gives the model the skills that fit a prompt.
// Written by `hivemind opencode install` and removed by `hivemind opencode uninstall`, which overwrite what is changed here.
import { spawn, spawnSync } from "node:child_process";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

const BEFORE_EVENT = ["HIVEMIND_BEFORE_EVENT"];
const AFTER_EVENT = ["HIVEMIND_AFTER_EVENT"];

/** OpenCode waits no longer than this for an answer. */
const LIMIT_MS = 2500;
const MAX_ANSWER_CHARS = 1 << 20;
const MAX_SESSIONS = 1000;
/** A subagent can have subagents; a longer chain of parents is a mistake. */
const MAX_PARENTS = 32;
/** The payload is taken in whole before the hook is left to itself. */
const LEAVE_RUNNING = 'payload=$(cat); printf %s "$payload" | "$@" >/dev/null 2>&1 &';

const words = (event) => [...BEFORE_EVENT, event, ...AFTER_EVENT];

function databasePath() {
	const data = join(process.env.XDG_DATA_HOME || join(homedir(), ".local", "share"), "opencode");
	const named = process.env.OPENCODE_DB;
	if (named === ":memory:") return null;
	return named && isAbsolute(named) ? named : join(data, named || "opencode.db");
}

/** Starts the hook before it returns: `opencode run` exits as soon as a turn is over. */
function tell(event, payload) {
	try {
		const args = ["-c", LEAVE_RUNNING, "sh", ...words(event)];
		const options = { input: JSON.stringify(payload), stdio: ["pipe", "ignore", "ignore"], timeout: LIMIT_MS };
		spawnSync("sh", args, options);
	} catch {
		// Nothing that a person using OpenCode could mend.
	}
}

/** Asks the hook; gives an empty answer whatever goes wrong, and never later than the limit. */
function ask(event, payload) {
	return new Promise((resolve) => {
		let said = "";
		let child;
		const done = () => {
			clearTimeout(timer);
			try {
				child?.stdin?.destroy();
				child?.stdout?.destroy();
				const answer = JSON.parse(said);
				resolve(answer !== null && typeof answer === "object" ? answer : {});
			} catch {
				resolve({});
			}
		};
		const timer = setTimeout(done, LIMIT_MS);
		try {
			const [command, ...args] = words(event);
			child = spawn(command, args, { stdio: ["pipe", "pipe", "ignore"], detached: true, windowsHide: true });
			child.on("error", done);
			child.on("close", done);
			child.stdin.on("error", () => {});
			child.stdout.on("error", () => {});
			child.stdout.on("data", (block) => {
				if (said.length < MAX_ANSWER_CHARS) said += block;
			});
			child.stdin.end(JSON.stringify(payload));
			child.unref();
		} catch {
			done();
		}
	});
}

function within(promise, otherwise) {
	return new Promise((resolve) => {
		const timer = setTimeout(() => resolve(otherwise), LIMIT_MS);
		promise
			.catch(() => otherwise)
			.then((value) => {
				clearTimeout(timer);
				resolve(value);
			});
	});
}

export const HivemindPlugin = async ({ client, directory }) => {
	const database = databasePath();
	/** What is known of the sessions: `{ id, parentID, directory }`. */
	const sessions = new Map();
	/** The sessions that a person took part in since OpenCode was started, which end with it. */
	const open = new Set();

	function remember(info) {
		if (!info?.id) return;
		sessions.delete(info.id);
		sessions.set(info.id, { id: info.id, parentID: info.parentID, directory: info.directory });
		if (sessions.size > MAX_SESSIONS) sessions.delete(sessions.keys().next().value);
	}

	async function find(id) {
		if (!sessions.has(id)) remember((await client.session.get({ path: { id } }))?.data);
		return sessions.get(id) ?? { id };
	}

	/** Gives the session that a person began, which a subagent's belongs to. */
	async function rootOf(session) {
		let root = session;
		for (let left = MAX_PARENTS; root.parentID && left > 0; left--) root = await find(root.parentID);
		return root;
	}

	function payload(session, root) {
		return {
			session_id: session.id,
			parent_id: root.id === session.id ? null : root.id,
			cwd: session.directory || directory,
			database,
		};
	}

	function show(answer) {
		if (typeof answer.notice !== "string" || !answer.notice) return;
		// Without a terminal there is nobody to show it to.
		client.tui?.showToast?.({ body: { message: answer.notice, variant: "info" } })?.catch?.(() => {});
	}

	async function begun(info) {
		remember(info);
		if (!info.parentID) show(await ask("session.created", payload(info, info)));
	}

	async function idle(id) {
		// No wait for a session that is known: OpenCode may exit behind this very event.
		const session = sessions.get(id) ?? (await find(id));
		const root = session.parentID ? await rootOf(session) : session;
		tell(session.parentID ? "subagent.idle" : "session.idle", payload(session, root));
	}

	async function happened({ type, properties }) {
		if (type === "session.created") await begun(properties.info);
		// Hivemind runs this OpenCode as its model: the start alone is told, which keeps it from being captured.
		else if (process.env.HIVEMIND_INSIDE) return;
		else if (type === "session.updated") remember(properties.info);
		else if (type === "session.idle") await idle(properties.sessionID);
		else if (type === "session.compacted") {
			const session = await find(properties.sessionID);
			if (!session.parentID) tell("session.compacted", payload(session, session));
		}
	}

	async function prompted(output) {
		const { message, parts } = output;
		const session = await find(message.sessionID);
		const typed = parts.filter((part) => part.type === "text" && !part.synthetic && !part.ignored);
		if (session.parentID || typed.length === 0) return {};
		open.add(session.id);
		const prompt = typed.map((part) => part.text).join("\n");
		return ask("chat.message", { ...payload(session, session), prompt });
	}

	return {
		event: async ({ event }) => {
			try {
				await happened(event);
			} catch {
				// As above: an error here would be shown as one of OpenCode's.
			}
		},
		"chat.message": async (_input, output) => {
			if (process.env.HIVEMIND_INSIDE) return;
			const answer = await within(prompted(output), {});
			try {
				show(answer);
				const last = output.parts.at(-1);
				if (typeof answer.context !== "string" || !answer.context || !last) return;
				const { id, sessionID, messageID } = last;
				// Parts are sorted by id. A synthetic one reaches the model, and is not shown as the person's words.
				output.parts.push({ id: `${id}0`, sessionID, messageID, type: "text", text: answer.context, synthetic: true });
			} catch {
				// The prompt goes on without context.
			}
		},
		dispose: async () => {
			for (const id of open) {
				const session = sessions.get(id) ?? { id };
				tell("dispose", payload(session, session));
			}
			open.clear();
		},
	};
};
