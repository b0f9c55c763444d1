import assert from "node:assert/strict";
import { test } from "node:test";
import { errorMessage } from "../src/api";
import { parseRoute } from "../src/routes";

test("error documents", () => {
  assert.equal(errorMessage('{"error": "no job 7"}'), "no job 7");
  assert.equal(errorMessage("<html>"), null);
  for (const other of ['{"message": 1}', '{"error": 1}', "null", "1"]) {
    assert.equal(errorMessage(other), null, other);
  }
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
