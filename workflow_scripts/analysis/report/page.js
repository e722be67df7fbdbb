"use strict";
// Colours by meaning, after Okabe and Ito, which the colour-blind can tell apart.
const COLOURS = {
  light: {
    ink: "#1b1e23", faint: "#5a6270", rule: "#d8dce2", paper: "#ffffff",
    rank_1: "#0072B2", rank_2: "#56B4E9", rank_3: "#009E73", default: "#E69F00", untrained: "#8a8f98",
    benchmark: "#1b1e23", equal_weight: "#D55E00", buy_and_hold: "#CC79A7", index: "#7F3C8D", oracle: "#009E73",
    series_0: "#0072B2", series_1: "#E69F00", series_2: "#009E73", series_3: "#CC79A7", series_4: "#56B4E9",
    series_5: "#D55E00", series_6: "#F0E442",
  },
  dark: {
    ink: "#e8eaee", faint: "#a4adbb", rule: "#363c47", paper: "#14171c",
    rank_1: "#56B4E9", rank_2: "#3d87c4", rank_3: "#00b385", default: "#E69F00", untrained: "#9aa1ad",
    benchmark: "#e8eaee", equal_weight: "#f0743a", buy_and_hold: "#d893b8", index: "#b07cc6", oracle: "#00b385",
    series_0: "#2b8fd0", series_1: "#E69F00", series_2: "#00b385", series_3: "#CC79A7", series_4: "#7cc8f2",
    series_5: "#f0743a", series_6: "#F0E442",
  },
};
const root = document.documentElement;
const ready = start();

