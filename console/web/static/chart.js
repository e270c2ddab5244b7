// Draws a trade: its bars, its levels as steps, what happened where, and below them its worth over time.
// Gives `watchbillChart(place, palette)`; the page's script feeds it. Colours are read from the legend, so that they
// follow the theme. The library's own logo would bring a style element, which the console's policy refuses: its notice
// and link stand in the footer of every page instead.
"use strict";

function watchbillChart(place, palette) {
  const library = window.LightweightCharts;
  const { LineSeries, CandlestickSeries, LineStyle, LineType } = library;
  const dense = window.matchMedia("(max-width: 46rem)");
  let data = null;
  let now = null; // the newest price: {price, at}
  let lines = [];
  let nowLine = null;
  let markers = null;

  const chart = library.createChart(place, {
    autoSize: true,
    layout: { attributionLogo: false, background: { type: "solid", color: "transparent" }, fontSize: 11,
      panes: { enableResize: false } },
    localization: { timeFormatter: at => `${moment(at)} UTC` },
    timeScale: { timeVisible: true, secondsVisible: false, rightOffset: 4, minBarSpacing: 1 },
    rightPriceScale: { scaleMargins: { top: 0.08, bottom: 0.08 } },
    crosshair: { mode: library.CrosshairMode.Normal },
    handleScroll: { vertTouchDrag: false, mouseWheel: false },
    handleScale: { mouseWheel: false },
  });
  const bars = chart.addSeries(CandlestickSeries, { priceLineVisible: false, lastValueVisible: false });
  place.dataset.drawn = "0";

  function moment(seconds) {
    return new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
  }

  function seconds(text) {
    return Math.floor(Date.parse(text) / 1000);
  }

  // On the axis every series shares its places, so what lies within a bar is drawn at its opening.
  function placed(at) {
    const wanted = typeof at === "string" ? seconds(at) : at;
    const times = data.times;
    if (times.length === 0) return wanted;
    let low = 0;
    let high = times.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (times[middle] <= wanted) low = middle; else high = middle - 1;
    }
    return times[low];
  }

  // Points in order, one a place: of several in one place the last stands.
  function inOrder(points) {
    const byTime = new Map();
    for (const point of points) byTime.set(point.time, { ...byTime.get(point.time), ...point });
    return [...byTime.values()].sort((one, other) => one.time - other.time);
  }

  function addLine(points, options, pane = 0) {
    if (points.length === 0) return;
    const series = chart.addSeries(LineSeries, { priceLineVisible: false, lastValueVisible: false,
      crosshairMarkerVisible: false, lineWidth: 2, ...options }, pane);
    series.setData(inOrder(points));
    lines.push(series);
    return series;
  }

  // The stretches over which a level stood: a target may be taken away, and come again.
  function stretches(name, end) {
    const found = [];
    let stretch = [];
    for (const level of data.levels) {
      const value = level[name];
      const time = placed(level.at);
      if (value === null && stretch.length) {
        stretch.push({ time, value: stretch.at(-1).value });
        found.push(stretch);
        stretch = [];
      } else if (value !== null) stretch.push({ time, value });
    }
    if (stretch.length) {
      stretch.push({ time: Math.max(end, stretch.at(-1).time), value: stretch.at(-1).value });
      found.push(stretch);
    }
    return found;
  }

  function end() {
    const exit = data.marks.find(mark => mark.kind === "exit");
    if (exit) return placed(exit.at);
    return data.times.length ? data.times.at(-1) : seconds(data.levels.at(-1).at) + 3600;
  }

  function draw() {
    const colours = palette();
    chart.applyOptions({
      layout: { textColor: colours.muted, panes: { separatorColor: colours.line, separatorHoverColor: colours.line } },
      grid: { vertLines: { color: colours.grid }, horzLines: { color: colours.grid } },
      rightPriceScale: { borderColor: colours.line },
      timeScale: { borderColor: colours.line },
    });
    for (const series of lines) chart.removeSeries(series);
    lines = [];
    const digits = data.digits ?? 5;
    const priceFormat = { type: "price", precision: digits, minMove: 10 ** -digits };
    // Hollow rises, filled falls: the colour of a candle says nothing, so that those of the levels do.
    bars.applyOptions({ priceFormat, upColor: colours.surface, downColor: colours.candle, borderColor: colours.candle,
      borderUpColor: colours.candle, borderDownColor: colours.candle, wickColor: colours.candle,
      wickUpColor: colours.candle, wickDownColor: colours.candle });
    bars.setData(data.times.map((time, place) => ({ time, open: data.open[place], high: data.high[place],
      low: data.low[place], close: data.close[place] })));
    const until = end();
    const levelOptions = { priceFormat, lineType: LineType.WithSteps };
    for (const stretch of stretches("stop_price", until)) addLine(stretch, { ...levelOptions, color: colours.stop });
    for (const stretch of stretches("target_price", until)) addLine(stretch, { ...levelOptions, color: colours.target });
    const entry = data.marks.find(mark => mark.kind === "entry");
    if (entry) {
      const from = placed(entry.at);
      addLine([{ time: from, value: entry.price }, { time: Math.max(until, from + 1), value: entry.price }].filter(
        point => data.times.length === 0 || point.time <= until),
      { priceFormat, color: colours.entry, lineStyle: LineStyle.Dashed, lineWidth: 1 });
    }
    drawMarks(colours);
    drawWorth(colours);
    drawNow(colours);
    place.dataset.drawn = String(Number(place.dataset.drawn) + 1);
    place.dataset.bars = String(data.times.length);
  }

  function drawMarks(colours) {
    if (markers) markers.setMarkers([]);
    const on = data.times.length ? bars : lines[0];
    if (!on) return;
    const few = data.marks.length < 14 && !dense.matches;
    const shown = data.marks.filter(mark => mark.price !== null).map(mark => {
      const time = placed(mark.at);
      if (mark.kind === "entry") {
        const buys = data.side === "buy";
        return { time, price: mark.price, position: buys ? "belowBar" : "aboveBar",
          shape: buys ? "arrowUp" : "arrowDown", color: colours.entry, text: dense.matches ? "" : mark.text };
      }
      if (mark.kind === "exit") {
        return { time, price: mark.price, position: "atPriceMiddle", shape: "square", color: colours.now,
          text: dense.matches ? "" : mark.text };
      }
      return { time, price: mark.price, position: "atPriceMiddle", shape: "circle", color: colours.stop,
        size: few ? 1 : 0.6 };
    });
    shown.sort((one, other) => one.time - other.time);
    markers = library.createSeriesMarkers(on, shown);
  }

  // Below the bars, on the same axis: the probability of profit, and the value of holding on.
  function drawWorth(colours) {
    const worth = data.worth.filter(row => row.profit !== null);
    const chance = worth.map(row => ({ time: placed(row.at), value: row.profit * 100 }));
    const value = data.worth.filter(row => row.expected_value !== null).map(row => (
      { time: placed(row.at), value: row.expected_value }));
    if (chance.length > 1) {
      addLine(chance, { color: colours.chance, lastValueVisible: true, title: dense.matches ? "" : "P(profit)",
        priceFormat: { type: "custom", formatter: per => `${per.toFixed(0)} %`, minMove: 1 },
        autoscaleInfoProvider: () => ({ priceRange: { minValue: 0, maxValue: 100 } }) }, 1);
    }
    if (value.length > 1) {
      addLine(value, { color: colours.value, lastValueVisible: true, title: dense.matches ? "" : "EV",
        priceFormat: { type: "custom", formatter: sigmas => sigmas.toFixed(2), minMove: 0.01 } }, chance.length > 1 ? 2 : 1);
    }
    const panes = chart.panes();
    panes.forEach((pane, place) => pane.setStretchFactor(place === 0 ? 4 : 1));
  }

  function drawNow(colours = palette()) {
    if (nowLine) bars.removePriceLine(nowLine);
    nowLine = null;
    if (now === null || !data || data.times.length === 0) return;
    nowLine = bars.createPriceLine({ price: now, color: colours.now, lineWidth: 1, lineStyle: LineStyle.Dotted,
      axisLabelVisible: true, title: dense.matches ? "" : "now" });
  }

  return {
    show(found) {
      const first = data === null;
      data = { ...found, times: found.opened_at.map(seconds) };
      draw();
      if (first) this.all();
    },
    price(value) {
      if (value === now) return;
      now = value;
      if (!data || data.times.length === 0) return;
      if (nowLine && value !== null) nowLine.applyOptions({ price: value }); else drawNow();
    },
    recolour() {
      if (data) draw();
    },
    all() {
      if (!data) return;
      chart.timeScale().fitContent();
    },
    zoom(by) {
      const range = chart.timeScale().getVisibleLogicalRange();
      if (!range) return;
      const middle = (range.from + range.to) / 2;
      const half = (range.to - range.from) / 2 * by;
      chart.timeScale().setVisibleLogicalRange({ from: middle - half, to: middle + half });
    },
    get bars() {
      return data ? data.times.length : 0;
    },
  };
}
