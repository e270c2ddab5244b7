// Commands of which it is not known yet what came of them. Each is followed until it is, though its dialog be shut and
// the page be left: this tab remembers it, and the next page goes on. Nothing is guessed.
"use strict";
const following = (() => {
  const KEPT = "watchbill-asked";
  const ARRIVES_SECONDS = 8; // a request waits for its outcome for five: by then it is known, or lost on the way
  const LONGEST_PAUSE = 5000; // milliseconds
  const UNKNOWN_YET = "Unknown, being resolved.";
  const SIGNS = { done: "✓ Done: ", refused: "✕ Not done: ", unresolved: "… " };
  const KINDS = { done: "plain", refused: "bad", unresolved: "warn" };
  const place = document.querySelector("[data-asked]");
  const asked = read(); // by the request's id: what it is, and when it was given
  const told = new Map(); // by id: the state and the words that were told last
  const lines = new Map(); // by id: its line on the page
  const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  function read() {
    try {
      return new Map(JSON.parse(sessionStorage.getItem(KEPT) ?? "[]"));
    } catch {
      return new Map();
    }
  }

  function keep() {
    try {
      sessionStorage.setItem(KEPT, JSON.stringify([...asked]));
    } catch { /* then it is followed on this page only */ }
  }

  function begin(id, what) {
    asked.set(id, { what, at: Date.now() });
    keep();
  }

  function end(id) {
    asked.delete(id);
    keep();
  }

  // In the dialog that gave it, while that is open; otherwise on the page.
  function tell(id, state, words) {
    const what = asked.get(id)?.what ?? lines.get(id)?.what ?? "";
    told.set(id, { what, state, words });
    const dialog = [...document.querySelectorAll("dialog[open]")].find((one) => one.requestId === id);
    if (!dialog) return put(id, what, state, words);
    const outcome = dialog.querySelector("[data-outcome]");
    outcome.dataset.is = state;
    outcome.textContent = words;
  }

  function put(id, what, state, words) {
    lines.get(id)?.line.remove();
    const dismiss = element("button", { type: "button" }, "Dismiss");
    const line = element("div", { class: `banner ${KINDS[state]}`, "data-is": state },
      element("p", {}, element("strong", {}, `${what}:`), ` ${words}`), state === "unresolved" ? null : dismiss);
    dismiss.addEventListener("click", () => line.remove());
    lines.set(id, { line, what });
    place.append(line);
  }

  const ended = (id, outcome) => {
    tell(id, outcome.state, `${SIGNS[outcome.state] ?? ""}${outcome.said}`);
    end(id);
    return outcome.state;
  };

  // Answers what is known at the end: done, refused, or unresolved where it has not even arrived.
  async function follow(id) {
    for (let pause = 500; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE)) {
      await wait(pause);
      let answer, outcome;
      try {
        answer = await fetch(`/api/commands/${encodeURIComponent(id)}`);
        outcome = await answer.json();
      } catch {
        continue; // the connection is away: asked again
      }
      if (answer.status === 401) {
        tell(id, "unresolved", "You are not signed in any more. What came of it is told here once you are.");
        return "unresolved";
      }
      if (answer.status === 404 && (Date.now() - (asked.get(id)?.at ?? 0)) / 1000 > ARRIVES_SECONDS) {
        tell(id, "refused", "✕ It has not arrived so far. Tried again in the same dialog it is the same request: done once.");
        end(id);
        return "unresolved";
      }
      if (answer.ok && outcome.state !== "unresolved") return ended(id, outcome);
    }
  }

  document.addEventListener("close", ({ target }) => { // a dialog
    const last = told.get(target.requestId);
    if (last?.state === "unresolved") put(target.requestId, last.what, last.state, last.words);
  }, true);

  for (const [id, { what }] of asked) {
    put(id, what, "unresolved", `… ${UNKNOWN_YET}`);
    follow(id);
  }

  return { SIGNS, UNKNOWN_YET, begin, end, ended, follow, tell };
})();
