// Drawing of the condition that a slider stands at. Every number and word is from the page's data.
"use strict";
const [LEFT, RIGHT, TOP, BOTTOM] = [44, 350, 18, 186];
const sweeps = JSON.parse(document.getElementById("sweeps").textContent);

const across = (place, places) => LEFT + ((RIGHT - LEFT) * (place + 0.5)) / places;

function up(axis, value) {
  const scale = axis.log ? (x) => Math.log(Math.max(x, axis.low)) : Number;
  const share = (scale(value) - scale(axis.low)) / (scale(axis.high) - scale(axis.low));
  return BOTTOM - (BOTTOM - TOP) * share;
}

const text = (kind, x, y, words) => `<text class="${kind}" x="${x}" y="${y}">${words}</text>`;

function line(kind, axis, values, places) {
  const steps = values.map((value, i) =>
    value ? `${i && values[i - 1] ? "L" : "M"}${across(i, places)} ${up(axis, value[0])}` : "");
  return `<path class="${kind}" d="${steps.join("")}"/>`;
}

function dot(axis, value, place, places, top = value?.[0]) {
  const x = across(place, places);
  if (!value) return text("value", x, TOP, "unknown");
  const circle = `<circle class="dot" cx="${x}" cy="${up(axis, value[0])}" r="4.5"/>`;
  return circle + text("value", x, up(axis, top) - 9, value[1]);
}

function frame(axis, below, title) {
  const rows = axis.ticks.map(([value, words]) => {
    const y = up(axis, value);
    return `<path class="grid" d="M${LEFT} ${y}H${RIGHT}"/>` + text("left", LEFT - 6, y + 4, words);
  });
  const columns = below.map((words, i) => text("below", across(i, below.length), BOTTOM + 16, words));
  return [...rows, ...columns, text("axis", (LEFT + RIGHT) / 2, BOTTOM + 34, title)].join("");
}

const charts = {
  error(sweep, series, place) {
    const [axis, places, one] = [sweep.axes.error, sweep.levels.length, series[place]];
    const errors = (conditions) => conditions.map((condition) => condition.error);
    const others = Object.values(sweep.series).map((all) => line("all", axis, errors(all), places));
    const [x, ends] = [across(place, places), one.interval];
    const bar = ends ? `<path class="bar" d="M${x} ${up(axis, ends[0])}V${up(axis, ends[1])}"/>` : "";
    return frame(axis, sweep.levels, sweep.label) + others.join("") +
      line("same", axis, errors(series), places) + bar + dot(axis, one.error, place, places, ends?.[1]);
  },
  zeros(sweep, series, place) {
    const [axis, one, below] = [sweep.axes.zeros, series[place], [...sweep.layers, "dead"]];
    const others = series.map((other) => line("all", axis, other.zeros, below.length));
    const last = below.length - 1;
    const dead = `<g class="dead">${dot(axis, one.dead, last, below.length)}</g>`;
    return frame(axis, below, "hidden layer, 1 the lowest; all layers") + others.join("") +
      line("here", axis, one.zeros, below.length) +
      one.zeros.map((value, i) => dot(axis, value, i, below.length)).join("") + dead;
  },
  norms(sweep, series, place) {
    const [axis, one, places] = [sweep.axes.norms, series[place], sweep.layers.length];
    const others = series.map((other) => line("all", axis, other.norms, places));
    return frame(axis, sweep.layers, "hidden layer, 1 the lowest") + others.join("") +
      line("here", axis, one.norms, places) +
      one.norms.map((value, i) => dot(axis, value, i, places)).join("");
  },
};

function show(section, sweep) {
  const [select, slider] = [section.querySelector("select"), section.querySelector("input")];
  const series = sweep.series[select.value];
  slider.max = series.length - 1;
  const place = Number(slider.value);
  const { shown } = series[place];
  for (const field of section.querySelectorAll("[data-shown]")) {
    field.textContent = shown[field.dataset.shown];
  }
  slider.setAttribute("aria-valuetext", shown.level);
  const ends = section.querySelectorAll(".ends span");
  ends[0].textContent = series[0].shown.level;
  ends[1].textContent = series[series.length - 1].shown.level;
  for (const svg of section.querySelectorAll("svg")) {
    svg.innerHTML = charts[svg.dataset.chart](sweep, series, place);
  }
}

document.querySelectorAll(".sweep").forEach((section, i) => {
  section.querySelector(".live").hidden = false;
  section.querySelector("details").open = false;
  section.addEventListener("input", () => show(section, sweeps[i]));
  show(section, sweeps[i]);
});
