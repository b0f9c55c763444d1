import assert from "node:assert/strict";
import { test } from "node:test";
import { errorMessage, front, jobDetail, jobList, serverEvent } from "../src/api";
import { parseRoute } from "../src/routes";
import { jobJson, resultJson } from "./documents";

const document = (result: Record<string, unknown>): unknown => ({
  job: 1,
  objectives: ["relus"],
  cost_limits: [],
  results: [result],
});

test("a front is read with its maps and nulls", () => {
  const [result] = front(document(resultJson()), "").results;
  assert.equal(result?.latency.get("delphi_online"), 0.02);
  assert.equal(result?.accuracy_test, null);
  assert.equal(result?.measurement.threads, 2);
  assert.deepEqual(result?.costs.get("cheetah.online_s@wan"), { value: 2.5, lower_bound: true });
});

test("a network that was trained whole has no seeds of stages that it did not go through", () => {
  const whole = resultJson({ seeds: { pretrain: 1, linearize: null, fine_tune: null, split: 4 } });
  const [result] = front(document(whole), "").results;
  assert.deepEqual(result?.seeds, { pretrain: 1, linearize: null, fine_tune: null, split: 4 });
});

test("a job that measured a network says its order", () => {
  const detail = jobDetail(
    {
      job: jobJson({
        state: "FINISHED",
        finished_at_ms: 2,
        tasks: { SUCCEEDED: 5 },
        kind: "criticality",
      }),
      spec_json: "{}",
      candidates: [],
      criticality: [
        {
          candidate: 1,
          name: "resnet18@2",
          network: "n",
          network_hash: "h",
          order: [2, 1],
          exponent: 0.07,
          baseline: "minimum",
          stages: [
            {
              stage: 1,
              relus: 8192,
              accuracy: 0.5,
              accuracy_lowest: 0.5,
              accuracy_highest: 0.5,
              replicates: 1,
              score: 0,
              rank: 2,
            },
          ],
        },
      ],
    },
    "",
  );
  assert.equal(detail.job.kind, "criticality");
  assert.deepEqual(detail.criticality[0]?.order, [2, 1]);
});

test("a missing or wrong field is named with its path", () => {
  const broken = resultJson();
  delete broken["relus"];
  assert.throws(() => front(document(broken), ""), /results\[0\]\.relus: found undefined/);
  assert.throws(
    () => front(document(resultJson({ latency: { a: "1" } })), ""),
    /results\[0\]\.latency\.a: found string, expected a number/,
  );
  assert.throws(() => front(document(resultJson({ macs: Number.NaN })), ""), /macs/);
  assert.throws(() => jobList({ jobs: {} }, ""), /jobs: found an object|jobs: found object/);
  assert.throws(() => jobList(null, ""), /found null/);
});

test("fields of a newer server do no harm", () => {
  const event = serverEvent(
    { event: 1, at_ms: 2, kind: "x", job: 0, candidate: 0, task: 0, result: 0, worker: "", detail: "", more: 1 },
    "",
  );
  assert.equal("more" in event, false);
});

test("error documents", () => {
  assert.equal(errorMessage('{"error": "no job 7"}'), "no job 7");
  assert.equal(errorMessage("<html>"), null);
  assert.equal(errorMessage('{"message": 1}'), null);
});

test("pages by address", () => {
  assert.deepEqual(parseRoute(""), { page: "jobs" });
  assert.deepEqual(parseRoute("#/"), { page: "jobs" });
  assert.deepEqual(parseRoute("#/jobs/12"), { page: "job", id: 12 });
  assert.deepEqual(parseRoute("#/candidates/3/"), { page: "candidate", id: 3 });
  assert.deepEqual(parseRoute("#/workers"), { page: "workers" });
  for (const hash of ["#/jobs/0", "#/jobs/x", "#/jobs/1/2", "#/jobs/99999999999999999", "#x"]) {
    assert.deepEqual(parseRoute(hash), { page: "unknown" }, hash);
  }
});
