// A trade's page: asks for what is drawn, follows the live stream, and has the page's parts drawn anew by the server
// when something of the trade has changed.
"use strict";

(() => {
  const place = document.querySelector("[data-chart]");
  if (!place || !window.LightweightCharts) return;
  const tradeId = Number(place.dataset.tradeId);
  const said = document.querySelector("[data-chart-said]");
  const SHORTEST_BETWEEN_LOOKS = 2000; // milliseconds
  let bars = null; // as they came last
  let known = null; // the row of the live stream, as it was last
  let looking = false;
  let lookAgain = false;
  let lookedAt = 0;

  const colourOf = name => getComputedStyle(document.querySelector(`.key.${name}`)).color;
  const surface = () => getComputedStyle(place.closest(".card")).backgroundColor;
  const palette = () => ({
    entry: colourOf("entry"), stop: colourOf("stop"), target: colourOf("target"), now: colourOf("now"),
    chance: colourOf("chance"), value: colourOf("value"), candle: colourOf("up"), surface: surface(),
    muted: getComputedStyle(document.querySelector(".legend")).color,
    line: getComputedStyle(place).borderTopColor, grid: faded(getComputedStyle(place).borderTopColor),
  });
  const faded = colour => colour.replace(/^rgb\((.*)\)$/, "rgba($1, 0.45)");

  const chart = watchbillChart(place, palette);
  for (const part of document.querySelectorAll("[data-legend], [data-chart-tools]")) part.hidden = false;
  document.querySelector("[data-chart-tools]").addEventListener("click", event => {
    const wanted = event.target.closest("[data-chart-do]")?.dataset.chartDo;
    if (wanted === "all") chart.all();
    if (wanted === "in") chart.zoom(0.7);
    if (wanted === "out") chart.zoom(1.4);
  });
  const recolour = () => requestAnimationFrame(() => chart.recolour());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  new MutationObserver(recolour).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });

  function tell(text) {
    said.textContent = text;
    said.hidden = text === "";
  }

  async function loadBars() {
    const answer = await fetch(place.dataset.chart, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`the console answered ${answer.status}`);
    bars = await answer.json();
    place.classList.toggle("lines-only", bars.opened_at.length === 0);
    tell(bars.said ? `${bars.said[0].toUpperCase()}${bars.said.slice(1)}.` : "");
    chart.show(bars);
    showKeys();
  }

  // Only what is drawn is named.
  function showKeys() {
    const is = {
      entry: bars.marks.some(mark => mark.kind === "entry"),
      stop: bars.levels.some(level => level.stop_price !== null),
      target: bars.levels.some(level => level.target_price !== null),
      now: bars.opened_at.length > 0 && known !== null,
      chance: bars.worth.filter(row => row.profit !== null).length > 1,
      value: bars.worth.filter(row => row.expected_value !== null).length > 1,
    };
    for (const [name, shown] of Object.entries(is)) {
      document.querySelector(`[data-legend] .key.${name}`).parentElement.hidden = !shown;
    }
  }

  // The server's own words for what has changed: the same page again, of which the parts are taken.
  async function loadParts() {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    // Buttons of commands wait hidden for the script that carries them out, which has come long ago.
    const mayTrade = "mayTrade" in document.body.dataset;
    for (const button of fresh.querySelectorAll("[data-command]")) button.hidden = !mayTrade;
    for (const part of document.querySelectorAll("[data-part]")) {
      const other = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
      if (!other || part.innerHTML === other.innerHTML || part.contains(document.activeElement)) continue;
      part.replaceChildren(...other.childNodes);
    }
    if (known) showRow(known);
  }

  async function look(withParts = true) {
    if (looking) {
      lookAgain = true;
      return;
    }
    looking = true;
    const wait = lookedAt + SHORTEST_BETWEEN_LOOKS - Date.now();
    if (wait > 0) await new Promise(resolve => setTimeout(resolve, wait));
    lookedAt = Date.now();
    lookAgain = false;
    try {
      await Promise.all([loadBars(), ...(withParts ? [loadParts()] : [])]);
    } catch (error) {
      tell(`The chart cannot be brought up to date now: ${error.message}.`);
    } finally {
      looking = false;
      if (lookAgain) look();
    }
  }

  function write(name, text) {
    const at = document.querySelector(`[data-live="${name}"]`);
    if (at && text !== null && at.textContent !== text) at.textContent = text;
  }

  function away(way, digits) {
    if (!way || !isKnown(way.distance)) return null;
    return `${figures.price(way.distance, digits)} away (${figures.fraction(Math.abs(way.fraction), 2)})`;
  }

  // What the stream does not know yet stays as the server has written it.
  function showRow(row) {
    const known = (value, form, ...more) => (isKnown(value) ? form(value, ...more) : null);
    write("price", known(row.price, figures.price, row.digits));
    write("probability_of_profit", known(row.probability_of_profit, figures.fraction, 0));
    write("expected_value", known(row.expected_value, figures.sigmas));
    write("expected_gain", isKnown(row.expected_gain)
      ? `${figures.money(row.expected_gain)} ${row.currency} of holding on; a sigma is ${figures.amount(row.one_sigma)}` : null);
    write("to_stop", away(row.to_stop, row.digits));
    write("to_target", away(row.to_target, row.digits));
    write("profit", known(row.profit, figures.money));
    const profit = document.querySelector('[data-live="profit"]');
    if (profit && isKnown(row.profit)) profit.className = figures.sign(row.profit);
    chart.price(isKnown(row.price) ? row.price : null);
  }

  const watched = ["state", "stop_price", "target_price", "strategy", "volume_lots", "entry_price"];

  document.addEventListener("watchbill:changes", event => {
    const overview = event.detail;
    const row = overview.trades.find(trade => trade.trade_id === tradeId) ?? null;
    const before = known;
    known = row === null ? null : { ...row };
    if (bars !== null && (row === null) !== (before === null)) showKeys();
    if (row === null) {
      chart.price(null);
      if (before !== null) look(); // it is closed
      return;
    }
    showRow(row);
    const changed = before !== null && watched.some(name => before[name] !== row[name]);
    const stale = bars !== null && before === null && bars.state !== row.state;
    const ends = bars?.opened_at.length ? Date.parse(bars.opened_at.at(-1)) + 2000 * bars.bar_seconds : null;
    if (changed || stale || (ends !== null && Date.parse(overview.market_time) > ends)) look();
  });

  look(false); // the page itself has just come
})();
