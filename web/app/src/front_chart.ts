// The Front of a Job: every Result a dot, the Results that the server marks on_front joined by a
// step line, one line per group of comparable Results. Nothing is ranked here.
import { scaleLinear, scaleLog } from "d3-scale";
import { select } from "d3-selection";
import { curveStepAfter, line, symbol, type SymbolType } from "d3-shape";
import {
  symbolCircle,
  symbolDiamond,
  symbolSquare,
  symbolStar,
  symbolTriangle,
  symbolWye,
} from "d3-shape";
import { h } from "./dom";
import {
  axisTitle,
  count,
  hypervolume,
  inSeconds,
  PAPERS,
  protocolName,
  metricValue,
  parseMetric,
  percent,
  short,
  shortHash,
} from "./format";
import { COLOURS } from "./palette";
import { remarks } from "./search_part";
import { SvgPlot, tooltipFacts, type Scale } from "./svg_plot";
import type { Result } from "./views";

const SYMBOLS: SymbolType[] = [
  symbolCircle,
  symbolSquare,
  symbolTriangle,
  symbolDiamond,
  symbolWye,
  symbolStar,
];
// More networks than this have no legend; their dots still say who they are.
const MAX_LEGEND = 14;

// The axes that Results offer against accuracy, those of the Job's objectives first, cost metrics
// last.
export function axes(objectives: string[], results: Result[]): string[] {
  const metrics = new Set<string>();
  for (const result of results) {
    for (const metric of Object.keys(result.costs)) {
      metrics.add(metric);
    }
  }
  const papers = metrics.has(PAPERS) ? [PAPERS] : [];
  return [
    ...new Set([
      ...objectives,
      "relus",
      ...papers,
      "macs",
      "parameters",
      ...[...metrics].sort(),
    ]),
  ];
}

// Axes as a select shows them: cost metrics that are no objective under the name of their protocol,
// the others at the top.
export function axisGroups(objectives: string[], names: string[]): [string, string[]][] {
  const found = new Map<string, string[]>([["", []]]);
  for (const name of names) {
    const metric = name === PAPERS || objectives.includes(name) ? null : parseMetric(name);
    const group = metric === null ? "" : protocolName(metric.protocol);
    found.set(group, [...(found.get(group) ?? []), name]);
  }
  return [...found];
}

// Null where this Result has no such number.
export function axisValue(result: Result, axis: string): number | null {
  switch (axis) {
    case "relus":
      return result.report.relus;
    case "macs":
      return result.macs;
    case "parameters":
      return result.parameters;
    default:
      return result.costs[axis]?.value ?? null;
  }
}

export interface Group {
  key: string;
  recipe: string;
  dataHash: string;
  splitHash: string;
  results: Result[];
}

// Results may only be compared within one of these.
export function groups(results: Result[]): Group[] {
  const found = new Map<string, Group>();
  for (const result of results) {
    const { data_hash: dataHash, split_hash: splitHash } = result.provenance;
    const key = `${result.recipe} ${dataHash} ${splitHash}`;
    const group = found.get(key) ?? { key, recipe: result.recipe, dataHash, splitHash, results: [] };
    group.results.push(result);
    found.set(key, group);
  }
  return [...found.values()];
}

export interface Dot {
  result: Result;
  x: number;
  y: number;
}

export function dots(results: Result[], axis: string): Dot[] {
  return results.flatMap((result) => {
    const x = axisValue(result, axis);
    return x === null ? [] : [{ result, x, y: result.report.accuracy_validation }];
  });
}

// The dots of a group that a step line joins, by x: those on the front. Null where joining them
// would draw something else than a staircase, as it may along an axis that is not the objective.
export function steps(group: Dot[]): Dot[] | null {
  const on = group.filter((dot) => dot.result.on_front).sort((a, b) => a.x - b.x || a.y - b.y);
  for (let i = 1; i < on.length; i++) {
    if ((on[i] as Dot).y < (on[i - 1] as Dot).y) {
      return null;
    }
  }
  return on;
}

