// Keeps the newest overview, and everything that stands at the head of a page. One stream per page; it is shut while
// nobody looks at the page, and opened again with a growing delay when it breaks.
"use strict";
(() => {
  const QUIET_SECONDS = 10; // without news: the page says so
  const LONGEST_WAIT_SECONDS = 5;
  const KEPT_EVENTS = 30;
  const shown = document.querySelector("[data-live-state]");
  const stale = document.querySelector("[data-stale]");
  const banners = document.querySelector("[data-banners]");
  const mayTrade = document.body.hasAttribute("data-may-trade");
  let source = null, overview = null, newsAt = 0, failures = 0, reopening = 0, bannersSaid = "";

  window.watchbill = { get overview() { return overview; } };

  function say(state, words) {
    if (shown.dataset.is !== state) shown.dataset.is = state;
    if (shown.textContent !== words) shown.textContent = words;
  }

  function open() {
    clearTimeout(reopening);
    if (source) source.close();
    source = new EventSource("/api/live");
    source.addEventListener("overview", (event) => take(JSON.parse(event.data)));
    source.addEventListener("changes", (event) => overview && take(merged(JSON.parse(event.data))));
    source.addEventListener("here", heard); // nothing has changed
    source.onerror = reopenLater;
  }

  function reopenLater() {
    source.close();
    source = null;
    failures += 1;
    const wait = Math.min(2 ** failures / 2, LONGEST_WAIT_SECONDS) * (0.75 + Math.random() / 2);
    say("away", "reconnecting");
    reopening = setTimeout(open, wait * 1000);
  }

  function shut() {
    clearTimeout(reopening);
    if (source) source.close();
    source = null;
  }

  // Only what has changed comes: whole values, but of trades the rows and fields, and of events the new ones.
  function merged(changes) {
    const next = { ...overview, ...changes };
    if (changes.trades && !Array.isArray(changes.trades)) next.trades = mergedTrades(changes.trades);
    if (changes.events && !Array.isArray(changes.events)) next.events = mergedEvents(changes.events.new ?? []);
    return next;
  }

  function mergedTrades({ changed = [], gone = [] }) {
    const rows = new Map(overview.trades.map((trade) => [trade.trade_id, trade]));
    for (const id of gone) rows.delete(id);
    for (const row of changed) rows.set(row.trade_id, { ...rows.get(row.trade_id), ...row });
    return [...rows.values()];
  }

  function mergedEvents(lines) {
    const byId = new Map(overview.events.map((line) => [line.id, line]));
    for (const line of lines) byId.set(line.id, line);
    return [...byId.values()].sort((one, other) => one.id - other.id).slice(-KEPT_EVENTS);
  }

  function heard() {
    if (!overview) return;
    newsAt = performance.now();
    failures = 0;
    say("live", "live");
    stale.hidden = true;
  }

  function take(next) {
    overview = next;
    heard();
    head();
    countdowns();
    document.dispatchEvent(new CustomEvent("watchbill:changes", { detail: overview }));
  }

  function put(name, ...content) {
    const place = document.querySelector(`[data-head="${name}"]`);
    if (place) place.replaceChildren(...content);
  }

  let leadsShown = null;
  function head() {
    const time = document.querySelector('[data-head="market_time"] time');
    if (time && overview.market_time) {
      const text = figures.time(overview.market_time);
      if (time.textContent !== text) {
        time.textContent = text;
        time.dateTime = overview.market_time;
      }
    } else if (overview.market_time) put("market_time", timeElement(overview.market_time));
    if (leadsShown !== overview.leads) {
      leadsShown = overview.leads;
      put("leads", element("span", { class: `badge ${overview.leads ? "good" : "warn"}` },
        overview.leads ? "leads" : "stands by"));
      put("speed", overview.speed && overview.speed !== 1 ? `×${overview.speed}` : "");
    }
    const said = JSON.stringify([overview.mode, overview.leads, overview.leads || overview.said]);
    if (said !== bannersSaid) {
      // Those that the server has drawn in the same words stay: drawn again they would be read aloud for nothing.
      const made = bannersOf(overview);
      if (wordsOf(made) !== wordsOf(banners.children)) banners.replaceChildren(...made);
      bannersSaid = said;
    }
  }

  // Until the windows of the closing rules, in market time.
  const windows = document.querySelectorAll("[data-until]");
  function countdowns() {
    if (!windows.length || !overview.market_time) return;
    const now = Date.parse(overview.market_time);
    for (const cell of windows) {
      const left = (Date.parse(cell.dataset.until) - now) / 1000;
      const words = left > 0 ? figures.span(left) : now < Date.parse(cell.dataset.ends) ? "now" : "over";
      if (cell.textContent !== words) cell.textContent = words;
    }
  }

  function bannersOf({ mode, leads, said }) {
    const found = mode.causes.map((cause) => banner(cause.guards ? "warn" : "bad",
      `${capitalised(figures.words(cause.mode))}:`,
      [` ${cause.guards ? "opens nothing, guarding goes on" : "opens nothing and guards nothing"}`,
        cause.reason ? `: ${cause.reason}` : "", `. Set by ${cause.by || "unknown"}, `, timeElement(cause.since),
        " UTC. Lifted by ", element("code", {}, cause.lifted_by ?? "nothing"), "."],
      cause.cause === "operator" ? button(cause.guards ? "resume" : "lift",
        cause.guards ? "Resume opening" : "Lift the halt")
        : cause.cause === "crash_loop" ? button("reset", "Reset") : null));
    for (const scope of mode.paused) {
      if (!scope.platform && !scope.commodity) continue;
      const where = [scope.commodity, scope.platform].filter(Boolean).join(" on ");
      found.push(banner("warn", `Paused: ${where}`, [" opens nothing", scope.reason ? `: ${scope.reason}` : "",
        `. Set by ${scope.by || "unknown"}, `, timeElement(scope.since), " UTC. Lifted by resuming it."],
      button("resume", `Resume ${where}`, scope)));
    }
    if (!leads) found.push(banner("plain", "This process stands by:",
      [` ${said.replace("standing by: ", "")}. What is shown is what the ledger says.`], null));
    return found;
  }

  function banner(kind, title, words, command) {
    return element("div", { class: `banner ${kind}` },
      element("p", {}, element("strong", {}, title), ...words), mayTrade ? command : null);
  }

  function button(command, name, scope = {}) {
    return element("button", { type: "button", "data-command": command,
      "data-platform": scope.platform ?? "", "data-commodity": scope.commodity ?? "" }, name);
  }

  const wordsOf = (elements) => [...elements].map((one) => one.textContent.replace(/\s+/g, "")).join("\n");
  const capitalised = (text) => text.charAt(0).toUpperCase() + text.slice(1);

  function look() {
    if (!newsAt || document.hidden) return;
    const quiet = Math.trunc((performance.now() - newsAt) / 1000);
    if (quiet < QUIET_SECONDS) return;
    if (source) say("stale", `no news for ${quiet} s`);
    const words = source ? `No news for ${quiet} s: what is shown may be old.`
      : "The connection is lost: what is shown is old. Trying again by itself.";
    if (stale.hidden || quiet % 10 === 0) stale.textContent = words;
    stale.hidden = false;
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      shut();
      say("away", "not looked at");
    } else if (!source) open();
  });
  addEventListener("pagehide", shut);
  addEventListener("pageshow", (event) => event.persisted && open());
  setInterval(look, 1000);
  if (!document.hidden) open();
})();
