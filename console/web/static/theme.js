// Before anything is painted: the colours that were chosen here the last time. Without a choice, the system's.
"use strict";
document.documentElement.dataset.scripts = ""; // what is for browsers without scripts is not shown
try {
  const chosen = localStorage.getItem("watchbill-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch { /* a browser that keeps nothing has the system's colours */ }
