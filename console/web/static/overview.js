// Keeps the overview's rows as they are now. A cell is touched only when its words change: with two hundred trades
// twice a second, comparing is cheap and drawing is not.
"use strict";
(() => {
  const body = document.querySelector("[data-trades]");
  if (!body) return;
  const blank = document.getElementById("trade-row").content;
  const SVG = "http://www.w3.org/2000/svg";
  const rows = new Map(); // trade id -> the row, its cells and the words in them
  const said = document.querySelector("[data-said]");
  let speed = 0, takenAt = performance.now(), newest = null;

  for (const row of body.rows) rows.set(Number(row.dataset.trade), known(row));

  function known(row) {
    const cells = {};
    for (const cell of row.querySelectorAll("[data-k]")) cells[cell.dataset.k] = { cell, text: cell.textContent };
    return { row, cells };
  }

  function write(kept, text) {
    if (!kept || kept.text === text) return false;
    kept.cell.textContent = text;
    kept.text = text;
    return true;
  }

  function added(trade) {
    const row = blank.cloneNode(true).querySelector("tr");
    row.dataset.trade = trade.trade_id;
    const link = row.querySelector("th a");
    link.href = `/trades/${trade.trade_id}`;
    link.textContent = trade.commodity;
    row.querySelector("th small").textContent = `#${trade.trade_id} ${trade.platform}`;
    row.cells[1].firstElementChild.replaceWith(sideOf(trade.side));
    row.querySelector("[data-k=profit] + small").textContent = trade.currency;
    const button = row.querySelector("[data-command]");
    if (button) {
      button.dataset.tradeId = trade.trade_id;
      button.dataset.label = labelOf(trade);
      button.hidden = false;
    }
    row.classList.add("comes");
    body.prepend(row);
    const kept = known(row);
    rows.set(trade.trade_id, kept);
    return kept;
  }

  const labelOf = (trade) =>
    `${trade.platform}:${trade.commodity} ${trade.side} ${figures.lots(trade.volume_lots)} lots`;
  const sideOf = (side) => element("span", { class: `side-${side}` }, `${side === "buy" ? "▲" : "▼"} ${side}`);
  const STATES = { open: "good", closing: "warn", late: "bad", unknown: "bad", failed: "bad", closed: "plain" };

  function draw(trade, kept) {
    const { cells, row } = kept;
    write(cells.size, `${figures.lots(trade.volume_lots)} lots, ${figures.words(trade.strategy)}`);
    if (cells.state.text.trim() !== figures.words(trade.state)) {
      cells.state.text = figures.words(trade.state);
      cells.state.cell.replaceChildren(element("span", { class: `badge ${STATES[trade.state] ?? "warn"}` },
        cells.state.text));
    }
    write(cells.entry, figures.price(trade.entry_price, trade.digits));
    write(cells.price, figures.price(trade.price, trade.digits));
    if (write(cells.stop, figures.price(trade.stop_price, trade.digits)) && !row.classList.contains("comes")) {
      moved(cells.stop.cell.closest("td"));
    }
    write(cells.target, trade.target_price === null ? "no target" : figures.price(trade.target_price, trade.digits));
    write(cells.chance, figures.fraction(trade.probability_of_profit, 0));
    write(cells.gain, figures.money(trade.expected_gain));
    write(cells.worth, figures.worth(trade));
    if (write(cells.profit, figures.money(trade.profit))) cells.profit.cell.className = figures.sign(trade.profit);
    gauge(trade, kept);
    countdown(trade, kept, 0);
  }

  function moved(cell) {
    cell.classList.remove("moved");
    requestAnimationFrame(() => cell.classList.add("moved"));
  }

  function way(price, trade) {
    if (price === null || trade.target_price === null || trade.target_price === trade.stop_price) return null;
    const part = (price - trade.stop_price) / (trade.target_price - trade.stop_price);
    return Math.round(Math.min(Math.max(part, 0), 1) * 1000) / 10;
  }

  function gauge(trade, kept) {
    const at = way(trade.price, trade), from = way(trade.entry_price, trade), place = kept.cells.way;
    const alone = trade.to_stop ? `${figures.fraction(trade.to_stop.fraction, 2)} from the stop` : UNKNOWN;
    const words = at === null ? alone : `${at}/${from}/${figures.sign(trade.profit)}`;
    if (place.drawn === words) return;
    place.drawn = words;
    if (at === null) {
      place.cell.replaceChildren(element("small", {}, alone));
      place.svg = null;
      return;
    }
    if (!place.svg) {
      const svg = document.createElementNS(SVG, "svg");
      for (const [name, value] of [["class", "way"], ["viewBox", "0 0 108 10"], ["role", "img"]]) {
        svg.setAttribute(name, value);
      }
      const [track, entry, dot] = ["path", "path", "circle"].map((name) => document.createElementNS(SVG, name));
      track.setAttribute("class", "track");
      track.setAttribute("d", "M4 5h100");
      entry.setAttribute("class", "from");
      dot.setAttribute("cy", "5");
      dot.setAttribute("r", "3.6");
      svg.append(track, entry, dot);
      place.cell.replaceChildren(svg);
      place.svg = { svg, entry, dot };
    }
    const { svg, entry, dot } = place.svg;
    entry.setAttribute("d", from === null ? "" : `M${from + 4} 1v8`);
    dot.setAttribute("cx", at + 4);
    dot.setAttribute("class", figures.sign(trade.profit));
    svg.setAttribute("aria-label", `${Math.round(at)} % of the way from stop to target`);
  }

  function countdown(trade, { cells }, elapsed) {
    const left = trade.closes_in_seconds, checked = trade.checked_seconds_ago;
    write(cells.closes, figures.span(left === null ? null : left - elapsed * speed));
    write(cells.checked, trade.is_stale ? "prices are old"
      : checked === null ? "not checked" : `checked ${figures.span(checked + elapsed)} ago`);
  }

  function trades(overview) {
    const now = new Set();
    for (const trade of overview.trades) {
      now.add(trade.trade_id);
      let kept = rows.get(trade.trade_id);
      if (!kept) {
        kept = added(trade);
        tell(`Opened: ${labelOf(trade)}`);
      }
      if (kept.from !== trade) draw(trade, kept); // unchanged rows are the same objects
      kept.from = trade;
    }
    for (const [id, kept] of rows) {
      if (now.has(id)) continue;
      rows.delete(id);
      tell(`Closed: trade ${id}`);
      kept.row.classList.add("goes");
      setTimeout(() => kept.row.remove(), 900);
    }
    const count = document.querySelector("[data-count-open]");
    if (count.textContent !== String(overview.trades.length)) count.textContent = overview.trades.length;
    const isEmpty = overview.trades.length === 0;
    document.querySelector("[data-no-trades]").hidden = !isEmpty;
    const table = document.querySelector("[data-has-trades]");
    if (!isEmpty) table.hidden = false;
    else if (!rows.size) setTimeout(() => { table.hidden = rows.size === 0; }, 900);
    const all = document.querySelector("[data-close-all]");
    if (all) all.disabled = isEmpty;
  }

  let toTell = [], telling = 0;
  function tell(words) { // together, and not more often than one can listen
    toTell.push(words);
    clearTimeout(telling);
    telling = setTimeout(() => {
      said.textContent = toTell.slice(-5).join(". ");
      toTell = [];
    }, 700);
  }

  const texts = new Map();
  function text(selector, words, sign) {
    if (texts.get(selector) === words) return;
    texts.set(selector, words);
    const place = document.querySelector(selector);
    if (!place) return;
    const unit = place.querySelector("small");
    place.replaceChildren(words, ...(unit ? [" ", unit] : []));
    if (sign !== undefined) place.className = sign;
  }

  function sum(accounts, name) {
    const values = accounts.map((account) => account[name]);
    return values.length && values.every((value) => value !== null) ? values.reduce((all, one) => all + one, 0) : null;
  }

  function tiles(overview) {
    const { accounts, counts, realised_profit: realised, realised_today: today } = overview;
    for (const currency of new Set([...accounts.map((account) => account.currency), ...Object.keys(realised)])) {
      const own = accounts.filter((account) => account.currency === currency);
      const equity = sum(own, "equity"), balance = sum(own, "balance"), risk = sum(own, "open_risk");
      text(`[data-tile="equity-${currency}"]`, figures.amount(equity));
      text(`[data-tile-below="equity-${currency}"]`,
        `${figures.money(equity === null || balance === null ? null : equity - balance)} unrealised`);
      text(`[data-tile="risk-${currency}"]`, figures.amount(risk));
      text(`[data-tile-below="risk-${currency}"]`,
        `${figures.fraction(equity && risk !== null ? risk / equity : null)} of the equity, at the stops`);
      text(`[data-tile="realised-${currency}"]`, figures.money(realised[currency] ?? 0),
        figures.sign(realised[currency]));
      text(`[data-tile-below="realised-${currency}"]`, `${figures.money(today[currency] ?? 0)} today (UTC)`);
    }
    text('[data-tile="open"]', figures.amount(counts.open, 0));
    text('[data-tile="opened"]', figures.amount(counts.opened, 0));
    text('[data-tile-below="opened"]',
      `${figures.amount(counts.closed, 0)} closed, ${figures.amount(counts.refused, 0)} decisions refused`);
    text('[data-tile="market"]', overview.market_open === null ? UNKNOWN : overview.market_open ? "open" : "shut");
  }

  const accountsDrawn = new Map();
  function accounts(overview) {
    for (const account of overview.accounts) {
      if (accountsDrawn.get(account.name) === account) continue;
      accountsDrawn.set(account.name, account);
      const row = document.querySelector(`[data-account="${CSS.escape(account.name)}"]`);
      if (!row) continue;
      for (const name of ["balance", "equity", "open_risk"]) {
        const cell = row.querySelector(`[data-k="${name}"]`), words = figures.amount(account[name]);
        if (cell.textContent !== words) cell.textContent = words;
      }
      const [kind, word] = account.stale_seconds !== null ? ["bad", "silent"] : account.paused ? ["warn", "paused"] : account.ready ? ["good", "ready"]
        : overview.leads ? ["warn", "not ready"] : ["plain", "not watched here"];
      const badge = row.querySelector('[data-k="ready"]');
      if (badge.textContent !== word) badge.replaceChildren(element("span", { class: `badge ${kind}` }, word));
      const why = row.querySelector('[data-k="reason"]');
      const words = [account.reason, ...account.held_back.map((held) => held.said)].filter(Boolean).join("; ");
      if (why.textContent !== words) why.textContent = words;
      const forgive = row.querySelector("[data-forgive]"); // a reader has none
      if (forgive) forgive.hidden = !account.held_back.some((held) => held.kind === "drawdown");
    }
  }

  let exposuresSaid = "";
  function exposures(overview) {
    const place = document.querySelector("[data-exposures]");
    if (!place) return;
    const lines = overview.accounts.flatMap((account) => account.exposure.commodities.map((line) => [account, line]));
    const words = lines.map(([account, line]) => [line.commodity, account.name, line.group,
      `${line.volume_lots > 0 ? "+" : ""}${figures.lots(line.volume_lots)}`,
      `${figures.amount(line.value)} ${account.currency}`, figures.amount(line.risk)]);
    const all = JSON.stringify(words);
    if (all === exposuresSaid) return;
    exposuresSaid = all;
    place.closest("[data-has-exposures]").hidden = words.length === 0;
    place.replaceChildren(...words.map(([name, ...rest]) => element("tr", {}, element("th", { scope: "row" }, name),
      ...rest.map((cell, column) => element("td", { class: column > 1 ? "number" : null }, cell)))));
  }

  const wordsOf = (elements) => [...elements].map((one) => one.textContent.replace(/\s+/g, "")).join("\n");
  let alertsSaid = null;
  function alerts(overview) {
    const all = JSON.stringify(overview.alerts.map(({ key, said: words }) => [key, words]));
    if (all === alertsSaid) return;
    alertsSaid = all;
    const place = document.querySelector("[data-alerts]");
    const made = overview.alerts.map((alert) => element("li", {},
      element("span", { class: "badge bad" }, "alert"), " ", element("strong", {}, alert.about), ` ${alert.said} `,
      alert.at ? element("span", { class: "faint" }, "since ", timeElement(alert.at)) : null));
    // Those that the server has drawn in the same words stay: drawn again they would be read aloud for nothing.
    if (wordsOf(made) !== wordsOf(place.children)) place.replaceChildren(...made);
    document.querySelector("[data-no-alerts]").hidden = overview.alerts.length > 0;
  }

  const drawnEvents = new Map(); // by the line's id
  function events(overview) {
    const place = document.querySelector("[data-events]");
    const wanted = [...overview.events].sort((one, other) =>
      Date.parse(other.at) - Date.parse(one.at) || other.id - one.id);
    const ids = new Set(wanted.map((line) => line.id));
    for (const item of [...place.children]) {
      const id = Number(item.dataset.event);
      if (ids.has(id)) continue;
      item.remove();
      drawnEvents.delete(id);
    }
    wanted.forEach((line, order) => {
      const words = `${line.at} ${line.text}`;
      let item = drawnEvents.get(line.id);
      if (item?.words !== words) {
        const old = place.querySelector(`[data-event="${line.id}"]`);
        item = { words, made: eventItem(line) };
        if (old) old.replaceWith(item.made);
        drawnEvents.set(line.id, item);
      }
      if (place.children[order] !== item.made) place.insertBefore(item.made, place.children[order] ?? null);
    });
    document.querySelector("[data-no-events]").hidden = wanted.length > 0;
  }

  const eventItem = (line) => element("li", { "data-event": line.id },
    element("time", { datetime: line.at }, line.at.slice(5, 16).replace("T", " ")),
    element("span", { class: "about" }, line.about || figures.words(line.kind)),
    element("p", {}, line.trade_id ? element("a", { href: `/trades/${line.trade_id}` }, `#${line.trade_id}`) : null,
      line.trade_id ? " " : null, line.text));

  document.addEventListener("watchbill:changes", ({ detail }) => {
    newest = detail;
    speed = detail.market_open === false ? 0 : detail.speed ?? 0;
    takenAt = performance.now();
    trades(detail);
    tiles(detail);
    accounts(detail);
    exposures(detail);
    alerts(detail);
    events(detail);
  });

  setInterval(() => { // between two pushes the countdowns go on by themselves
    if (!newest || document.hidden) return;
    const elapsed = (performance.now() - takenAt) / 1000;
    if (elapsed < 1.5 || elapsed > 60) return;
    for (const kept of rows.values()) if (kept.from) countdown(kept.from, kept, elapsed);
  }, 1000);
})();
