// Shows the settings that have the words that are searched for, in their name, value or description.
"use strict";
(() => {
  const search = document.querySelector("[data-settings-search]");
  search.hidden = false;
  const groups = [...document.querySelectorAll("[data-group]")].map((group) => ({
    group, name: group.querySelector("h2").textContent,
    rows: [...group.querySelectorAll("[data-setting]")].map((row) => ({ row, text: row.textContent.toLowerCase() })),
  }));
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const { group, name, rows } of groups) {
      let here = 0;
      for (const { row, text } of rows) {
        row.hidden = !words.every((word) => text.includes(word) || name.toLowerCase().includes(word));
        here += row.hidden ? 0 : 1;
      }
      group.hidden = here === 0;
      found += here;
    }
    document.querySelector("[data-none-found]").hidden = found > 0;
  });
})();
