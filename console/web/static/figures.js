// How figures are written: the same words as console/web/page_figures.py. null is "not known".
"use strict";
const UNKNOWN = "-";
const grouped = new Map();

function formatter(decimals, signed) {
  const key = `${decimals}${signed}`;
  if (!grouped.has(key)) {
    grouped.set(key, new Intl.NumberFormat("en-US", {
      minimumFractionDigits: decimals, maximumFractionDigits: decimals, signDisplay: signed ? "always" : "auto",
    }));
  }
  return grouped.get(key);
}

const isKnown = (value) => typeof value === "number" && Number.isFinite(value);

const figures = {
  amount: (value, decimals = 2) => (isKnown(value) ? formatter(decimals, false).format(value) : UNKNOWN),
  money: (value) => (isKnown(value) ? formatter(2, true).format(value) : UNKNOWN),
  price: (value, digits) => (isKnown(value) ? value.toFixed(Number.isInteger(digits) ? digits : 5) : UNKNOWN),
  fraction: (value, decimals = 1) => (isKnown(value) ? `${(100 * value).toFixed(decimals)} %` : UNKNOWN),
  sigmas: (value) => (isKnown(value) ? `${value >= 0 ? "+" : ""}${value.toFixed(2)} σ` : UNKNOWN),
  worth({ expected_value: value, one_sigma: one }) {
    return isKnown(one) ? `${figures.sigmas(value)} of ${figures.amount(one)}` : figures.sigmas(value);
  },
  words: (value) => (value ? String(value).replaceAll("_", " ") : UNKNOWN),
  lots: (value) => String(Number(value.toPrecision(6))),
  sign: (value) => (!isKnown(value) || Math.abs(value) < 0.005 ? "even" : value > 0 ? "gain" : "loss"),
  time: (text) => (text ? text.slice(0, 19).replace("T", " ") : UNKNOWN),
  span(seconds) {
    if (!isKnown(seconds)) return UNKNOWN;
    const whole = Math.max(Math.trunc(seconds), 0);
    const days = Math.trunc(whole / 86400), hours = Math.trunc(whole % 86400 / 3600);
    const minutes = Math.trunc(whole % 3600 / 60);
    if (days) return `${days} d ${hours} h`;
    if (hours) return `${hours} h ${String(minutes).padStart(2, "0")} m`;
    return minutes ? `${minutes} m` : `${whole} s`;
  },
};

// An element with its class, its attributes and what is in it; text is always text, whatever it holds.
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function timeElement(text) {
  return text ? element("time", { datetime: text }, figures.time(text)) : document.createTextNode(UNKNOWN);
}
