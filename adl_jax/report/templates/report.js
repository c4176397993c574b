"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const coarse = matchMedia("(pointer: coarse)").matches;
  const config = { responsive: true, displayModeBar: false };

  // Charts take the page's colours, which the style sheet alone knows.
  const coloured = (layout) => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const changed = {
      ...layout,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: colour("--text"), family: "system-ui, sans-serif", size: 12 },
      hoverlabel: { bgcolor: colour("--page"), font: { color: colour("--text") }, namelength: 30 },
      // Dragging on a touch screen scrolls the page.
      dragmode: coarse ? false : "zoom",
      // Paper is narrower than most screens: A4 and letter hold this.
      width: document.documentElement.classList.contains("printing") ? 660 : undefined,
    };
    for (const name of Object.keys(changed).filter((key) => /^[xy]axis/.test(key))) {
      changed[name] = {
        ...changed[name],
        gridcolor: colour("--grid"),
        zerolinecolor: colour("--grid"),
        linecolor: colour("--line"),
      };
    }
    return changed;
  };

  const draw = (place, figure) => {
    place.figure = figure;
    return Plotly.react(place, figure.data, coloured(figure.layout), config);
  };

  const places = () => [...document.querySelectorAll(".chart")];
  const redraw = () => places().forEach((place) => place.figure && draw(place, place.figure));

  const charts = [...document.querySelectorAll("[data-chart]")].map(
    (place) => () => draw(place, data.charts[place.dataset.chart]),
  );

  // The rows of a table, of another choice; nothing in a cell is read as HTML.
  const fill = (place, { title, rows }) => {
    const table = place.querySelector("table");
    place.querySelector("summary").textContent = title;
    table.caption.firstElementChild.textContent = title;
    for (const heading of table.tHead.rows[0].cells) heading.setAttribute("aria-sort", "none");
    rows.forEach((row, place) => row.forEach((cell, column) => {
      const shown = table.tBodies[0].rows[place].cells[column];
      shown.textContent = cell.text;
      // Text is sorted by what it says.
      if (typeof cell.value === "string") return;
      shown.dataset.value = cell.value ?? NaN;
      shown.title = cell.value?.toLocaleString("en", { maximumSignificantDigits: 6 }) ?? "";
    }));
  };

  for (const picker of document.querySelectorAll("[data-picked]")) {
    const name = picker.dataset.picked;
    const place = document.getElementById(`picked-${name}`);
    const choice = (which) => picker.querySelector(`[data-choice=${which}]`).value;
    const show = () => {
      const chosen = data.picked[name][choice("scenario")][choice("policy")];
      document.getElementById(`picked-${name}-says`).textContent = chosen.says;
      fill(picker.parentElement.querySelector(".card details"), chosen);
      return draw(place, chosen.figure);
    };
    picker.addEventListener("change", show);
    charts.push(show);
  }

  // One chart at a time, so that the page answers while they are drawn.
  const next = () => {
    const one = charts.shift();
    if (one === undefined) {
      document.documentElement.dataset.drawn = "all";
      return;
    }
    one();
    setTimeout(next, 0);
  };
  next();

  dark.addEventListener("change", redraw);
  // Paper is light, whatever the screen is.
  for (const [event, on] of [["beforeprint", true], ["afterprint", false]]) {
    addEventListener(event, () => {
      document.documentElement.classList.toggle("printing", on);
      redraw();
    });
  }

  const key = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.value;
    return text === undefined ? cell.textContent.trim() : Number(text);
  };
  // Numbers before text, and what is not known last, whatever the direction.
  const compare = (a, b, sign) => {
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
    if (typeof a === "number" && typeof b === "number") return sign * (a - b);
    return sign * String(a).localeCompare(String(b));
  };
  for (const button of document.querySelectorAll("thead button")) {
    button.addEventListener("click", () => {
      const heading = button.closest("th");
      const table = button.closest("table");
      const up = heading.getAttribute("aria-sort") === "ascending";
      for (const other of heading.parentElement.cells) other.setAttribute("aria-sort", "none");
      heading.setAttribute("aria-sort", up ? "descending" : "ascending");
      const body = table.tBodies[0];
      const rows = [...body.rows].sort((a, b) =>
        compare(key(a, heading.cellIndex), key(b, heading.cellIndex), up ? -1 : 1),
      );
      body.append(...rows);
    });
  }
})();
