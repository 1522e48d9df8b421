// Keyboard, theme and help. Every page works without it.
(() => {
  "use strict";
  const stored = (key, value) => {
    try {
      if (value === undefined) return localStorage.getItem(key);
      localStorage.setItem(key, value);
    } catch { /* storage is off */ }
    return null;
  };
  const one = (selector) => document.querySelector(selector);
  const root = document.documentElement;
  const help = one("#help");

  const toggle = one("[data-theme-toggle]");
  if (toggle) toggle.addEventListener("click", () => {
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const next = (root.dataset.theme || system) === "dark" ? "light" : "dark";
    root.dataset.theme = next;
    stored("hivemind-theme", next);
  });
  const opener = one("[data-help]");
  if (opener && help) opener.addEventListener("click", () => help.showModal());
  const keysOn = one("[data-keys-on]");
  if (keysOn) {
    keysOn.checked = stored("hivemind-keys") !== "off";
    keysOn.addEventListener("change", () => stored("hivemind-keys", keysOn.checked ? "on" : "off"));
  }
  document.querySelectorAll("[data-select]").forEach((field) => {
    field.addEventListener("focus", () => field.select());
  });

  // Where the browser lets scripts copy, which takes https or the machine itself.
  document.querySelectorAll("[data-copy]").forEach((button) => {
    const card = button.closest("section");
    const field = card.querySelector("[data-select]");
    const said = card.querySelector("[data-copied]");
    button.hidden = false;
    button.addEventListener("click", async () => {
      field.select();
      try {
        if (navigator.clipboard) await navigator.clipboard.writeText(field.value);
        else if (!document.execCommand("copy")) throw new Error("refused");
        said.textContent = "Copied.";
      } catch { said.textContent = "Press Ctrl+C: the text is marked."; }
    });
  });

  // An error of a request in the background is shown where its answer would have been.
  document.addEventListener("htmx:responseError", (event) => {
    const target = event.detail.target;
    if (target) target.textContent = "That did not work: open the page again.";
  });

  const items = () => [...document.querySelectorAll("[data-item]")];
  const move = (step) => {
    const all = items();
    if (!all.length) return false;
    const now = all.findIndex((item) => item.classList.contains("marked"));
    const next = all[Math.max(0, Math.min(all.length - 1, now < 0 ? (step > 0 ? 0 : all.length - 1) : now + step))];
    all.forEach((item) => item.classList.toggle("marked", item === next));
    const focus = next.querySelector("a, summary, button") || next;
    focus.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
    return true;
  };
  const press = (key) => {
    const found = one(`[data-key="${key}"][data-key-first]`) || one(`[data-key="${key}"]`);
    if (!found) return false;
    if (found.tagName === "SUMMARY") {
      const details = found.parentElement;
      details.open = true;
      const field = details.querySelector("[data-reason]");
      if (field) field.focus();
    } else {
      found.click();
    }
    return true;
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "Escape" && typing) { event.target.blur(); return; }
    if (typing || (help && help.open) || stored("hivemind-keys") === "off") return;
    let done = false;
    if (event.key === "j" || event.key === "k") done = press(event.key) || move(event.key === "j" ? 1 : -1);
    else if ("areu".includes(event.key)) done = press(event.key);
    else if (event.key === "?" && help) { help.showModal(); done = true; }
    else if (event.key === "/") { const field = one("[data-search]"); if (field) { field.focus(); done = true; } }
    if (done) event.preventDefault();
  });
})();
