// What charts drawn as SVG share: a place that follows its width, axes with a grid and titles, and
// the box beside the mark of a Result.
import { axisBottom, axisLeft, type AxisScale } from "d3-axis";
import type { ScaleContinuousNumeric } from "d3-scale";
import { select } from "d3-selection";
import { h, type Child } from "./dom";

export type Scale = ScaleContinuousNumeric<number, number>;

export interface Axis {
  scale: Scale;
  title: string;
  // How many ticks, or which.
  ticks: number | number[];
  format: (value: number) => string;
}

const MARGIN = { top: 16, right: 18, bottom: 46, left: 52 };

export class SvgPlot {
  readonly element = h("div", { class: "plot" });
  readonly svg = select(this.element).append("svg").attr("role", "group");
  width = 0; // 0: not laid out yet; redraw comes when it is
  shownResult: number | null = null; // whose tooltip is shown, to be drawn anew with the rest
  private height = 0;
  private readonly tooltip = h("div", { class: "tooltip", role: "presentation", hidden: true });
  private readonly resizing: ResizeObserver;

  // `layers` are drawn above the axes, in their order.
  constructor(layers: string[], redraw: () => void) {
    this.element.append(this.tooltip);
    for (const layer of ["grid", "axis-x", "axis-y", ...layers]) {
      this.svg.append("g").attr("class", layer);
    }
    this.svg.append("text").attr("class", "title-x");
    this.svg.append("text").attr("class", "title-y");
    this.resizing = new ResizeObserver((entries) => {
      const width = Math.floor(entries[0]?.contentRect.width ?? 0);
      if (width !== this.width && width > 0) {
        this.width = width;
        redraw();
      }
    });
    this.resizing.observe(this.element);
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        this.hideTooltip();
      }
    });
  }

  close(): void {
    this.resizing.disconnect();
  }

  // A label for screen readers, and the size; the scales get their ranges by it.
  size(label: string, height: number, x: Scale, y: Scale): void {
    this.height = height;
    x.range([MARGIN.left, this.width - MARGIN.right]);
    y.range([height - MARGIN.bottom, MARGIN.top]);
    this.svg
      .attr("width", this.width)
      .attr("height", height)
      .attr("viewBox", `0 0 ${this.width} ${height}`)
      .attr("aria-label", label);
  }

  // How many ticks the width has room for.
  get room(): number {
    return Math.max(2, Math.floor(this.width / 72));
  }

  drawAxes(x: Axis, y: Axis): void {
    const bottom = axisBottom(x.scale as AxisScale<number>)
      .tickValues(ticksOf(x))
      .tickSizeOuter(0)
      .tickPadding(8)
      .tickFormat((value) => x.format(value));
    const left = axisLeft(y.scale as AxisScale<number>)
      .tickValues(ticksOf(y))
      .tickSizeOuter(0)
      .tickSize(0)
      .tickPadding(8)
      .tickFormat((value) => y.format(value));
    const { width, height } = this;
    this.svg
      .select<SVGGElement>(".axis-x")
      .attr("transform", `translate(0,${height - MARGIN.bottom})`)
      .call(bottom);
    this.svg.select<SVGGElement>(".axis-y").attr("transform", `translate(${MARGIN.left},0)`).call(left);
    this.svg
      .select(".grid")
      .selectAll("line")
      .data(ticksOf(y))
      .join("line")
      .attr("x1", MARGIN.left)
      .attr("x2", width - MARGIN.right)
      .attr("y1", (tick) => y.scale(tick))
      .attr("y2", (tick) => y.scale(tick));
    this.svg
      .select(".title-x")
      .attr("x", (MARGIN.left + width - MARGIN.right) / 2)
      .attr("y", height - 6)
      .attr("text-anchor", "middle")
      .text(x.title);
    this.svg
      .select(".title-y")
      .attr("transform", `translate(13,${(MARGIN.top + height - MARGIN.bottom) / 2}) rotate(-90)`)
      .attr("text-anchor", "middle")
      .text(y.title);
  }

  // Beside the mark of this Result, which is recognised by data-result.
  showTooltip(result: number, ...content: Child[]): void {
    const mark = this.svg.select<SVGAElement>(`a[data-result="${result}"]`).node();
    if (mark === null) {
      this.hideTooltip();
      return;
    }
    this.shownResult = result;
    this.tooltip.replaceChildren(...content.filter((child) => child !== null));
    this.tooltip.hidden = false;
    const frame = this.element.getBoundingClientRect();
    const box = mark.getBoundingClientRect();
    const size = this.tooltip.getBoundingClientRect();
    const centre = box.left + box.width / 2 - frame.left;
    const left = Math.min(Math.max(0, centre - size.width / 2), frame.width - size.width);
    const above = box.top - frame.top - size.height - 4;
    const top = above >= -40 ? above : box.bottom - frame.top + 4;
    this.tooltip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }

  hideTooltip(): void {
    this.shownResult = null;
    this.tooltip.hidden = true;
  }
}

function ticksOf(axis: Axis): number[] {
  return typeof axis.ticks === "number" ? axis.scale.ticks(axis.ticks) : axis.ticks;
}

// Names and values of a tooltip.
export function tooltipFacts(rows: [string, string][]): HTMLElement {
  return h("dl", {}, ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}
