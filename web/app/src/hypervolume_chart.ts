// How the hypervolume of a Job's Front has grown: a step line over the networks trained or the
// device time, a mark where a Result raised it.
import { scaleLinear } from "d3-scale";
import { curveStepAfter, line } from "d3-shape";
import { h } from "./dom";
import { axisNumber, axisTitle, count, duration, hypervolume, percent, short } from "./format";
import { padded } from "./front_chart";
import { SvgPlot, tooltipFacts } from "./svg_plot";
import type { Candidate, HypervolumeBox, HypervolumePoint, JobDetail } from "./views";

const OVER: Record<string, { title: string; of: (point: HypervolumePoint) => number }> = {
  trainings: { title: "Networks with a result", of: (point) => point.trainings },
  device_hours: { title: "Device hours", of: (point) => point.device_seconds / 3600 },
};

// In which units it is measured.
export function unitsText(box: HypervolumeBox): string {
  const costs = box.axes.map(
    ({ objective, best, reference }) =>
      `${axisTitle(objective)} from ${axisNumber(objective, best)} (best) to ` +
      `${axisNumber(objective, reference)} (reference)`,
  );
  return (
    "The hypervolume is the part of a box that the results of the front dominate. Its sides: " +
    `accuracy from chance (${percent(box.reference_accuracy)}) to 100 %` +
    `${costs.map((cost) => `; ${cost}, logarithmic`).join("")}. ` +
    "1 would be perfect accuracy at the best of every objective. The box was fixed when the job was " +
    "submitted. Marks are results that raised the hypervolume."
  );
}

// One sentence for screen readers.
export function describePoint(point: HypervolumePoint, name: string): string {
  return (
    `${name}, result ${point.result}: raised the hypervolume by ${hypervolume(point.gain)} to ` +
    `${hypervolume(point.hypervolume)}, after ${networks(point)} and ${duration(point.device_seconds)} ` +
    "of device time"
  );
}

function networks(point: HypervolumePoint): string {
  return `${count(point.trainings)} ${point.trainings === 1 ? "network" : "networks"}`;
}

// A range for growth that begins at its first value; of a single value, and of 0 alone, too.
export function growthRange(values: number[]): [number, number] {
  const [low, high] = Math.max(...values) > 0 ? padded(values, false) : [0, 1];
  return [low, Math.min(1, high)];
}

export class HypervolumeChart {
  readonly element: HTMLElement;
  private readonly plot = new SvgPlot(["lines", "rises"], () => this.draw());
  private readonly note = h("p", { class: "quiet note" });
  private readonly over: HTMLSelectElement;
  private points: HypervolumePoint[] = [];
  private names = new Map<number, string>();

  constructor() {
    this.over = h(
      "select",
      { "data-key": "over", change: () => this.draw() },
      ...Object.entries(OVER).map(([key, { title }]) => h("option", { value: key }, title)),
    );
    this.element = h(
      "div",
      { class: "hypervolume" },
      h("div", { class: "controls" }, h("label", {}, "Hypervolume over ", this.over)),
      this.plot.element,
      this.note,
    );
  }

  close(): void {
    this.plot.close();
  }

  update({ hypervolumes, hypervolume_box: box, candidates }: JobDetail): void {
    this.points = hypervolumes;
    this.names = new Map(candidates.map((one: Candidate) => [one.candidate, one.name]));
    this.note.textContent = unitsText(box);
    this.draw();
  }

  private draw(): void {
    const newest = this.points[this.points.length - 1];
    const over = OVER[this.over.value];
    if (newest === undefined || over === undefined || this.plot.width === 0) {
      return;
    }
    const most = Math.max(...this.points.map(over.of));
    const x = scaleLinear().domain([0, most > 0 ? most : 1]);
    const y = scaleLinear().domain(growthRange(this.points.map((point) => point.hypervolume)));
    this.plot.size(
      `Hypervolume over ${over.title}: ${hypervolume(newest.hypervolume)} after ` +
        `${networks(newest)} and ${duration(newest.device_seconds)} of device time`,
      Math.round(Math.min(280, Math.max(220, this.plot.width * 0.36))),
      x,
      y,
    );
    this.plot.drawAxes(
      {
        scale: x,
        title: over.title,
        // Networks are whole.
        ticks: this.over.value === "trainings" ? Math.min(this.plot.room, most) : this.plot.room,
        format: short,
      },
      { scale: y, title: "Hypervolume", ticks: 5, format: short },
    );
    const path = line<HypervolumePoint>()
      .x((point) => x(over.of(point)))
      .y((point) => y(point.hypervolume))
      .curve(curveStepAfter);
    this.plot.svg
      .select(".lines")
      .selectAll<SVGPathElement, HypervolumePoint[]>("path")
      .data([this.points])
      .join("path")
      .attr("class", "growth-line")
      .attr("d", path);
    this.plot.svg
      .select(".rises")
      .selectAll<SVGAElement, HypervolumePoint>("a")
      .data(
        this.points.filter((point) => point.gain > 0),
        (point) => point.result,
      )
      .join((enter) => {
        const link = enter.append("a").attr("class", "rise");
        link.append("circle").attr("class", "target").attr("r", 11);
        link.append("circle").attr("class", "mark").attr("r", 3.5);
        link
          .on("mouseenter focus", (_event, point) => this.showTooltip(point.result))
          .on("mouseleave blur", () => this.plot.hideTooltip());
        return link;
      })
      .order()
      .attr("href", (point) => `#/candidates/${point.candidate}`)
      .attr("data-result", (point) => point.result)
      .attr("aria-label", (point) => describePoint(point, this.nameOf(point)))
      .attr("transform", (point) => `translate(${x(over.of(point))},${y(point.hypervolume)})`);
    if (this.plot.shownResult !== null) {
      this.showTooltip(this.plot.shownResult);
    }
  }

  private nameOf(point: HypervolumePoint): string {
    return this.names.get(point.candidate) ?? `candidate ${point.candidate}`;
  }

  private showTooltip(id: number): void {
    const point = this.points.find((one) => one.result === id);
    if (point === undefined) {
      this.plot.hideTooltip();
      return;
    }
    this.plot.showTooltip(
      id,
      h("b", {}, this.nameOf(point)),
      tooltipFacts([
        ["Result", String(point.result)],
        ["Hypervolume", hypervolume(point.hypervolume)],
        ["Raised by", hypervolume(point.gain)],
        ["Networks with a result", count(point.trainings)],
        ["Device time", duration(point.device_seconds)],
      ]),
    );
  }
}