async function start() {
  setTheme(kept("theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
  const payload = JSON.parse(await unpacked("payload"));
  document.querySelectorAll(".every").forEach((place) => makeTable(place, payload[place.id]));
  const script = document.createElement("script");
  script.textContent = await unpacked("plotly");
  document.head.append(script);
  const plots = [...document.querySelectorAll(".plot")];
  plots.forEach((plot) => { plot.figure = payload[plot.id]; });
  const near = new IntersectionObserver((entries) => {
    entries.filter((entry) => entry.isIntersecting).forEach((entry) => { near.unobserve(entry.target); draw(entry.target); });
  }, { rootMargin: "1200px" });
  plots.forEach((plot) => near.observe(plot));
  window.drawAll = async () => { await Promise.all(plots.filter((plot) => !plot.drawn).map(draw)); };
  // Paper is white, and wants every figure.
  addEventListener("beforeprint", () => { window.beforePrint = root.dataset.theme; setTheme("light"); window.drawAll(); });
  addEventListener("afterprint", () => setTheme(window.beforePrint));
  document.getElementById("theme").addEventListener("click", () => {
    setTheme(root.dataset.theme === "dark" ? "light" : "dark");
    keep("theme", root.dataset.theme);
  });
  return true;
}

async function unpacked(name) {
  const bytes = Uint8Array.from(atob(document.getElementById(name).textContent), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

function kept(name) {
  try { return localStorage.getItem(`foldsweep ${name}`); } catch { return null; }
}

function keep(name, value) {
  try { localStorage.setItem(`foldsweep ${name}`, value); } catch { /* a page from the disk may keep nothing */ }
}

function setTheme(theme) {
  root.dataset.theme = theme;
  document.getElementById("theme").textContent = theme === "dark" ? "Light" : "Dark";
  document.querySelectorAll(".plot").forEach((plot) => { if (plot.drawn) draw(plot); });
}

// "$rank_1" is a colour by its meaning, "$rank_1/18" the same at 18 % of its strength.
function coloured(text, colours) {
  return text.replace(/"\$(\w+)(?:\/(\d+))?"/g, (_, name, percent) => {
    const alpha = percent ? Math.round(2.55 * Number(percent)).toString(16).padStart(2, "0") : "";
    return `"${colours[name]}${alpha}"`;
  });
}

function draw(plot) {
  const colours = COLOURS[root.dataset.theme];
  const { data, layout } = JSON.parse(coloured(JSON.stringify(plot.figure), colours));
  const narrow = plot.clientWidth < 480;
  const axis = {
    gridcolor: colours.rule, zerolinecolor: colours.faint, linecolor: colours.faint, automargin: true,
    ticks: "outside", ticklen: 6, tickcolor: colours.rule, exponentformat: "power", minexponent: 6, separatethousands: true,
    title: { standoff: 8, font: { size: narrow ? 11 : 12 } }, tickfont: { size: narrow ? 10 : 11 },
  };
  const template = {
    layout: {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colours.ink },
      xaxis: axis, yaxis: axis, hovermode: "x unified", dragmode: narrow ? false : "zoom", margin: { l: 8, r: 12, t: 8, b: 8 },
      hoverlabel: { bgcolor: colours.paper, bordercolor: colours.faint, font: { color: colours.ink } },
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom", font: { size: narrow ? 10 : 11 } },
    },
    data: { heatmap: [{ colorbar: { tickfont: { size: 10 }, outlinewidth: 0 } }], contour: [{ colorbar: { tickfont: { size: 10 }, outlinewidth: 0 } }] },
  };
  if (narrow) Object.keys(layout).filter((key) => key.startsWith("xaxis")).forEach((key) => { layout[key].nticks ??= 5; });
  plot.drawn = true;
  return Plotly.react(plot, data, { ...layout, template }, { responsive: true, displayModeBar: false });
}

// A table that sorts, filters and is downloaded.
function makeTable(place, { columns, rows, name }) {
  const state = { column: -1, down: false, filter: "", most: 200 };
  const tools = element("div", { className: "tools" });
  const filter = element("input", { type: "search", placeholder: "filter, e.g. fold=1 sharpe>0.5" });
  filter.setAttribute("aria-label", `filter ${name}`);
  const count = element("span", { className: "count" });
  count.setAttribute("role", "status");
  const download = element("button", { type: "button", textContent: "Download CSV" });
  tools.append(filter, download, count);
  const wide = element("div", { className: "wide", tabIndex: 0 });
  const table = element("table"), head = element("thead"), body = element("tbody"), line = element("tr");
  columns.forEach((column, index) => {
    const cell = element("th", { scope: "col" });
    const button = element("button", { type: "button", textContent: column });
    button.addEventListener("click", () => {
      state.down = state.column === index && !state.down;
      state.column = index;
      show();
    });
    cell.append(button);
    line.append(cell);
  });
  head.append(line);
  table.append(head, body);
  wide.append(table);
  const more = element("button", { type: "button", className: "more" });
  more.addEventListener("click", () => { state.most *= 10; show(); });
  place.append(tools, wide, more);
  filter.addEventListener("input", () => { state.filter = filter.value; show(); });
  download.addEventListener("click", () => {
    const text = [columns, ...chosen()].map((row) => row.map(quoted).join(",")).join("\n");
    const link = element("a", { href: URL.createObjectURL(new Blob([`${text}\n`], { type: "text/csv" })), download: `${name.replace(/\W+/g, "_")}.csv` });
    link.click();
    URL.revokeObjectURL(link.href);
  });

  function chosen() {
    const tests = state.filter.toLowerCase().split(/\s+/).filter(Boolean).map((word) => test(word, columns));
    const found = rows.filter((row) => tests.every((holds) => holds(row)));
    if (state.column < 0) return found;
    const sign = state.down ? -1 : 1;
    return found.toSorted((one, other) => compare(one[state.column], other[state.column], sign));
  }

  function show() {
    const found = chosen();
    line.childNodes.forEach((cell, index) => {
      const sorted = index === state.column;
      cell.setAttribute("aria-sort", !sorted ? "none" : state.down ? "descending" : "ascending");
      cell.firstChild.textContent = columns[index] + (!sorted ? "" : state.down ? " ▼" : " ▲");
    });
    body.replaceChildren(...found.slice(0, state.most).map((row) => {
      const drawn = element("tr");
      drawn.append(...row.map((value) => {
        const isNumber = typeof value === "number";
        return element("td", { className: isNumber ? "number" : "", textContent: cellText(value), title: value === null ? "" : String(value) });
      }));
      return drawn;
    }));
    count.textContent = `${found.length} of ${rows.length} rows`;
    more.hidden = found.length <= state.most;
    more.textContent = `Show more of the ${found.length} rows`;
  }
  show();
}

// A word has to stand in a row; name=value, name>value and the like have to hold in a column.
function test(word, columns) {
  const asked = word.match(/^([\w ]+?)(<=|>=|<|>|=)(.+)$/);
  const index = asked ? columns.findIndex((column) => column.toLowerCase() === asked[1]) : -1;
  if (index < 0) return (row) => row.some((value) => String(value ?? "").toLowerCase().includes(word));
  const [, , sign, text] = asked;
  const wanted = Number(text);
  return (row) => {
    const value = row[index];
    if (value === null) return false;
    if (typeof value !== "number" || Number.isNaN(wanted)) return sign === "=" && String(value).toLowerCase() === text;
    return { "<": value < wanted, ">": value > wanted, "<=": value <= wanted, ">=": value >= wanted, "=": value === wanted }[sign];
  };
}

// What is not there stands last, whichever way the column is sorted.
function compare(one, other, sign) {
  if (one === null || other === null) return (one === null) - (other === null);
  return sign * (typeof one === "number" && typeof other === "number" ? one - other : String(one).localeCompare(String(other)));
}

function cellText(value) {
  if (value === null) return "—";
  if (typeof value !== "number" || Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(4)));
}

function quoted(value) {
  const text = value === null ? "" : String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function element(name, properties = {}) {
  return Object.assign(document.createElement(name), properties);
}