// The range of an axis with some air around it.
export function padded(values: number[], log: boolean): [number, number] {
  const low = Math.min(...values);
  const high = Math.max(...values);
  if (log) {
    const factor = Math.max((high / low) ** 0.06, 1.08);
    return [low / factor, high * factor];
  }
  const air = high > low ? (high - low) * 0.06 : Math.max(Math.abs(high) * 0.05, 1e-9);
  return [low - air < 0 && low >= 0 ? 0 : low - air, high + air];
}

// Tick positions of a log axis, at most `room`: round digits of each decade, or of every n-th
// where there are many. An axis too short for two of those has the ticks of a linear one.
export function logTicks(domain: [number, number], room: number): number[] {
  const first = Math.floor(Math.log10(domain[0]));
  const last = Math.ceil(Math.log10(domain[1]));
  const at = (digits: number[], step: number): number[] => {
    const ticks: number[] = [];
    for (let e = first; e <= last; e += step) {
      for (const digit of digits) {
        // Not digit * 10 ** e: 3 * 10 ** -1 is 0.30000000000000004.
        const tick = Number(`${digit}e${e}`);
        if (tick >= domain[0] && tick <= domain[1]) {
          ticks.push(tick);
        }
      }
    }
    return ticks;
  };
  const finest = at([1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9], 1);
  if (finest.length < 2) {
    return scaleLinear().domain(domain).ticks(Math.min(room, 5));
  }
  for (const ticks of [finest, at([1, 2, 3, 5, 7], 1), at([1, 2, 5], 1), at([1, 3], 1)]) {
    if (ticks.length >= 2 && ticks.length <= room) {
      return ticks;
    }
  }
  for (let step = 1; ; step++) {
    const ticks = at([1], step);
    if (ticks.length <= room) {
      return ticks;
    }
  }
}

export class FrontChart {
  readonly element: HTMLElement;
  private readonly plot = new SvgPlot(["lines", "dots"], () => this.draw());
  private readonly legend = h("ul", { class: "legend" });
  private readonly note = h("p", { class: "quiet note" });
  private readonly axisSelect: HTMLSelectElement;
  private readonly logBox = h("input", { type: "checkbox" });
  private readonly controls: HTMLElement;
  private results: Result[] = [];
  private objectives: string[] = [];
  private limits: string[] = [];

  constructor() {
    this.axisSelect = h("select", { "data-key": "axis", change: () => this.draw() });
    this.logBox.checked = true;
    this.logBox.addEventListener("change", () => this.draw());
    this.controls = h(
      "div",
      { class: "controls" },
      h("label", {}, "Accuracy against ", this.axisSelect),
      h("label", { class: "check" }, this.logBox, " log scale"),
    );
    this.element = h(
      "div",
      { class: "front" },
      this.controls,
      this.plot.element,
      this.legend,
      this.note,
    );
  }

  close(): void {
    this.plot.close();
  }

  update(objectives: string[], limits: string[], results: Result[]): void {
    const names = axes(objectives, results);
    const shown = [...this.axisSelect.options].map((option) => option.value);
    if (names.join("\n") !== shown.join("\n")) {
      const wanted = shown.length === 0 ? names[0] : this.axisSelect.value;
      this.axisSelect.replaceChildren(
        ...axisGroups(objectives, names).flatMap(([protocol, members]) => {
          const options = members.map((name) => h("option", { value: name }, axisTitle(name)));
          return protocol === "" ? options : [h("optgroup", { label: protocol }, ...options)];
        }),
      );
      this.axisSelect.value = names.includes(wanted ?? "") ? (wanted as string) : (names[0] as string);
    }
    this.objectives = objectives;
    this.limits = limits;
    this.results = results;
    this.draw();
  }

