// What a Job waits for: its message, what keeps Workers from its Tasks, copies that differ.
import { h, table } from "./dom";
import { count, shortHash } from "./format";
import type { DataCopy, Job } from "./views";

// More of them are folded away.
const SHOWN_OBSTACLES = 8;

// Those that its message does not tell already.
export function obstaclesBeside(job: Job): string[] {
  return job.obstacles.filter((obstacle) => !job.message.includes(obstacle));
}

// null where it has nothing to say.
export function jobMessage(job: Job): HTMLElement | null {
  if (job.message === "" && job.obstacles.length === 0) {
    return null;
  }
  const list = (texts: string[]): HTMLElement =>
    h("ul", { class: "obstacles" }, ...texts.map((text) => h("li", {}, text)));
  const obstacles = obstaclesBeside(job);
  const shown = obstacles.slice(0, SHOWN_OBSTACLES);
  const folded = obstacles.slice(SHOWN_OBSTACLES);
  return h(
    "div",
    { class: "message" },
    h(
      "p",
      {},
      job.message === "" ? "Some connected workers take none of its tasks:" : job.message,
    ),
    shown.length === 0 ? null : list(shown),
    folded.length === 0
      ? null
      : h(
          "details",
          { "data-key": "obstacles" },
          h("summary", {}, `${count(folded.length)} more`),
          list(folded),
        ),
  );
}

// Whether Workers have different copies of the data set and none is stated or chosen.
export function mustChooseData(job: Job): boolean {
  return job.data_copies.length > 1 && job.data_hash === null;
}

// The hash of the copy that the Job goes by; null where it is not known yet.
export function dataHashOf(job: Job): string | null {
  const only = job.data_copies.length === 1 ? job.data_copies[0]?.data_hash : undefined;
  return job.data_hash ?? only ?? null;
}

// How to choose one of the copies.
export function dataChoice(job: Job): HTMLElement {
  return h(
    "section",
    { class: "card choice" },
    h("h2", {}, "Its workers have different copies of the data set"),
    h(
      "p",
      {},
      "Results of different images are not compared, so no task starts before one copy is " +
        "chosen. Run the command beside the right one. Candidates that were trained on another " +
        "run again from their beginning.",
    ),
    h("div", { class: "scroll" }, copiesTable(job)),
  );
}

function copiesTable(job: Job): HTMLElement {
  return table<DataCopy>(
    "Copies of the data set",
    [
      {
        title: "Data hash",
        cell: (copy) => h("code", { title: copy.data_hash }, shortHash(copy.data_hash)),
      },
      {
        title: "Workers that have it",
        narrow: "line",
        cell: (copy) => (copy.workers.length === 0 ? "none connected" : copy.workers.join(", ")),
      },
      {
        title: "Candidates trained on it",
        narrow: "line",
        number: true,
        cell: (copy) => count(copy.candidates),
      },
      {
        title: "Command",
        narrow: "line",
        cell: (copy) =>
          h("code", {}, `reluscape data ${job.job} --use ${shortHash(copy.data_hash)}`),
      },
    ],
    job.data_copies,
  );
}
