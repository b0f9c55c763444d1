import assert from "node:assert/strict";
import { test } from "node:test";
import { retryDelay } from "../src/events";
import { Refresher } from "../src/refresher";

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test("many requests become one call, and one more for what came meanwhile", async () => {
  let calls = 0;
  let release: () => void = () => {};
  const refresher = new Refresher(
    () => {
      calls++;
      return new Promise((resolve) => {
        release = resolve;
      });
    },
    1,
    0,
    () => 0,
  );
  for (let i = 0; i < 50; i++) {
    refresher.request();
  }
  await sleep(30);
  assert.equal(calls, 1);
  refresher.request();
  refresher.request();
  await sleep(30);
  assert.equal(calls, 1, "never twice at once");
  release();
  await sleep(30);
  assert.equal(calls, 2);
  release();
  await sleep(30);
  assert.equal(calls, 2);
});

test("a stopped refresher calls nobody", async () => {
  let calls = 0;
  const refresher = new Refresher(async () => void calls++, 1, 0);
  refresher.request();
  refresher.stop();
  refresher.request();
  await sleep(30);
  assert.equal(calls, 0);
});

test("a failing call does not end the refreshing", async () => {
  let calls = 0;
  const refresher = new Refresher(
    async () => {
      calls++;
      throw new Error("no");
    },
    1,
    0,
  );
  await assert.rejects(refresher.run());
  await assert.rejects(refresher.run());
  assert.equal(calls, 2);
});

test("reconnects wait longer and longer, up to 15 s", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 1000].map(retryDelay), [
    1000, 2000, 4000, 8000, 15000, 15000, 15000,
  ]);
});
