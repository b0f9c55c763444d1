import { getJobs, type ServerEvent } from "./api";
import { h, progressBar, replace, table } from "./dom";
import { count, duration, hypervolume, time } from "./format";
import { dataSet, jobState, taskTotal } from "./states";
import type { View } from "./view";
import type { Job } from "./views";

export class JobsView implements View {
  readonly nav = "jobs";
  private readonly body = h("div", { class: "scroll" });
  readonly element = h(
    "div",
    { class: "page" },
    h("h1", {}, "Jobs"),
    h("section", { class: "card" }, this.body),
  );

  title(): string {
    return "Jobs";
  }

  async load(signal: AbortSignal): Promise<void> {
    const { jobs } = await getJobs(signal);
    replace(
      this.body,
      jobs.length === 0
        ? h("p", { class: "empty" }, "No job yet. Submit one with ", h("code", {}, "reluscape submit job.json"), ".")
        : jobsTable(jobs),
    );
  }

  concerns(_event: ServerEvent): boolean {
    return true;
  }

  close(): void {}
}

function jobsTable(jobs: Job[]): HTMLElement {
  return table(
    "Jobs, newest first",
    [
      {
        title: "Job",
        cell: (job) =>
          h(
            "span",
            {},
            h(
              "a",
              { href: `#/jobs/${job.job}`, class: "strong" },
              h("span", { class: "quiet" }, `${job.job} `),
              job.name,
            ),
            job.strategy === null
              ? null
              : h("span", { class: "remarks" }, ` search by ${job.strategy}`),
          ),
      },
      { title: "State", cell: (job) => jobState(job) },
      { title: "Progress", narrow: "line", cell: progress },
      { title: "Data set", cell: (job) => dataSet(job.data_set) },
      { title: "Candidates", number: true, cell: (job) => count(job.candidates) },
      { title: "Results", number: true, cell: (job) => count(job.results) },
      ...(jobs.some((job) => job.hypervolume !== null)
        ? [{ title: "Hypervolume", number: true, cell: (job: Job) => hypervolume(job.hypervolume) }]
        : []),
      { title: "Submitted", oneLine: true, cell: (job) => time(job.created_at_ms) },
      {
        title: "Took",
        number: true,
        cell: (job) =>
          job.finished_at_ms === null
            ? "–"
            : duration((job.finished_at_ms - job.created_at_ms) / 1000),
      },
    ],
    jobs,
  );
}

function progress(job: Job): HTMLElement {
  const total = taskTotal(job);
  const done = job.tasks["SUCCEEDED"] ?? 0;
  const text = `${count(done)} of ${count(total)} tasks`;
  return h(
    "span",
    { class: "inline-progress" },
    progressBar(total === 0 ? 0 : done / total, text, job.state === "RUNNING" ? "" : "still"),
    h("span", { class: "quiet" }, text),
  );
}
