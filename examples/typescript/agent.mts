/**
 * An agent in TypeScript over REST: ask for skills, record what was done, say how it went.
 *
 *   HIVEMIND_API_URL=https://hivemind.example.com HIVEMIND_TOKEN=hm.… OPENAI_BASE_URL=… npx tsx agent.mts
 *
 * Needs nothing but fetch (Node 18 or later). Lines that are sent again are stored once.
 */
import { randomUUID } from "node:crypto";

const api = `${process.env.HIVEMIND_API_URL}/api/v1`;
const headers = {
  Authorization: `Bearer ${process.env.HIVEMIND_TOKEN}`,
  "Content-Type": "application/json",
};
const request = process.argv[2] ?? "Please cancel order A11.";
const session = randomUUID();

type Kind = "start" | "prompt" | "assistant" | "tool_call" | "tool_result" | "outcome" | "end";
const lines: object[] = [];
function told(kind: Kind, said: object): void {
  lines.push({ session, id: String(lines.length), kind, at: Date.now() / 1000, said });
}

async function post<T>(url: string, body: object, more: object = {}): Promise<T> {
  const answer = await fetch(url, { method: "POST", body: JSON.stringify(body), ...more });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

/** The few skills that the request is worth; none is an answer, too, and a server that is away is none. */
async function skillsFor(prompt: string): Promise<string> {
  const signal = AbortSignal.timeout(500);
  try {
    const body = { prompt, project: "acme/shop", format: "markdown" };
    return (await post<{ text: string }>(`${api}/context`, body, { headers, signal })).text;
  } catch {
    return "";
  }
}

function cancelOrder(order: string): string {
  if (!/^[A-Z]-\d+$/.test(order)) throw new Error(`no order ${order}: write it as A-11`);
  return `cancelled ${order}`;
}

told("start", { agent: "shop-bot", project: "acme/shop" });
told("prompt", { text: request });
const rules = `You help customers of a shop.\n\n${await skillsFor(request)}`;
const messages = [
  { role: "system", content: rules },
  { role: "user", content: request },
];
const reply = await post<{ choices: { message: { content: string } }[] }>(
  `${process.env.OPENAI_BASE_URL ?? "https://api.openai.com/v1"}/chat/completions`,
  { model: process.env.MODEL ?? "gpt-5-mini", messages },
  { headers: { Authorization: `Bearer ${process.env.OPENAI_API_KEY}`, "Content-Type": "application/json" } },
);
for (const order of ["A11", "A-11"]) {
  const call = randomUUID();
  told("tool_call", { tool: "cancel_order", call, input: { order } });
  try {
    told("tool_result", { tool: "cancel_order", call, text: cancelOrder(order), status: "ok" });
  } catch (error) {
    told("tool_result", { tool: "cancel_order", call, text: String(error), status: "error" });
  }
}
told("assistant", { text: reply.choices[0].message.content ?? "", model: process.env.MODEL ?? "gpt-5-mini" });
told("outcome", { label: "success" });
told("end", {});
const taken = await post<{ events: number }>(`${api}/recorded`, { lines }, { headers });
console.log(JSON.stringify({ session, events: taken.events, hadSkills: rules.includes("##") }));
