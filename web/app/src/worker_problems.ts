// What is wrong with Workers: a word for tables, and everything in full.
import { h } from "./dom";
import { ago } from "./format";
import type { Worker } from "./views";

// `wrong`: connected, and gets no Task at all.
export function workerState(worker: Worker, now: number): { text: string; wrong: boolean } {
  if (!worker.connected) {
    return { text: `gone, seen ${ago(worker.last_seen_ms, now)}`, wrong: false };
  }
  if (worker.quarantined) {
    return { text: "quarantined", wrong: true };
  }
  return worker.problem === ""
    ? { text: "connected", wrong: false }
    : { text: "takes no task", wrong: true };
}

// A sentence each. What a Worker could not open is told only while it is connected: it looks again
// when it comes back.
export function problemsOf(worker: Worker): string[] {
  const problems: string[] = [];
  if (worker.problem !== "") {
    problems.push(
      worker.quarantined
        ? sentence(worker.problem) // the coordinator's own words, which say how it ends
        : `Takes no task: ${worker.problem}`,
    );
  }
  if (worker.connected) {
    for (const data of worker.data) {
      if (data.problem !== "") {
        problems.push(`Cannot use data set ${data.data_set}: ${data.problem}`);
      }
    }
  }
  return [...new Set(problems)]; // the same of several splits is told once
}

function sentence(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

// One item per Worker with a problem; null where nothing is wrong.
export function workerProblems(workers: Worker[]): HTMLElement | null {
  const items = workers.flatMap((worker) => {
    const problems = problemsOf(worker);
    return problems.length === 0
      ? []
      : [
          h(
            "li",
            {},
            h("span", { class: "strong" }, worker.worker),
            ...problems.map((problem) => h("p", {}, problem)),
          ),
        ];
  });
  return items.length === 0
    ? null
    : h("ul", { class: "message problems", "aria-label": "What is wrong with workers" }, ...items);
}
