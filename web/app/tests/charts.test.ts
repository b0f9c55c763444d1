import assert from "node:assert/strict";
import { test } from "node:test";
import { axes, axisGroups, axisValue, dots, groups, logTicks, padded, steps } from "../src/front_chart";
import { polynomialsText } from "../src/layer_bars";
import { aligned, curveCharts } from "../src/training_curves";
import { curvePoints, result, results } from "./documents";

test("axes: the objectives first, each once", () => {
  assert.deepEqual(axes(["macs"], results({})), [
    "macs",
    "relus",
    "papers.online_s",
    "parameters",
    "cheetah.online_s@wan",
  ]);
  assert.deepEqual(axes(["cheetah.online_s@wan"], results({}))[0], "cheetah.online_s@wan");
  assert.deepEqual(axes(["relus"], []), ["relus", "macs", "parameters"]);
});

test("a result without the axis' number has no dot", () => {
  const all = results({ costs: {} }, {});
  assert.equal(axisValue(all[0]!, "papers.online_s"), null);
  assert.equal(dots(all, "papers.online_s").length, 1);
  assert.equal(dots(all, "relus").length, 2);
});

test("a cost metric is an axis; a result without it has no dot", () => {
  const all = results({}, { costs: {} });
  assert.equal(axisValue(all[0]!, "cheetah.online_s@wan"), 2.5);
  assert.equal(axisValue(all[1]!, "cheetah.online_s@wan"), null);
  assert.equal(dots(all, "cheetah.online_s@wan").length, 1);
});

test("cost metrics stand under their protocol, but for objectives", () => {
  const names = ["ckks.seconds@mpcnn_cpu", "relus", "spu_semi2k.online_s@lan"];
  assert.deepEqual(axisGroups(["ckks.seconds@mpcnn_cpu"], names), [
    ["", ["ckks.seconds@mpcnn_cpu", "relus"]],
    ["SPU semi2k", ["spu_semi2k.online_s@lan"]],
  ]);
});

test("one group per recipe, data and split", () => {
  const { provenance } = result({});
  const all = results(
    {},
    { recipe: "other" },
    { provenance: { ...provenance, data_hash: "e" } },
    { provenance: { ...provenance, split_hash: "e" } },
    { report: { relus: 5 } },
  );
  assert.deepEqual(
    groups(all).map((group) => group.results.length),
    [2, 1, 1, 1],
  );
});

test("the step line joins what the server marks, and only that", () => {
  const all = results(
    { report: { relus: 300, accuracy_validation: 0.9 } },
    { report: { relus: 100, accuracy_validation: 0.5 } },
    // Better than its neighbours, but not marked: the browser does not judge.
    { report: { relus: 200, accuracy_validation: 0.95 }, on_front: false },
  );
  assert.deepEqual(
    steps(dots(all, "relus"))?.map((dot) => dot.x),
    [100, 300],
  );
});

test("marked results that are no staircase are not joined", () => {
  const all = results(
    { macs: 9, report: { relus: 100, accuracy_validation: 0.5 } },
    { macs: 3, report: { relus: 200, accuracy_validation: 0.9 } },
  );
  assert.equal(steps(dots(all, "macs")), null);
});

test("ranges have air and survive a single value", () => {
  const [low, high] = padded([100, 10_000], true);
  assert.ok(low < 100 && low > 50 && high > 10_000 && high < 20_000);
  for (const log of [true, false]) {
    const [a, b] = padded([7, 7], log);
    assert.ok(a < 7 && b > 7);
  }
  assert.equal(padded([0, 1], false)[0], 0);
});

test("log ticks fit their room and are round", () => {
  assert.deepEqual(logTicks([90, 1100], 4), [100, 200, 500, 1000]);
  assert.deepEqual(logTicks([90, 1100], 3), [100, 300, 1000]);
  assert.ok(logTicks([1, 1000], 100).includes(150));
  assert.deepEqual(logTicks([0.1, 1], 100)[4], 0.4);
  for (const room of [2, 3, 5, 8]) {
    const ticks = logTicks([0.01, 1e9], room);
    assert.ok(ticks.length > 1 && ticks.length <= room, `${room}: ${ticks}`);
  }
  assert.deepEqual(logTicks([1160, 1350], 4), [1200, 1250, 1300, 1350]);
});

test("curves: one series per budget, epochs from 1, lambda only where there is one", () => {
  const charts = curveCharts(
    curvePoints(
      { stage: "fine-tune", budget: 500, epoch: 0 },
      { stage: "fine-tune", budget: 1000, epoch: 0 },
      { stage: "fine-tune", budget: 1000, epoch: 1 },
      { stage: "linearize", epoch: 0, lambda: 0.001, relus: 1500 },
      { stage: "pretrain", epoch: 0 },
    ),
  );
  assert.deepEqual(
    charts.map((chart) => chart.key),
    [
      "pretrain Loss",
      "pretrain Validation accuracy (%)",
      "linearize Loss",
      "linearize Validation accuracy (%)",
      "linearize ReLUs",
      "linearize Lambda",
      "fine-tune Loss",
      "fine-tune Validation accuracy (%)",
    ],
  );
  const loss = charts.find((chart) => chart.key === "fine-tune Loss")!;
  assert.deepEqual(
    loss.series.map((series) => series.label),
    ["1,000", "500"],
  );
  assert.deepEqual(aligned(loss.series), [
    [1, 2],
    [1, 0.5],
    [1, null],
  ]);
});

test("a layer says how many polynomials it has and what they take in", () => {
  const [plain, changed] = results(
    {},
    {
      report: {
        layers: [
          {
            layer: "relu1",
            units: 2048,
            kept: 17,
            polynomials: 2031,
            input_min: -3.14159,
            input_max: 12.5,
          },
        ],
      },
    },
  );
  assert.equal(polynomialsText(plain!.report.layers[0]!), "");
  const text = polynomialsText(changed!.report.layers[0]!);
  assert.match(text, /2.031 polynomials of inputs from -3\.14 to 12\.5/);
});
