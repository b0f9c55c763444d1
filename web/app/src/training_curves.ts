// Learning curves, drawn by uPlot: per Stage a few small charts over its epochs.
import uPlot from "uplot";
import { h } from "./dom";
import { count, percent, plain, short } from "./format";
import { css, seriesColour } from "./palette";
import type { CurvePoint, Epoch } from "./views";

interface Metric {
  title: string;
  name: string; // where the title is too long
  value: (epoch: Epoch) => number | null;
  format: (value: number) => string;
  stages: string[];
}

const METRICS: Metric[] = [
  {
    title: "Loss",
    name: "loss",
    value: (epoch) => epoch.loss,
    format: plain,
    stages: ["pretrain", "linearize", "fine-tune"],
  },
  {
    title: "Validation accuracy (%)",
    name: "accuracy",
    value: (epoch) => epoch.validation_accuracy * 100,
    format: plain,
    stages: ["pretrain", "linearize", "fine-tune"],
  },
  {
    title: "ReLUs",
    name: "ReLUs",
    value: (epoch) => epoch.relus,
    format: short,
    stages: ["linearize"],
  },
  {
    title: "Lambda",
    name: "lambda",
    value: (epoch) => epoch.lambda,
    format: plain,
    stages: ["linearize"],
  },
];

export interface CurveSeries {
  label: string;
  points: { epoch: number; value: number }[];
}

export interface CurveChart {
  key: string;
  stage: string;
  title: string;
  series: CurveSeries[];
}

// One chart per Stage and metric that has points; fine-tune has one series per Budget, largest
// first. Epochs are counted from 1, as everywhere on the page.
export function curveCharts(points: CurvePoint[]): CurveChart[] {
  const charts: CurveChart[] = [];
  for (const stage of ["pretrain", "linearize", "fine-tune"]) {
    const ofStage = points.filter((point) => point.stage === stage);
    const budgets = [...new Set(ofStage.map((point) => point.budget))].sort(
      (a, b) => (b ?? 0) - (a ?? 0),
    );
    for (const metric of METRICS.filter((one) => one.stages.includes(stage))) {
      const series = budgets.flatMap((budget) => {
        const values = ofStage
          .filter((point) => point.budget === budget)
          .flatMap(({ epoch }) => {
            const value = metric.value(epoch);
            return value === null ? [] : [{ epoch: epoch.epoch + 1, value }];
          });
        const label = budget === null ? metric.name : count(budget);
        return values.length === 0 ? [] : [{ label, points: values }];
      });
      if (series.length > 0) {
        charts.push({ key: `${stage} ${metric.title}`, stage, title: metric.title, series });
      }
    }
  }
  return charts;
}

// The series of a chart over their common epochs, as uPlot wants them.
export function aligned(series: CurveSeries[]): [number[], ...(number | null)[][]] {
  const epochs = [...new Set(series.flatMap((one) => one.points.map((point) => point.epoch)))].sort(
    (a, b) => a - b,
  );
  return [
    epochs,
    ...series.map((one) => {
      const byEpoch = new Map(one.points.map((point) => [point.epoch, point.value]));
      return epochs.map((epoch) => byEpoch.get(epoch) ?? null);
    }),
  ];
}

const CHART_HEIGHT = 170;

// Keeps its charts while new points arrive, so that a reader's pointer stays where it is.
export class TrainingCurves {
  readonly element = h("div", { class: "curves" });
  private readonly charts = new Map<string, { plot: uPlot; box: HTMLElement; series: number }>();
  private readonly resizing = new ResizeObserver((entries) => {
    for (const entry of entries) {
      for (const { plot, box } of this.charts.values()) {
        if (box === entry.target && entry.contentRect.width > 0) {
          plot.setSize({ width: Math.floor(entry.contentRect.width), height: CHART_HEIGHT });
        }
      }
    }
  });
  private readonly scheme = matchMedia("(prefers-color-scheme: dark)");
  private readonly onScheme = (): void => {
    this.clear();
    this.update(this.points);
  };
  private points: CurvePoint[] = [];

  constructor() {
    this.scheme.addEventListener("change", this.onScheme);
  }

