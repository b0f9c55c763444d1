import assert from "node:assert/strict";
import { test } from "node:test";
import { hypervolume } from "../src/format";
import { describePoint, growthRange, unitsText } from "../src/hypervolume_chart";
import { choiceText, chosenNetworks, newestGrowth, remarks } from "../src/search_part";
import { candidate, growth, result } from "./documents";

test("hypervolumes have four digits, small ones three significant", () => {
  assert.equal(hypervolume(0.42134), "0.4213");
  assert.equal(hypervolume(0), "0.0000");
  assert.equal(hypervolume(1.5e-5), "1.5e-5");
  assert.equal(hypervolume(null), "–");
});

test("why a candidate was chosen counts the results of its job, not of all", () => {
  const points = growth([1001, 0.2], [1005, 0.1], [1009, 0.1]);
  const reason = "gain 0.0021 in 41 s";
  for (const [seen, expected] of [
    [null, null],
    [0, `before any result: ${reason}`],
    [1001, `after 1 result: ${reason}`],
    [1005, `after 2 results: ${reason}`],
  ] as const) {
    assert.equal(choiceText(candidate({ results_seen: seen, reason }), points), expected);
  }
  assert.equal(choiceText(candidate({ results_seen: 0, reason: "" }), points), "before any result");
});

test("networks chosen by a search, and those that have not ended", () => {
  const chosen = candidate({ results_seen: 0 });
  assert.equal(chosenNetworks([candidate({}), chosen]), "1");
  const task = { state: "LEASED" } as (typeof chosen.tasks)[number];
  assert.equal(chosenNetworks([chosen, { ...chosen, tasks: [task] }]), "2, 1 of them under way");
});

test("what the newest results added: the newer half of few, ten of many", () => {
  assert.equal(newestGrowth([], null), null);
  assert.equal(newestGrowth(growth([1, 0]), 0), null);
  assert.deepEqual(newestGrowth(growth([1, 0.3], [2, 0.0], [3, 0.1]), 0.4), {
    results: 2,
    share: 0.25,
  });
  const many = growth(...Array.from({ length: 40 }, (_, i) => [i + 1, 1 / 64] as [number, number]));
  assert.deepEqual(newestGrowth(many, 40 / 64), { results: 10, share: 0.25 });
});

test("the units of a hypervolume name every side of its box", () => {
  const text = unitsText({
    axes: [
      { objective: "relus", best: 1500, reference: 30720 },
      { objective: "cheetah.online_s@wan", best: 1.2, reference: 90 },
    ],
    reference_accuracy: 0.1,
  });
  for (const part of [
    "chance (10.0 %) to 100 %",
    "ReLUs from 1.5k (best) to 30.7k (reference), logarithmic",
    "Cheetah online, wan (s) from 1.2 s (best) to 1 min 30 s (reference), logarithmic",
  ]) {
    assert.ok(text.includes(part), `${part} in ${text}`);
  }
});

test("growth begins at its first value and stays drawable", () => {
  assert.deepEqual(growthRange([0]), [0, 1]);
  const [low, high] = growthRange([0.3, 0.5]);
  assert.ok(low < 0.3 && low > 0.25 && high > 0.5 && high < 0.55);
  assert.equal(growthRange([0.5, 1])[1], 1);
});

test("a mark of the growth says in a sentence what it is", () => {
  assert.equal(
    describePoint(growth([7, 0.25])[0]!, "hrn-5x5x3x@8"),
    "hrn-5x5x3x@8, result 7: raised the hypervolume by 0.2500 to 0.2500, after 1 network and " +
      "1 min of device time",
  );
});

test("results say what sets them apart", () => {
  assert.deepEqual(remarks(result({})), []);
  assert.deepEqual(remarks(result({ replacement: "polynomial", reused_from: 17 })), [
    "polynomial",
    "reused from result 17",
  ]);
  assert.deepEqual(remarks(candidate({ replacement: "polynomial" })), ["polynomial"]);
});
