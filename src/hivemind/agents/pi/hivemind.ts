// Hivemind's extension for pi: says what happens in a session, and gives the model the skills that fit a prompt.
// Written by `hivemind pi install` and removed by `hivemind pi uninstall`, which overwrite what is changed here.
import { spawn } from "node:child_process";

const BEFORE_EVENT: string[] = ["HIVEMIND_BEFORE_EVENT"];
const AFTER_EVENT: string[] = ["HIVEMIND_AFTER_EVENT"];

/** pi waits no longer than this for an answer. */
const LIMIT_MS = 2500;
const MAX_ANSWER_CHARS = 1 << 20;

type Answer = { context?: unknown; notice?: unknown };

/** Runs the hook in a process group of its own, so that it outlives pi; resolves whatever happens. */
function run(event: string, payload: object): Promise<Answer> {
	return new Promise((resolve) => {
		let said = "";
		let child: ReturnType<typeof spawn> | undefined;
		const timer = setTimeout(() => done(), LIMIT_MS);
		const done = () => {
			clearTimeout(timer);
			// A hook that hangs would otherwise keep pi from exiting; it may still finish by itself.
			child?.stdin?.destroy();
			child?.stdout?.destroy();
			try {
				const answer = JSON.parse(said);
				resolve(answer !== null && typeof answer === "object" ? answer : {});
			} catch {
				resolve({});
			}
		};
		try {
			const [command, ...words] = [...BEFORE_EVENT, event, ...AFTER_EVENT];
			child = spawn(command, words, { stdio: ["pipe", "pipe", "ignore"], detached: true, windowsHide: true });
			child.on("error", done);
			child.on("close", done);
			child.stdin?.on("error", () => {});
			child.stdout?.on("error", () => {});
			child.stdout?.on("data", (block) => {
				if (said.length < MAX_ANSWER_CHARS) said += block;
			});
			child.stdin?.end(JSON.stringify(payload));
			child.unref();
		} catch {
			done();
		}
	});
}

/** One after the other: the end of a session must not be told before its last turn. */
let last: Promise<unknown> = Promise.resolve();

function tell(event: string, payload: object): Promise<Answer> {
	const told = last.then(() => run(event, payload));
	last = told;
	return within(told, {});
}

function within<T>(promise: Promise<T>, otherwise: T): Promise<T> {
	return new Promise((resolve) => {
		const timer = setTimeout(() => resolve(otherwise), LIMIT_MS);
		promise.then((value) => {
			clearTimeout(timer);
			resolve(value);
		});
	});
}

function session(ctx: any): Record<string, unknown> {
	const manager = ctx.sessionManager;
	return {
		session_id: manager.getSessionId(),
		session_file: manager.getSessionFile() ?? null,
		cwd: ctx.cwd,
	};
}

/** The last text of the last answer, as the session file has it. */
function answered(messages: any): string | null {
	const answers = messages.filter((message: any) => message?.role === "assistant");
	const texts = (answers.at(-1)?.content ?? []).filter((part: any) => part?.type === "text");
	return texts.at(-1)?.text ?? null;
}

function show(answer: Answer, ctx: any): void {
	if (typeof answer.notice === "string" && answer.notice && ctx.hasUI) ctx.ui.notify(answer.notice, "info");
}

export default function (pi: any) {
	/** An error of ours is nothing that a person using pi could mend. */
	const on = (event: string, handle: (event: any, ctx: any) => unknown) =>
		pi.on(event, async (happened: any, ctx: any) => {
			try {
				return await handle(happened, ctx);
			} catch {
				return undefined;
			}
		});

	on("session_start", (_event, ctx) => {
		const told = tell("session_start", session(ctx));
		told.then((answer) => show(answer, ctx)).catch(() => {});
	});
	// Hivemind runs this pi as its model: the start alone is told, which keeps the session from being captured.
	if (process.env.HIVEMIND_INSIDE) return;

	on("before_agent_start", async (event, ctx) => {
		const answer = await tell("before_agent_start", { ...session(ctx), prompt: event.prompt });
		show(answer, ctx);
		if (typeof answer.context !== "string" || !answer.context) return undefined;
		return { message: { customType: "hivemind", content: answer.context, display: false } };
	});
	on("agent_end", (event, ctx) => {
		tell("agent_end", { ...session(ctx), said: answered(event.messages) });
	});
	on("session_compact", (_event, ctx) => {
		tell("session_compact", session(ctx));
	});
	on("session_shutdown", async (event, ctx) => {
		if (event.reason !== "reload") await tell("session_shutdown", { ...session(ctx), reason: event.reason });
		else await within(last, undefined);
	});
}
