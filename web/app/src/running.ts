// What runs now: one bar per leased Task.
import { h, progressBar } from "./dom";
import { count, percent, timeLeft } from "./format";
import { isRunning, stageTitle } from "./states";
import type { Candidate, Task } from "./views";

export interface Progress {
  fraction: number;
  text: string;
  left: string;
}

// Epochs done of those planned; time left at the pace of the last epoch. The descent ends at its
// smallest Budget and not after a planned number of epochs, so its bar shows ReLUs removed, and
// its time left is that of its cap on epochs.
export function progressOf(task: Task, candidate: Candidate): Progress {
  const { epochs_done: done, epochs_planned: planned, last_epoch: last } = task;
  const left = last === null || planned === 0 ? "" : timeLeft((planned - done) * last.seconds);
  if (task.stage === "linearize") {
    const target = candidate.budgets.length === 0 ? 0 : Math.min(...candidate.budgets);
    const relus = last === null ? candidate.relus : last.relus;
    const whole = candidate.relus - target;
    return {
      fraction: whole <= 0 ? 0 : Math.min(1, Math.max(0, (candidate.relus - relus) / whole)),
      text:
        `${count(relus)} of ${count(candidate.relus)} ReLUs, down to ${count(target)}; ` +
        `epoch ${count(done)} of at most ${count(planned)}`,
      left: left === "" ? "" : `at most ${left}`,
    };
  }
  return {
    fraction: planned === 0 ? 0 : Math.min(1, done / planned),
    text: planned === 0 ? "starting" : `epoch ${count(done)} of ${count(planned)}`,
    left,
  };
}

export function running(candidates: Candidate[]): HTMLElement {
  const rows = candidates.flatMap((candidate) =>
    candidate.tasks.filter(isRunning).map((task) => row(task, candidate)),
  );
  return rows.length === 0
    ? h("p", { class: "empty" }, "No task is leased now.")
    : h("ul", { class: "running" }, ...rows);
}

function row(task: Task, candidate: Candidate): HTMLElement {
  const progress = progressOf(task, candidate);
  const accuracy =
    task.last_epoch === null
      ? ""
      : `validation accuracy ${percent(task.last_epoch.validation_accuracy)} · `;
  return h(
    "li",
    { "data-task": task.task },
    h(
      "div",
      { class: "running-head" },
      h("a", { href: `#/candidates/${candidate.candidate}` }, candidate.name),
      h("span", { class: "stage" }, stageTitle(task)),
    ),
    progressBar(progress.fraction, `${candidate.name}, ${stageTitle(task)}: ${progress.text}`),
    h("p", { class: "quiet running-foot" }, h("span", {}, progress.text), h("span", {}, progress.left)),
    h(
      "p",
      { class: "quiet" },
      `${accuracy}${task.worker}${task.attempt > 1 ? `, attempt ${task.attempt}` : ""}`,
    ),
  );
}
