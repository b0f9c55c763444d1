import { h, table } from "./dom";
import { shortHash } from "./format";
import type { Worker } from "./views";
import { workerProblems, workerState } from "./worker_problems";

// Jobs that use different numbers of images of a data set give it as many hashes.
const SHOWN_HASHES = 2;

// What is wrong stands in full above the table. `taskTitle` names a Task where the page knows it.
export function workersTable(
  workers: Worker[],
  now: number,
  taskTitle: (task: number) => string | null = () => null,
): HTMLElement {
  if (workers.length === 0) {
    return h("p", { class: "empty" }, "No worker has called yet. Start one with reluscape-worker.");
  }
  const workersByName = table(
    "Workers",
    [
      {
        title: "Worker",
        cell: (worker) =>
          h(
            "span",
            {},
            h("span", {
              class: `dot-state ${dotClass(worker, now)}`,
              "aria-hidden": "true",
            }),
            worker.worker,
          ),
      },
      {
        title: "State",
        cell: (worker) => {
          const { text, wrong } = workerState(worker, now);
          return wrong ? h("span", { class: "badge state-failed" }, text) : text;
        },
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
      { title: "Data sets", narrow: "line", cell: dataSets },
      { title: "Host", narrow: "line", cell: (worker) => `${worker.host}, process ${worker.pid}` },
      {
        title: "Build",
        narrow: "line",
        cell: (worker) => `${shortHash(worker.build_commit)}, LibTorch ${worker.torch_version || "–"}`,
      },
    ],
    workers,
  );
  return h("div", {}, workerProblems(workers), workersByName);
}

function dotClass(worker: Worker, now: number): string {
  return workerState(worker, now).wrong ? "wrong" : worker.connected ? "on" : "off";
}

// Each data set with the hashes of what the Worker has opened of it.
function dataSets(worker: Worker): HTMLElement {
  const names = [...new Set([...worker.data_sets, ...worker.data.map((data) => data.data_set)])];
  return h(
    "ul",
    { class: "worker-data" },
    ...names.map((name) => {
      const opened = worker.data.filter((data) => data.data_set === name);
      const hashes = [...new Set(opened.map((data) => data.data_hash))].filter((hash) => hash !== "");
      return h(
        "li",
        {},
        name,
        ...hashes
          .slice(0, SHOWN_HASHES)
          .flatMap((hash) => [" ", h("code", { class: "quiet", title: hash }, shortHash(hash))]),
        hashes.length > SHOWN_HASHES ? ` and ${hashes.length - SHOWN_HASHES} more` : null,
        ...(opened.some((data) => data.problem !== "")
          ? [" ", h("span", { class: "badge state-failed" }, "cannot use it")]
          : []),
      );
    }),
  );
}
