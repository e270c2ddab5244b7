// Commands: asked in a dialog, and sent once under an id of their own. What does not come back is looked for under the
// same id by following.js.
"use strict";
(() => {
  const HEADERS = { "Content-Type": "application/json", "X-Watchbill": "page" };

  function newId() {
    return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  // Each of these answers what is known at the end: done, refused or unresolved.
  async function send(dialog, name, body) {
    const id = dialog.requestId ??= newId();
    following.begin(id, dialog.querySelector("h2").textContent.replace("?", ""));
    following.tell(id, "unresolved", "Asked, waiting for the answer…");
    let answer;
    try {
      answer = await fetch(`/api/commands/${name}`, { // which is sent to its end, though the page be left meanwhile
        method: "POST", headers: HEADERS, body: JSON.stringify({ ...body, request_id: id }), keepalive: true,
      });
    } catch {
      following.tell(id, "unresolved", `${following.UNKNOWN_YET} The answer did not come.`);
      return following.follow(id);
    }
    return take(dialog, id, answer);
  }

  async function take(dialog, id, answer) {
    if (answer.status === 401) return following.ended(id, { state: "refused", said: "you are not signed in any more." });
    let told = null;
    try {
      told = await answer.json();
    } catch {
      following.tell(id, "unresolved", `${following.UNKNOWN_YET} The answer could not be read.`);
      return following.follow(id);
    }
    // With 503 nothing was handed over; after any other fault of the server it may have been.
    if (answer.status === 202 || (answer.status >= 500 && answer.status !== 503)) {
      following.tell(id, "unresolved", `… ${following.UNKNOWN_YET} ${told.said ?? ""}`);
      return following.follow(id);
    }
    const state = answer.ok ? told.state ?? "done" : "refused";
    following.ended(id, { state, said: told.said ?? answer.statusText });
    // Refused is refused: asked again it is a new command. What nobody could do here keeps its id.
    if (!answer.ok && answer.status < 500 && dialog.requestId === id) dialog.requestId = null;
    return state;
  }

  async function confirmed(dialog) {
    const button = dialog.querySelector("[data-confirm]"), { round } = dialog;
    if (button.disabled) return;
    const { name, body } = dialog.asks();
    button.disabled = true;
    dialog.querySelector("[data-shut]").textContent = "Shut";
    const isDone = (await send(dialog, name, body)) === "done";
    if (dialog.round !== round) return; // it was shut meanwhile, and asks for something else
    button.hidden = isDone;
    button.disabled = false;
    if (button.hidden && dialog.open) dialog.querySelector("[data-shut]").focus();
  }

  function begin(dialog) {
    dialog.requestId = null;
    dialog.round = {};
    const button = dialog.querySelector("[data-confirm]");
    button.hidden = button.disabled = false;
    dialog.querySelector("[data-shut]").textContent = "Cancel";
    const outcome = dialog.querySelector("[data-outcome]");
    outcome.textContent = "";
    delete outcome.dataset.is;
  }

  function value(dialog, name) {
    return dialog.querySelector(`[name="${name}"]`)?.value.trim() || null;
  }

  // The open positions as they are at this moment, named one by one.
  function name(dialog) {
    const overview = window.watchbill?.overview;
    const list = dialog.querySelector("[data-unguarded]"), title = dialog.querySelector("[data-unguarded-title]");
    list.hidden = !overview?.trades.length;
    list.replaceChildren(...(overview?.trades ?? []).map((trade) => element("li", {},
      `${trade.platform}:${trade.commodity} ${trade.side} ${figures.lots(trade.volume_lots)} lots (trade ${trade.trade_id})`)));
    const count = overview?.trades.length;
    const words = !overview ? "Which positions are open is not known here at the moment."
      : count ? `Left unguarded: ${count} open position${count === 1 ? "" : "s"}` : "No position is open now.";
    if (title) title.textContent = words;
    return words;
  }

  const halt = document.getElementById("halt-dialog");
  halt.asks = () => ({ name: "halt", body: { reason: value(halt, "reason") ?? "", confirmed: true } });
  halt.addEventListener("watchbill:opens", () => { begin(halt); name(halt); });

  const pause = document.getElementById("pause-dialog");
  pause.asks = () => ({ name: "pause", body: {
    platform: value(pause, "platform"), commodity: value(pause, "commodity"), reason: value(pause, "reason") ?? "" } });
  pause.addEventListener("watchbill:opens", () => begin(pause));

  const command = document.getElementById("command-dialog");
  const scopeOf = ({ platform, commodity }) => ({ platform: platform || null, commodity: commodity || null });
  const whereOf = ({ platform, commodity }) => [commodity, platform].filter(Boolean).join(" on ") || "everything";
  const COMMANDS = {
    resume: (data) => ({ title: `Resume opening ${whereOf(data)}?`, button: "Resume", body: scopeOf(data),
      text: "Opens are decided on again from the next analysis on." }),
    lift: () => ({ title: "Lift the halt?", button: "Lift the halt", body: {},
      text: "Positions are guarded again at once, and opens are decided on." }),
    reset: () => ({ title: "Reset the crash loop?", button: "Reset", body: {},
      text: "The crashes so far are forgiven, and opens are decided on again." }),
    "forgive-drawdown": (data) => ({ title: `Forget the drawdown of ${data.platform}?`, button: "Forget it",
      body: { platform: data.platform }, text: "It is counted from now on." }),
    close: (data) => ({ title: `Close trade ${data.tradeId}?`, button: "Close it", body: { trade_id: Number(data.tradeId) },
      text: `${data.label} (trade ${data.tradeId}) is closed at the market, whatever the rules say.` }),
    "close-all": (data) => ({ title: "Close all trades?", button: "Close all", names: true,
      body: { ...scopeOf(data), confirmed: true }, text: "Closed at the market, whatever the rules say:" }),
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-command]");
    if (button && COMMANDS[button.dataset.command]) ask(button.dataset);
    const confirms = event.target.closest("[data-confirm]");
    if (confirms) confirmed(confirms.closest("dialog"));
  });

  for (const dialog of [halt, pause]) {
    dialog.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement)) return;
      event.preventDefault(); // Enter in a field does not give the command: only its button does
      dialog.querySelector("[data-confirm]").focus();
    });
  }

  function ask(data) {
    if (document.querySelector("dialog[open]")) return;
    const asked = COMMANDS[data.command](data);
    begin(command);
    command.asks = () => ({ name: data.command, body: asked.body });
    document.getElementById("command-title").textContent = asked.title;
    command.querySelector("[data-text]").textContent = asked.text;
    command.querySelector("[data-confirm]").textContent = asked.button;
    if (asked.names) name(command);
    else command.querySelector("[data-unguarded]").hidden = true;
    command.showModal();
    command.querySelector("[data-confirm]").focus();
  }
})();
