// The third clock: the viewer's own.
"use strict";
(() => {
  const format = new Intl.DateTimeFormat("en-GB", {
    weekday: "short", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  });
  function own(text) {
    const parts = Object.fromEntries(format.formatToParts(new Date(text)).map(({ type, value }) => [type, value]));
    return `${parts.weekday} ${parts.month}-${parts.day} ${parts.hour}:${parts.minute}`;
  }
  for (const cell of document.querySelectorAll("[data-own-clock]")) {
    cell.hidden = false;
    if (cell.dataset.at) cell.textContent = own(cell.dataset.at);
  }
})();
