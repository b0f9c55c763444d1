import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ago,
  axisTitle,
  bytes,
  count,
  duration,
  inSeconds,
  PAPERS,
  protocolName,
  metricValue,
  parseMetric,
  percent,
  short,
  timeLeft,
} from "../src/format";

test("counts are grouped, missing ones a dash", () => {
  assert.equal(count(1234567), "1,234,567");
  assert.equal(count(0), "0");
  assert.equal(count(null), "–");
});

test("short numbers keep three digits and never show 1000k", () => {
  assert.equal(short(0), "0");
  assert.equal(short(999), "999");
  assert.equal(short(1000), "1k");
  assert.equal(short(12345), "12.3k");
  assert.equal(short(999_950), "1M");
  assert.equal(short(4_560_000), "4.56M");
  assert.equal(short(1.5e12), "1.5T");
  assert.equal(short(0.00012), "0.00012");
});

test("accuracies are percentages", () => {
  assert.equal(percent(0.8125), "81.3 %");
  assert.equal(percent(1), "100.0 %");
  assert.equal(percent(null), "–");
});

test("durations choose their unit and carry over", () => {
  assert.equal(duration(0), "0 s");
  assert.equal(duration(0.0421), "42.1 ms");
  assert.equal(duration(0.9999), "1 s");
  assert.equal(duration(3.42), "3.42 s");
  assert.equal(duration(59.96), "1 min");
  assert.equal(duration(320), "5 min 20 s");
  assert.equal(duration(3599), "60 min");
  assert.equal(duration(3600), "1 h 00 min");
  assert.equal(duration(7500), "2 h 05 min");
  assert.equal(duration(Number.NaN), "–");
  assert.equal(duration(-1), "–");
});

test("time left and times ago", () => {
  assert.equal(timeLeft(0.4), "under 1 s left");
  assert.equal(timeLeft(12.2), "13 s left");
  assert.equal(timeLeft(-1), "");
  assert.equal(ago(10_000, 10_500), "now");
  assert.equal(ago(10_000, 18_000), "8 s ago");
  assert.equal(ago(20_000, 10_000), "now");
  assert.equal(ago(0, 86_400_000 * 3), "3 days ago");
});

test("sizes, axes and models", () => {
  assert.equal(bytes(512), "512 B");
  assert.equal(bytes(1536), "1.5 KiB");
  assert.equal(bytes(3 * 2 ** 20), "3 MiB");
  assert.equal(protocolName("delphi_server_garbler"), "DELPHI server garbler");
  assert.equal(protocolName("my_model"), "my model");
  assert.equal(axisTitle(PAPERS), "Papers’ online (s)");
  assert.equal(axisTitle("relus"), "ReLUs");
  assert.equal(axisTitle("unknown"), "unknown");
});

test("cost metrics are named by protocol, output and setting, with their unit", () => {
  assert.equal(axisTitle("cheetah.online_s@wan"), "Cheetah online, wan (s)");
  assert.equal(
    axisTitle("delphi_server_garbler.client_storage_bytes@lan"),
    "DELPHI server garbler client storage, lan (bytes)",
  );
  assert.equal(axisTitle("ckks.bootstraps@heaan_gpu"), "CKKS bootstraps, heaan_gpu");
  assert.equal(parseMetric("relus"), null);
  assert.deepEqual(parseMetric(PAPERS), {
    protocol: "papers",
    output: "online_s",
    setting: "",
    unit: "s",
  });
  assert.equal(parseMetric("cheetah.online.ot_s@lan")?.unit, "s");
  assert.ok(inSeconds("ckks.seconds@mpcnn_cpu") && inSeconds(PAPERS));
  assert.ok(!inSeconds("ckks.bootstraps@mpcnn_cpu"));
  assert.equal(metricValue("cheetah.online_s@wan", 3.42), "3.42 s");
  assert.equal(metricValue("cheetah.online_bytes@lan", 2048), "2 KiB");
  assert.equal(metricValue("ckks.bootstraps@mpcnn_cpu", 12), "12");
});
