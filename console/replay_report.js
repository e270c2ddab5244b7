"use strict";
// Draws the charts of a replay's report from the data in the page. Nothing is loaded, and no text becomes HTML.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const NS = "http://www.w3.org/2000/svg";
  const LEFT = 64, RIGHT = 12, SMALLEST_CANDLE = 3, FEWEST_BARS = 24;

  const svg = (name, attributes, parent, text) => {
    const made = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  };
  const two = (number) => String(number).padStart(2, "0");
  const day = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
  const minute = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
  const money = (value) => value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const signed = (value) => (value > 0 ? "+" : "") + money(value);
  const words = (text) => text.replaceAll("_", " ");

  // Round numbers that divide a range into about so many parts.
  const ticks = (low, high, parts) => {
    const rough = (high - low) / parts || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
    const found = [];
    for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9; at += step) found.push(Math.round(at / step) * step + 0);
    return found;
  };

  const frame = (holder, height) => {
    holder.replaceChildren();
    const width = Math.max(holder.clientWidth, 240);
    return [svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img" }, holder), width];
  };

  const levelsOf = (chart, width, low, high, y, said) => {
    for (const level of ticks(low, high, 4)) {
      svg("line", { class: "axis", x1: LEFT, x2: width - RIGHT, y1: y(level), y2: y(level) }, chart);
      svg("text", { x: LEFT - 6, y: y(level) + 4, "text-anchor": "end" }, chart, said(level));
    }
  };

  // ---------------------------------------------------------------- equity and drawdown

  const drawEquity = () => {
    const points = data.equity;
    const [chart, width] = frame(byId("equity"), 330);
    if (points.length < 2) return;
    const upper = 210, lower = 300, gap = 28;
    const first = points[0][0], last = points[points.length - 1][0];
    const x = (at) => LEFT + ((at - first) / (last - first || 1)) * (width - LEFT - RIGHT);
    let peak = -Infinity;
    const falls = points.map(([at, value]) => [at, (peak = Math.max(peak, value)) > 0 ? (value - peak) / peak : 0]);
    const values = points.map((point) => point[1]);
    const low = Math.min(...values), high = Math.max(...values), deepest = Math.min(...falls.map((f) => f[1]), -1e-9);
    const y = (value) => 10 + (1 - (value - low) / (high - low || 1)) * (upper - 10);
    const z = (fall) => upper + gap + (fall / deepest) * (lower - upper - gap);
    levelsOf(chart, width, low, high, y, (level) => level.toLocaleString("en"));
    levelsOf(chart, width, deepest, 0, z, (level) => (100 * level).toFixed(1) + " %");
    const line = (list, f) => list.map(([at, value]) => `${x(at).toFixed(1)},${f(value).toFixed(1)}`).join(" ");
    svg("polyline", { class: "equity", points: line(points, y) }, chart);
    svg("polygon", { class: "fall", points: `${x(first)},${z(0)} ${line(falls, z)} ${x(last)},${z(0)}` }, chart);
    const marks = width < 420 ? 1 : width < 560 ? 3 : 6;
    for (let index = 0; index <= marks; index += 1) {
      const at = first + ((last - first) * index) / marks;
      const anchor = index === 0 ? "start" : index === marks ? "end" : "middle";
      svg("text", { x: x(at), y: 322, "text-anchor": anchor }, chart, day(at));
    }
    const cursor = svg("line", { class: "cursor", y1: 10, y2: lower, visibility: "hidden" }, chart);
    chart.addEventListener("pointermove", (event) => {
      const box = chart.getBoundingClientRect();
      const at = first + ((event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT)) * (last - first);
      let near = points.findIndex((point) => point[0] >= at);
      if (near < 0) near = points.length - 1;
      cursor.setAttribute("x1", x(points[near][0]));
      cursor.setAttribute("x2", x(points[near][0]));
      cursor.setAttribute("visibility", "visible");
      byId("equity-said").textContent =
        `${minute(points[near][0])} UTC: ${money(points[near][1])}, ${(100 * falls[near][1]).toFixed(2)} % from the peak`;
    });
  };

  // ---------------------------------------------------------------- candles

  const series = {};
  for (const [name, packed] of Object.entries(data.bars)) {
    const bars = [];
    let at = packed.start, close = 0;
    packed.step.forEach((step, index) => {
      at += step * packed.seconds;
      const open = close + packed.open[index];
      close = open + packed.close[index];
      const high = Math.max(open, close) + packed.high[index], low = Math.min(open, close) - packed.low[index];
      bars.push({ at, open: open / packed.scale, high: high / packed.scale, low: low / packed.scale, close: close / packed.scale });
    });
    if (bars.length) series[name] = { bars, digits: packed.digits, seconds: packed.seconds };
  }
  const view = { commodity: Object.keys(series)[0], from: 0, to: 0, trade: null };
  const shown = () => series[view.commodity];
  const indexAt = (bars, at) => {
    let low = 0, high = bars.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (bars[middle].at <= at) low = middle + 1; else high = middle;
    }
    return Math.max(low - 1, 0);
  };

  const show = (from, to) => {
    const length = shown().bars.length;
    const span = Math.min(Math.max(Math.round(to - from), FEWEST_BARS), length);
    view.from = Math.min(Math.max(Math.round(from), 0), length - span);
    view.to = view.from + span;
    drawCandles();
  };

  const choose = (trade) => {
    if (!series[trade.commodity]) return;
    view.trade = trade;
    view.commodity = trade.commodity;
    byId("commodity").value = trade.commodity;
    const bars = shown().bars;
    const first = indexAt(bars, trade.opened), last = indexAt(bars, trade.closed ?? bars[bars.length - 1].at);
    const margin = Math.max(12, Math.round((last - first) * 0.35));
    show(first - margin, last + margin + 1);
    for (const row of document.querySelectorAll("#trades tbody tr")) row.classList.toggle("chosen", row.dataset.id === String(trade.id));
  };

  // Several bars as one, where there is no room for each.
  const merged = (bars, size) => {
    if (size === 1) return bars;
    const found = [];
    for (let index = 0; index < bars.length; index += size) {
      const part = bars.slice(index, index + size);
      found.push({
        at: part[0].at, open: part[0].open, close: part[part.length - 1].close,
        high: Math.max(...part.map((bar) => bar.high)), low: Math.min(...part.map((bar) => bar.low)),
      });
    }
    return found;
  };

  const drawCandles = () => {
    const holder = byId("candles");
    if (!view.commodity) return;
    const [chart, width] = frame(holder, 400);
    const { bars, digits, seconds } = shown();
    const room = width - LEFT - RIGHT, bottom = 368;
    const size = Math.max(1, Math.ceil(((view.to - view.from) * SMALLEST_CANDLE) / room));
    const drawn = merged(bars.slice(view.from, view.to), size);
    const each = room / (view.to - view.from);
    // Weekends take no room: an instant lies in its bar, and the share of the bar that has passed by then.
    const x = (at) => {
      const index = indexAt(bars, at);
      const part = Math.min(Math.max((at - bars[index].at) / seconds, 0), 1);
      return LEFT + (index + part - view.from) * each;
    };
    const from = bars[view.from].at, to = bars[view.to - 1].at + seconds;
    const trade = view.trade && view.trade.commodity === view.commodity ? view.trade : null;
    let low = Math.min(...drawn.map((bar) => bar.low)), high = Math.max(...drawn.map((bar) => bar.high));
    if (trade && trade.opened < to && (trade.closed ?? to) > from) {
      for (const level of trade.levels.flatMap((step) => [step[1], step[2]])) {
        if (level !== null && Math.abs(level - trade.entry) < 3 * (high - low)) { low = Math.min(low, level); high = Math.max(high, level); }
      }
    }
    const y = (price) => 12 + (1 - (price - low) / (high - low || 1)) * (bottom - 24);
    levelsOf(chart, width, low, high, y, (level) => level.toFixed(digits));
    const clip = svg("clipPath", { id: "inside" }, svg("defs", {}, chart));
    svg("rect", { x: LEFT, y: 0, width: room, height: bottom }, clip);
    const inside = svg("g", { "clip-path": "url(#inside)" }, chart);
    drawn.forEach((bar, index) => {
      const middle = LEFT + (index * size + size / 2) * each, half = Math.max(each * size * 0.35, 0.5);
      const kind = bar.close >= bar.open ? "up" : "down";
      svg("line", { class: kind, x1: middle, x2: middle, y1: y(bar.high), y2: y(bar.low) }, inside);
      const top = y(Math.max(bar.open, bar.close)), height = Math.max(Math.abs(y(bar.open) - y(bar.close)), 0.8);
      svg("rect", { class: kind, x: middle - half, y: top, width: 2 * half, height }, inside);
    });
    for (const other of data.trades) {
      if (other.commodity === view.commodity && other.opened < to && (other.closed ?? to) > from) drawTrade(inside, other, other === trade, x, y, to);
    }
    const marks = width < 420 ? 1 : width < 560 ? 2 : 5;
    for (let index = 0; index <= marks; index += 1) {
      const bar = bars[Math.min(view.from + Math.round(((view.to - view.from) * index) / marks), view.to - 1)];
      const anchor = index === 0 ? "start" : index === marks ? "end" : "middle";
      svg("text", { x: LEFT + (room * index) / marks, y: 392, "text-anchor": anchor }, chart, view.to - view.from > 400 ? day(bar.at) : minute(bar.at).slice(5));
    }
    chart.addEventListener("pointermove", (event) => {
      const box = chart.getBoundingClientRect();
      const index = Math.floor((event.clientX - box.left - LEFT) / each / size);
      const bar = drawn[index];
      if (bar) byId("bar-said").textContent = `${minute(bar.at)} UTC  open ${bar.open.toFixed(digits)}  high ${bar.high.toFixed(digits)}  low ${bar.low.toFixed(digits)}  close ${bar.close.toFixed(digits)}${size > 1 ? `  (${size} bars)` : ""}`;
    });
    sayTrade(trade, digits);
  };

  const drawTrade = (parent, trade, chosen, x, y, to) => {
    const begins = x(trade.opened), ends = x(trade.closed ?? to);
    const way = svg("line", { class: "way", x1: begins, y1: y(trade.entry), x2: ends, y2: y(trade.exit ?? trade.entry) }, parent);
    if (!chosen) way.setAttribute("opacity", "0.45");
    if (chosen) {
      for (const [place, name] of [[1, "stop"], [2, "target"]]) {
        const points = [];
        trade.levels.forEach((step, index) => {
          if (step[place] === null) return;
          const until = index + 1 < trade.levels.length ? x(trade.levels[index + 1][0]) : ends;
          points.push(`${x(step[0])},${y(step[place])} ${until},${y(step[place])}`);
        });
        if (points.length) svg("polyline", { class: name, points: points.join(" ") }, parent);
      }
    }
    const size = chosen ? 8 : 5, turn = trade.side === "buy" ? 1 : -1;
    const mark = svg("path", { class: "mark", d: `M${begins},${y(trade.entry)} l${-size},${turn * size * 1.6} h${2 * size} z` }, parent);
    if (trade.exit !== null) svg("circle", { class: "mark", cx: ends, cy: y(trade.exit), r: chosen ? 5 : 3 }, parent);
    mark.style.cursor = "pointer";
    mark.addEventListener("click", () => choose(trade));
    svg("title", {}, mark, `trade ${trade.id}: ${trade.side} ${trade.lots} lots`);
  };

  const sayTrade = (trade, digits) => {
    const list = byId("trade-said");
    list.replaceChildren();
    const line = (text) => { const row = document.createElement("div"); row.textContent = text; list.append(row); };
    if (!trade) { line("Choose a trade in the table below, or with the buttons."); return; }
    const price = (value) => (value === null ? "none" : value.toFixed(digits));
    line(`Trade ${trade.id}: ${trade.side} ${trade.lots} lots of ${trade.commodity} on ${trade.account}, ${words(trade.strategy)} in ${words(trade.regime)}, confidence ${trade.confidence}`);
    line(`in at ${price(trade.entry)} on ${minute(trade.opened)}` + (trade.closed === null ? `; ${words(trade.reason)}` : `, out at ${price(trade.exit)} on ${minute(trade.closed)} by ${words(trade.reason)}, net ${trade.profit === null ? "not known" : signed(trade.profit)}`));
    trade.levels.forEach((step, index) => {
      if (index < 12) line(`${minute(step[0])}  stop ${price(step[1])}, target ${price(step[2])}: ${words(step[3])}`);
    });
    if (trade.levels.length > 12) line(`... and ${trade.levels.length - 12} more changes`);
    if (!trade.drawn) line("The bars of this trade are not in the page: there are too many.");
  };

  const turnPages = () => {
    const zoom = (factor) => {
      const middle = (view.from + view.to) / 2, half = ((view.to - view.from) / 2) * factor;
      show(middle - half, middle + half);
    };
    const next = (step) => {
      const list = data.trades.filter((trade) => trade.commodity === view.commodity);
      if (!list.length) return;
      const place = view.trade ? list.indexOf(view.trade) : step > 0 ? -1 : 0;
      choose(list[(place + step + list.length) % list.length]);
    };
    byId("closer").addEventListener("click", () => zoom(0.5));
    byId("farther").addEventListener("click", () => zoom(2));
    byId("all").addEventListener("click", () => show(0, shown().bars.length));
    byId("before").addEventListener("click", () => next(-1));
    byId("after").addEventListener("click", () => next(1));
    byId("commodity").addEventListener("change", (event) => {
      view.commodity = event.target.value;
      view.trade = null;
      show(shown().bars.length - 200, shown().bars.length);
    });
    const holder = byId("candles");
    holder.addEventListener("wheel", (event) => { if (event.ctrlKey || event.shiftKey) { event.preventDefault(); zoom(event.deltaY > 0 ? 1.25 : 0.8); } }, { passive: false });
    let held = null;
    holder.addEventListener("pointerdown", (event) => { held = { x: event.clientX, from: view.from, to: view.to }; });
    window.addEventListener("pointerup", () => { held = null; });
    window.addEventListener("pointermove", (event) => {
      if (!held) return;
      const moved = Math.round(((held.x - event.clientX) / (holder.clientWidth - LEFT - RIGHT)) * (held.to - held.from));
      if (held.from + moved !== view.from) show(held.from + moved, held.to + moved);
    });
    holder.addEventListener("keydown", (event) => {
      const step = Math.max(1, Math.round((view.to - view.from) / 10));
      if (event.key === "ArrowLeft") show(view.from - step, view.to - step);
      else if (event.key === "ArrowRight") show(view.from + step, view.to + step);
      else if (event.key === "+") zoom(0.8);
      else if (event.key === "-") zoom(1.25);
    });
  };

  // ---------------------------------------------------------------- the table of trades

  const ROWS = 100;
  const table = { key: "id", falling: false, rows: ROWS };
  const COLUMNS = ["id", "commodity", "account", "side", "strategy", "lots", "opened", "closed", "entry", "exit", "reason", "profit"];
  const drawTable = () => {
    const body = document.querySelector("#trades tbody");
    body.replaceChildren();
    const ordered = [...data.trades].sort((a, b) => {
      const [left, right] = [a[table.key], b[table.key]];
      if (left === right) return a.id - b.id;
      if (left === null || right === null) return left === null ? 1 : -1;
      return (left < right ? -1 : 1) * (table.falling ? -1 : 1);
    });
    for (const trade of ordered.slice(0, table.rows)) {
      const row = document.createElement("tr");
      row.dataset.id = trade.id;
      row.tabIndex = 0;
      const digits = series[trade.commodity]?.digits ?? 5;
      for (const key of COLUMNS) {
        const cell = document.createElement("td");
        const value = trade[key];
        if (value === null) cell.textContent = "-";
        else if (key === "opened" || key === "closed") cell.textContent = minute(value);
        else if (key === "entry" || key === "exit") cell.textContent = value.toFixed(digits);
        else if (key === "profit") { cell.textContent = signed(value); cell.classList.add(value > 0 ? "gain" : value < 0 ? "loss" : "quiet"); }
        else cell.textContent = typeof value === "string" ? words(value) : value;
        if (["id", "lots", "entry", "exit", "profit"].includes(key)) cell.classList.add("number");
        row.append(cell);
      }
      if (view.trade === trade) row.classList.add("chosen");
      const pick = () => { choose(trade); byId("chart").scrollIntoView({ behavior: "smooth" }); };
      row.addEventListener("click", pick);
      row.addEventListener("keydown", (event) => { if (event.key === "Enter") pick(); });
      body.append(row);
    }
    byId("more").hidden = table.rows >= ordered.length;
  };
  const sortTable = () => {
    for (const button of document.querySelectorAll("#trades th button")) {
      button.addEventListener("click", () => {
        table.falling = table.key === button.dataset.key ? !table.falling : false;
        table.key = button.dataset.key;
        for (const other of document.querySelectorAll("#trades th")) other.removeAttribute("aria-sort");
        button.parentElement.setAttribute("aria-sort", table.falling ? "descending" : "ascending");
        drawTable();
      });
    }
    byId("more").addEventListener("click", () => { table.rows += 5 * ROWS; drawTable(); });
  };

  drawEquity();
  if (view.commodity) {
    turnPages();
    sortTable();
    drawTable();
    const first = data.trades.find((trade) => trade.drawn && trade.levels.length > 2) ?? data.trades.find((trade) => trade.drawn);
    if (first) choose(first); else show(shown().bars.length - 200, shown().bars.length);
  }
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    drawEquity();
    drawCandles();
  });
})();