  update(points: CurvePoint[]): void {
    this.points = points;
    const charts = curveCharts(points);
    if (charts.length === 0) {
      this.clear();
      this.element.replaceChildren(h("p", { class: "empty" }, "No epoch has ended yet."));
      return;
    }
    const keys = charts.map((chart) => `${chart.key} ${chart.series.length}`).join("\n");
    const shown = [...this.charts].map(([key, { series }]) => `${key} ${series}`).join("\n");
    if (keys !== shown) {
      this.build(charts);
    }
    for (const chart of charts) {
      const entry = this.charts.get(chart.key);
      entry?.plot.setData(aligned(chart.series) as uPlot.AlignedData);
      entry?.box.setAttribute("aria-label", summary(chart));
    }
  }

  close(): void {
    this.scheme.removeEventListener("change", this.onScheme);
    this.clear();
    this.resizing.disconnect();
  }

  private clear(): void {
    for (const { plot, box } of this.charts.values()) {
      this.resizing.unobserve(box);
      plot.destroy();
    }
    this.charts.clear();
    this.element.replaceChildren();
  }

  private build(charts: CurveChart[]): void {
    this.clear();
    for (const stage of new Set(charts.map((chart) => chart.stage))) {
      const grid = h("div", { class: "curve-grid" });
      this.element.append(h("h3", {}, stage), grid);
      for (const chart of charts.filter((one) => one.stage === stage)) {
        const box = h("div", { class: "curve", role: "img", "data-chart": chart.key });
        grid.append(h("figure", {}, h("figcaption", {}, chart.title), box));
        const width = Math.floor(box.getBoundingClientRect().width) || 300;
        const plot = new uPlot(
          options(chart, width),
          aligned(chart.series) as uPlot.AlignedData,
          box,
        );
        this.charts.set(chart.key, { plot, box, series: chart.series.length });
        this.resizing.observe(box);
      }
    }
  }
}

function options(chart: CurveChart, width: number): uPlot.Options {
  const metric = METRICS.find((one) => one.title === chart.title) as Metric;
  const axis: uPlot.Axis = {
    stroke: css("--quiet"),
    grid: { stroke: css("--grid"), width: 1 },
    ticks: { show: false },
    font: `11px ${css("--font")}`,
  };
  return {
    width,
    height: CHART_HEIGHT,
    padding: [8, 10, 0, 0],
    cursor: { drag: { x: false, y: false }, points: { size: 7 } },
    legend: { show: true, live: true },
    scales: { x: { time: false, range: epochRange } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 26,
        gap: 3,
        incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000],
        values: (_plot, splits) => splits.map((split) => String(split)),
      },
      { ...axis, size: 46, gap: 4, values: (_plot, splits) => splits.map(metric.format) },
    ],
    series: [
      { label: "epoch", value: shownValue(String) },
      ...chart.series.map((series, index) => ({
        label: series.label,
        stroke: seriesColour(index),
        width: 1.75,
        dash: index < 7 ? [] : [6, 4],
        spanGaps: true,
        points: { show: series.points.length === 1, size: 6, fill: seriesColour(index) },
        value: shownValue(metric.format),
      })),
    ],
  };
}

// The legend's value under the pointer, and without a pointer the newest one.
function shownValue(format: (value: number) => string) {
  return (plot: uPlot, value: number | null, series: number, index: number | null): string => {
    if (index !== null) {
      return value === null || value === undefined ? "–" : format(value);
    }
    const values = (plot.data[series] ?? []) as (number | null)[];
    const newest = [...values].reverse().find((one) => one !== null && one !== undefined);
    return newest === undefined || newest === null ? "–" : format(newest);
  };
}

// A single epoch would have an axis without an extent.
function epochRange(_plot: uPlot, low: number, high: number): [number, number] {
  return low === high ? [low - 1, high + 1] : [low, high];
}

function summary(chart: CurveChart): string {
  const parts = chart.series.map((series) => {
    const last = series.points[series.points.length - 1];
    if (last === undefined) {
      return series.label;
    }
    const value = chart.title.startsWith("Validation")
      ? percent(last.value / 100)
      : plain(last.value);
    return `${series.label}: ${value} at epoch ${last.epoch}`;
  });
  return `${chart.title} of ${chart.stage} by epoch. ${parts.join("; ")}`;
}
