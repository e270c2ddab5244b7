// What every page has: its colours, the viewer's own time beside UTC, the keyboard, and dialogs that open and shut.
"use strict";
(() => {
  const root = document.documentElement;
  const CHOICES = ["", "light", "dark"]; // "": as the system has them
  const keep = (name, value) => { try { localStorage.setItem(name, value); } catch { /* then it is not remembered */ } };
  const kept = (name) => { try { return localStorage.getItem(name); } catch { return null; } };

  const toggle = document.querySelector("[data-theme-toggle]");
  function nameTheme() {
    const words = { "": "as the system has them", light: "light", dark: "dark" }[root.dataset.theme ?? ""];
    toggle.title = `Colours: ${words}`;
    toggle.setAttribute("aria-label", toggle.title);
  }
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    const next = CHOICES[(CHOICES.indexOf(root.dataset.theme ?? "") + 1) % CHOICES.length];
    if (next) root.dataset.theme = next;
    else delete root.dataset.theme;
    keep("watchbill-theme", next);
    nameTheme();
    document.dispatchEvent(new CustomEvent("watchbill:theme"));
  });
  nameTheme();

  // The viewer's own time is the title of every time on the page, made when it is pointed at.
  function own(event) {
    const time = event.target.closest?.("time[datetime]");
    if (!time || time.dataset.own === time.dateTime) return;
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) return;
    time.dataset.own = time.dateTime;
    time.title = `${at.toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" })} here`;
  }
  document.addEventListener("pointerover", own, { passive: true });
  for (const time of [...document.querySelectorAll("time[datetime]")].slice(0, 400)) own({ target: time });

  for (const button of document.querySelectorAll("[data-opens], [data-command]")) button.hidden = false;
  for (const button of document.getElementById("trade-row")?.content.querySelectorAll("[data-command]") ?? []) {
    button.hidden = false;
  }

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) show(opener.dataset.opens);
    const shutter = event.target.closest("[data-shut]");
    if (shutter) shutter.closest("dialog").close();
    if (event.target instanceof HTMLDialogElement && isOutside(event)) event.target.close();
  });

  function isOutside({ target, clientX, clientY, detail }) {
    const box = target.getBoundingClientRect();
    return detail > 0 && (clientX < box.left || clientX > box.right || clientY < box.top || clientY > box.bottom);
  }

  function show(id) {
    const dialog = document.getElementById(id);
    if (!dialog || document.querySelector("dialog[open]")) return;
    dialog.dispatchEvent(new CustomEvent("watchbill:opens"));
    dialog.showModal();
  }

  // Shortcuts: two keys to a page, Shift with a letter for what asks first. They can be turned off (WCAG 2.1.4).
  const box = document.querySelector("[data-keys-on]");
  if (box) {
    box.checked = kept("watchbill-keys") !== "off";
    box.addEventListener("change", () => keep("watchbill-keys", box.checked ? "on" : "off"));
  }
  let leader = -Infinity;
  document.addEventListener("keydown", (event) => {
    if (!box?.checked || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, select, textarea, dialog")) return;
    const wentBefore = event.timeStamp - leader < 1500;
    leader = -Infinity;
    if (wentBefore) {
      const link = document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`);
      if (link) link.click();
    } else if (event.key === "g") leader = event.timeStamp;
    else if (event.key === "?") show("keys-dialog");
    else if (event.key === "H") show("halt-dialog");
    else if (event.key === "P") show("pause-dialog");
    else if (event.key === "/") {
      const search = document.querySelector("main input[type=search]");
      if (!search) return;
      search.focus();
      search.select();
    } else return;
    event.preventDefault();
  });
})();