  private draw(): void {
    const empty = this.results.length === 0;
    this.controls.hidden = empty;
    this.plot.element.classList.toggle("is-empty", empty);
    if (empty) {
      this.note.textContent =
        "No result yet. Each candidate gives one per budget, as its fine-tunes end.";
      this.legend.replaceChildren();
      return;
    }
    if (this.plot.width === 0) {
      return; // not laid out yet
    }
    const axis = this.axisSelect.value;
    const all = dots(this.results, axis);
    const positive = all.every((dot) => dot.x > 0);
    this.logBox.disabled = !positive;
    const log = this.logBox.checked && positive && all.length > 0;
    const x: Scale = (log ? scaleLog() : scaleLinear()).domain(
      all.length === 0 ? [0, 1] : padded(all.map((dot) => dot.x), log),
    );
    const yDomain: [number, number] =
      all.length === 0 ? [0, 1] : padded(all.map((dot) => dot.y), false);
    const y = scaleLinear()
      .domain([yDomain[0], Math.min(1.005, yDomain[1])])
      .nice(6);
    this.plot.size(
      `${all.length} results, validation accuracy against ${axisTitle(axis)}`,
      Math.round(Math.min(440, Math.max(260, this.plot.width * 0.5))),
      x,
      y,
    );
    const seconds = inSeconds(axis);
    this.plot.drawAxes(
      {
        scale: x,
        title: axisTitle(axis) + (log ? ", log scale" : ""),
        ticks: log ? logTicks(x.domain() as [number, number], this.plot.room) : this.plot.room,
        format: (value) => (seconds ? String(Number(value.toPrecision(3))) : short(value)),
      },
      {
        scale: y,
        title: "Validation accuracy (%)",
        ticks: 6,
        format: (value) => String(Number((value * 100).toFixed(1))),
      },
    );

    const style = this.styles();
    const grouped = groups(this.results).map((group) => ({ group, dots: dots(group.results, axis) }));
    const lines = grouped.flatMap((entry, index) => {
      const joined = steps(entry.dots);
      return joined === null || joined.length === 0
        ? []
        : [{ key: entry.group.key, joined, index }];
    });
    const path = line<Dot>()
      .x((dot) => x(dot.x))
      .y((dot) => y(dot.y))
      .curve(curveStepAfter);
    this.plot.svg
      .select(".lines")
      .selectAll<SVGPathElement, (typeof lines)[number]>("path")
      .data(lines, (entry) => entry.key)
      .join("path")
      .attr("class", (entry) => `front-line dash-${entry.index % 4}`)
      .attr("d", (entry) => path(entry.joined));

    this.plot.svg
      .select(".dots")
      .selectAll<SVGAElement, Dot>("a")
      // Dots on the front are drawn last, above the others; the order is also that of the Tab key.
      .data(
        [...all].sort(
          (a, b) =>
            Number(a.result.on_front) - Number(b.result.on_front) || a.x - b.x || a.y - b.y,
        ),
        (dot) => dot.result.result,
      )
      .join((enter) => {
        const link = enter.append("a");
        link.append("circle").attr("class", "target").attr("r", 13);
        link.append("path").attr("class", "mark");
        link
          .on("mouseenter", (_event, dot) => this.showTooltip(dot.result.result))
          .on("mouseleave", () => this.plot.hideTooltip())
          .on("focus", (_event, dot) => this.showTooltip(dot.result.result))
          .on("blur", () => this.plot.hideTooltip());
        return link;
      })
      .order()
      .attr("class", (dot) => `dot ${dot.result.on_front ? "on-front" : "off-front"}`)
      .attr("href", (dot) => `#/candidates/${dot.result.candidate}`)
      .attr("data-result", (dot) => dot.result.result)
      .attr("aria-label", (dot) => describe(dot.result))
      .attr("transform", (dot) => `translate(${x(dot.x)},${y(dot.y)})`)
      .each(function (dot) {
        const { colour, shape } = style(dot.result.name);
        select(this)
          .select(".mark")
          .attr("d", symbol(SYMBOLS[shape] as SymbolType, dot.result.on_front ? 88 : 60)() ?? "")
          .style("--mark", `var(--series-${colour})`);
      });
    this.drawLegend(style, grouped.map((entry) => entry.group));
    this.drawNote(axis, all.length, lines.length < grouped.length);
    if (this.plot.shownResult !== null) {
      this.showTooltip(this.plot.shownResult);
    }
  }

  // Colour and shape by network name, in order of appearance by name, so that a new Result does
  // not recolour the others of its network.
  private styles(): (name: string) => { colour: number; shape: number } {
    const names = [...new Set(this.results.map((result) => result.name))].sort();
    const index = new Map(names.map((name, i) => [name, i]));
    return (name) => {
      const i = index.get(name) ?? 0;
      return { colour: i % COLOURS, shape: i % SYMBOLS.length };
    };
  }

