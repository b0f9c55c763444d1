// States, data sets and Stages as small labelled pieces.
import { h } from "./dom";
import { count } from "./format";
import type { Job, Task } from "./views";

// In the order of a Task's life.
export const TASK_STATES = ["SUCCEEDED", "LEASED", "QUEUED", "BLOCKED", "FAILED", "CANCELLED"];

export function stateBadge(state: string): HTMLElement {
  return h("span", { class: `badge state-${state.toLowerCase()}` }, state.toLowerCase());
}

// With whether it is archived, which every page says where it says the state.
export function jobState(job: Job): HTMLElement {
  return job.archived_at_ms === null
    ? stateBadge(job.state)
    : h("span", {}, stateBadge(job.state), " ", h("span", { class: "badge archived" }, "archived"));
}

// A name that says where the images come from; drawn images are never shown without the word.
export function dataSet(name: string): HTMLElement {
  return name === "synthetic"
    ? h("span", { class: "data-set" }, h("span", { class: "badge synthetic" }, "synthetic"), " images")
    : h("span", { class: "data-set" }, name);
}

export function taskTotal(job: Job): number {
  let total = 0;
  for (const number of Object.values(job.tasks)) {
    total += number;
  }
  return total;
}

// One bar with a part per state, and the numbers in words below.
export function taskStates(job: Job): HTMLElement {
  const total = taskTotal(job);
  const bar = h("div", { class: "states-bar", "aria-hidden": "true" });
  const legend = h("ul", { class: "states-legend" });
  for (const state of TASK_STATES) {
    const number = job.tasks[state] ?? 0;
    if (number === 0) {
      continue;
    }
    const part = h("span", { class: `part state-${state.toLowerCase()}` });
    part.style.flexGrow = String(number);
    bar.append(part);
    legend.append(
      h(
        "li",
        {},
        h("span", { class: `swatch state-${state.toLowerCase()}`, "aria-hidden": "true" }),
        h("b", {}, count(number)),
        ` ${state.toLowerCase()}`,
      ),
    );
  }
  return h(
    "div",
    { class: "states", role: "group", "aria-label": `${count(total)} tasks by state` },
    bar,
    legend,
  );
}

export function stageTitle(task: { stage: string; budget: number | null }): string {
  return task.budget === null ? task.stage : `${task.stage} ${count(task.budget)}`;
}

export function isRunning(task: Task): boolean {
  return task.state === "LEASED";
}
