"use strict";
(() => {
  const root = document.documentElement;
  const toggle = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const name = () => {
    toggle.textContent = dark() ? "Light page" : "Dark page";
  };
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    name();
  });
  system.addEventListener("change", name);
  name();

  const filter = document.getElementById("group");
  if (filter) {
    filter.closest("label").hidden = false;
    filter.addEventListener("change", () => {
      for (const one of document.querySelectorAll("[data-group]")) {
        one.hidden = filter.value !== "" && one.dataset.group !== filter.value;
      }
    });
  }

  const key = (row, column) => {
    const cell = row.cells[column];
    const number = cell.querySelector("data");
    return number ? Number(number.value) : cell.textContent.trim();
  };
  const before = (a, b, down) => {
    const numbers = [typeof a === "number", typeof b === "number"];
    if (numbers[0] !== numbers[1]) return numbers[0] ? -1 : 1;
    const order = numbers[0] ? a - b : a.localeCompare(b, "en", { numeric: true });
    return down ? -order : order;
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      const label = head.querySelector("span");
      button.textContent = label.textContent;
      label.replaceWith(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...table.tBodies[0].rows];
        const keys = new Map(rows.map((row) => [row, key(row, column)]));
        rows.sort((a, b) => before(keys.get(a), keys.get(b), down));
        table.tBodies[0].append(...rows);
      });
    });
  }
})();