  private drawLegend(
    style: (name: string) => { colour: number; shape: number },
    found: Group[],
  ): void {
    const names = [...new Set(this.results.map((result) => result.name))].sort();
    const items: HTMLElement[] = [];
    if (names.length <= MAX_LEGEND) {
      for (const name of names) {
        const { colour, shape } = style(name);
        const key = select(h("span", { class: "key", "aria-hidden": "true" }));
        key
          .append("svg")
          .attr("viewBox", "-8 -8 16 16")
          .append("path")
          .attr("class", "mark")
          .attr("d", symbol(SYMBOLS[shape] as SymbolType, 80)() ?? "")
          .style("--mark", `var(--series-${colour})`);
        items.push(h("li", {}, key.node(), name));
      }
    }
    found.forEach((group, index) => {
      const key = select(h("span", { class: "key wide", "aria-hidden": "true" }));
      key
        .append("svg")
        .attr("viewBox", "0 0 28 16")
        .append("path")
        .attr("class", `front-line dash-${index % 4}`)
        .attr("d", "M1 8H27");
      const title =
        found.length === 1
          ? "front"
          : `front of recipe ${shortHash(group.recipe)}, data ${shortHash(group.dataHash)}, ` +
            `split ${shortHash(group.splitHash)}`;
      items.push(h("li", {}, key.node(), title));
    });
    this.legend.replaceChildren(...items);
  }

  private drawNote(axis: string, drawn: number, unjoined: boolean): void {
    const parts = [
      `The front is that of validation accuracy and ${this.objectives.map(axisTitle).join(", ")}.`,
      "Filled marks are on it.",
    ];
    if (this.limits.length > 0) {
      parts.push(`Results that break a limit are never on it: ${this.limits.join(", ")}.`);
    }
    if (unjoined) {
      parts.push("Along this axis they form no staircase and are not joined.");
    }
    if (drawn < this.results.length) {
      parts.push(`${count(this.results.length - drawn)} results have no ${axisTitle(axis)}.`);
    }
    this.note.textContent = parts.join(" ");
  }

  private showTooltip(id: number): void {
    const result = this.results.find((one) => one.result === id);
    if (result === undefined) {
      this.plot.hideTooltip();
      return;
    }
    const shown = [...new Set([...this.objectives, this.axisSelect.value])];
    this.plot.showTooltip(id, h("b", {}, result.name), facts(result, shown));
  }
}

function facts(result: Result, shown: string[]): HTMLElement {
  const rows: [string, string][] = [
    ["Budget", `${count(result.report.budget)} ReLUs`],
    ["ReLUs", count(result.report.relus)],
    ["Validation accuracy", percent(result.report.accuracy_validation)],
  ];
  if (result.accuracy_test !== null) {
    rows.push(["Test accuracy", percent(result.accuracy_test)]);
  }
  for (const metric of new Set([PAPERS, ...shown])) {
    const cost = result.costs[metric];
    if (cost !== undefined) {
      const bound = cost.lower_bound ? "at least " : "";
      rows.push([axisTitle(metric), `${bound}${metricValue(metric, cost.value)}`]);
    }
  }
  rows.push(["Front", result.on_front ? "on it" : result.off_front]);
  if (result.hypervolume_gain !== null && result.hypervolume_gain > 0) {
    rows.push(["Raised the hypervolume by", hypervolume(result.hypervolume_gain)]);
  }
  if (result.replacement === "polynomial") {
    rows.push(["Removed ReLUs", "polynomials"]);
  }
  if (result.reused_from !== null) {
    rows.push(["Reused from", `result ${result.reused_from}`]);
  }
  return tooltipFacts(rows);
}

// One sentence for screen readers.
export function describe(result: Result): string {
  return (
    `${result.name}, ${count(result.report.relus)} ReLUs, validation accuracy ` +
    [
      percent(result.report.accuracy_validation),
      ...(result.on_front ? ["on the front"] : []),
      ...remarks(result),
    ].join(", ")
  );
}
