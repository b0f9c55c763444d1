import assert from "node:assert/strict";
import { test } from "node:test";
import { dataHashOf, mustChooseData, obstaclesBeside } from "../src/job_waiting";
import { problemsOf, workerState } from "../src/worker_problems";
import type { DataCopy, WorkerData } from "../src/views";
import { job, worker } from "./documents";

const opened = (changes: Partial<WorkerData>): WorkerData => ({
  data_set: "cifar10",
  train_images: 0,
  validation_images: 0,
  test_images: 0,
  split_seed: 1,
  data_hash: "",
  problem: "",
  ...changes,
});

test("a worker's state is one word, and says whether it is wrong", () => {
  assert.deepEqual(workerState(worker({}), 1000), { text: "connected", wrong: false });
  assert.deepEqual(workerState(worker({ problem: "full" }), 1000), {
    text: "takes no task",
    wrong: true,
  });
  const quarantined = { problem: "3 failures in a row", quarantined: true };
  assert.deepEqual(workerState(worker(quarantined), 1000), { text: "quarantined", wrong: true });
  assert.deepEqual(workerState(worker({ ...quarantined, connected: false }), 9000), {
    text: "gone, seen 8 s ago",
    wrong: false,
  });
});

test("problems are sentences that say what to do, each told once", () => {
  assert.deepEqual(problemsOf(worker({ data: [opened({ data_hash: "d" })] })), []);
  assert.deepEqual(
    problemsOf(
      worker({
        quarantined: true,
        problem: "quarantined until it is started again: 3 failures in a row",
        data: [
          opened({ problem: "train.bin: cut short" }),
          opened({ problem: "train.bin: cut short", split_seed: 2 }),
        ],
      }),
    ),
    [
      "Quarantined until it is started again: 3 failures in a row",
      "Cannot use data set cifar10: train.bin: cut short",
    ],
  );
  assert.deepEqual(problemsOf(worker({ problem: "the artifact folder is full" })), [
    "Takes no task: the artifact folder is full",
  ]);
  const gone = worker({ connected: false, data: [opened({ problem: "old" })] });
  assert.deepEqual(problemsOf(gone), []);
});

test("obstacles that a job's message tells already are not told again", () => {
  const obstacles = ["worker a: it has no data set x", "worker b: full"];
  assert.deepEqual(obstaclesBeside(job({ obstacles })), obstacles);
  assert.deepEqual(obstaclesBeside(job({ obstacles, message: `waiting; ${obstacles[0]}` })), [
    "worker b: full",
  ]);
});

test("a job needs a decision where copies differ and none was chosen", () => {
  const copy = (hash: string): DataCopy => ({ data_hash: hash, workers: ["a"], candidates: 0 });
  const one = job({ data_copies: [copy("d1")] });
  assert.equal(mustChooseData(one), false);
  assert.equal(dataHashOf(one), "d1");
  const two = job({ data_copies: [copy("d1"), copy("d2")] });
  assert.equal(mustChooseData(two), true);
  assert.equal(dataHashOf(two), null);
  const chosen = job({ data_hash: "d2", data_copies: [copy("d1"), copy("d2")] });
  assert.equal(mustChooseData(chosen), false);
  assert.equal(dataHashOf(chosen), "d2");
});
