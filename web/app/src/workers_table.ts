import type { Worker } from "./api";
import { h, table } from "./dom";
import { ago, shortHash } from "./format";

// `taskTitle` names a Task where the page knows it.
export function workersTable(
  workers: Worker[],
  now: number,
  taskTitle: (task: number) => string | null = () => null,
): HTMLElement {
  if (workers.length === 0) {
    return h("p", { class: "empty" }, "No worker has called yet. Start one with reluscape-worker.");
  }
  return table(
    "Workers",
    [
      {
        title: "Worker",
        cell: (worker) =>
          h(
            "span",
            {},
            h("span", {
              class: `dot-state ${worker.connected ? "on" : "off"}`,
              "aria-hidden": "true",
            }),
            worker.worker,
          ),
      },
      {
        title: "State",
        cell: (worker) =>
          worker.connected ? "connected" : `gone, seen ${ago(worker.last_seen_ms, now)}`,
      },
      { title: "Device", cell: (worker) => worker.device },
      {
        title: "Tasks",
        narrow: "line",
        cell: (worker) =>
          worker.tasks.length === 0
            ? "idle"
            : worker.tasks.map((task) => taskTitle(task) ?? `task ${task}`).join(", "),
      },
      { title: "Data sets", narrow: "line", cell: (worker) => worker.data_sets.join(", ") },
      { title: "Host", narrow: "line", cell: (worker) => `${worker.host}, process ${worker.pid}` },
      {
        title: "Build",
        narrow: "line",
        cell: (worker) => `${shortHash(worker.build_commit)}, LibTorch ${worker.torch_version || "–"}`,
      },
    ],
    workers,
  );
}
