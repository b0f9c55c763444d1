import { getCandidate, getJob, type ServerEvent } from "./api";
import { h, progressBar, replace, section, table, type Child } from "./dom";
import {
  axisTitle,
  bytes,
  count,
  duration,
  hypervolume,
  metricValue,
  PAPERS,
  percent,
  shortHash,
  time,
} from "./format";
import { layerBars, polynomials } from "./layer_bars";
import { progressOf } from "./running";
import { choiceText, remarksBeside } from "./search_part";
import { dataSet, stageTitle, stateBadge } from "./states";
import { TrainingCurves } from "./training_curves";
import type { View } from "./view";
import type { Candidate, CandidateDetail, Job, JobDetail, Result } from "./views";

export class CandidateView implements View {
  readonly nav = "jobs";
  private readonly head = h("div", { class: "page-head" });
  private readonly stagesBody = h("div", { class: "scroll" });
  private readonly curves = new TrainingCurves();
  private readonly resultsBody = h("div", { class: "result-cards" });
  readonly element = h(
    "div",
    { class: "page" },
    this.head,
    section("Stages", this.stagesBody),
    section("Learning curves", this.curves.element),
    section("Results", this.resultsBody),
  );
  private detail: CandidateDetail | null = null;
  private job: Job | null = null; // null: to be fetched
  private choice: string | null = null;

  constructor(private readonly id: number) {}

  title(): string {
    return this.detail === null ? `Candidate ${this.id}` : this.detail.candidate.name;
  }

  async load(signal: AbortSignal): Promise<void> {
    const detail = await getCandidate(this.id, signal);
    // The Job is a large document where it has many Candidates, and of it only the head is shown.
    // The Results that a search knew when it chose a Candidate are in it already.
    const job = this.job ?? this.keep(detail, await getJob(detail.candidate.job, signal));
    this.detail = detail;
    replace(this.head, ...heading(detail.candidate, job, this.choice));
    replace(this.stagesBody, stagesTable(detail.candidate));
    this.curves.update(detail.curves);
    replace(
      this.resultsBody,
      ...(detail.results.length === 0
        ? [h("p", { class: "empty" }, "No result yet: the first fine-tune gives one.")]
        : detail.results.map((result) => resultCard(result, job))),
    );
  }

  private keep({ candidate }: CandidateDetail, { job, hypervolumes }: JobDetail): Job {
    this.choice = choiceText(candidate, hypervolumes);
    this.job = job;
    return job;
  }

  concerns(event: ServerEvent): boolean {
    if (event.kind === "job.unsealed" && event.job === this.job?.job) {
      this.job = null;
      return true;
    }
    return event.candidate === this.id;
  }

  close(): void {
    this.curves.close();
  }
}

function facts(rows: [string, Child][]): HTMLElement {
  return h(
    "dl",
    { class: "facts" },
    ...rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
}

function heading(candidate: Candidate, job: Job, choice: string | null): Child[] {
  return [
    h(
      "p",
      { class: "crumbs" },
      h("a", { href: "#/" }, "Jobs"),
      " / ",
      h("a", { href: `#/jobs/${job.job}` }, job.name),
      ` / candidate ${candidate.candidate}`,
    ),
    h("h1", {}, candidate.name),
    h("p", { class: "canonical" }, h("code", {}, candidate.network)),
    choice === null ? null : h("p", { class: "canonical" }, `The search chose it ${choice}`),
    facts([
      ["ReLUs", count(candidate.relus)],
      ["ReLUs with stem", count(candidate.relus_with_stem)],
      ["MACs", count(candidate.macs)],
      ["Parameters", count(candidate.parameters)],
      ["Budgets", candidate.budgets.map(count).join(", ")],
      ["Replicate", count(candidate.replicate)],
      ...(candidate.replacement === "polynomial"
        ? [["Removed ReLUs", "polynomials"] as [string, string]]
        : []),
      ["Data set", dataSet(job.data_set)],
      ["Network hash", h("code", {}, shortHash(candidate.network_hash))],
    ]),
  ];
}

function stagesTable(candidate: Candidate): HTMLElement {
  return table(
    "Tasks by stage",
    [
      { title: "Stage", cell: (task) => stageTitle(task) },
      { title: "State", cell: (task) => stateBadge(task.state) },
      {
        title: "Progress",
        narrow: "line",
        cell: (task) => {
          const progress = progressOf(task, candidate);
          const done = task.state === "SUCCEEDED";
          return h(
            "span",
            { class: "inline-progress" },
            progressBar(
              done ? 1 : progress.fraction,
              `${stageTitle(task)}: ${progress.text}`,
              task.state === "LEASED" ? "" : "still",
            ),
            h(
              "span",
              { class: "quiet" },
              done
                ? `${count(task.epochs_done)} epochs`
                : [`${count(task.epochs_done)} of ${count(task.epochs_planned)} epochs`, task.state === "LEASED" ? progress.left : ""]
                    .filter((text) => text !== "")
                    .join(", "),
            ),
          );
        },
      },
      {
        title: "Validation accuracy",
        number: true,
        cell: (task) => percent(task.last_epoch === null ? null : task.last_epoch.validation_accuracy),
      },
      { title: "Attempt", number: true, cell: (task) => count(task.attempt) },
      { title: "Worker", cell: (task) => task.worker || "–" },
      { title: "Device time", number: true, cell: (task) => duration(task.device_seconds) },
      { title: "Note", narrow: "line", cell: (task) => task.message === "" ? null : h("span", { class: "task-message" }, task.message) },
    ],
    candidate.tasks,
  );
}

function resultCard(result: Result, job: Job): HTMLElement {
  const numbers: [string, Child][] = [
    ["Validation accuracy", h("b", {}, percent(result.report.accuracy_validation))],
    ["Of the worst class", percent(result.report.accuracy_worst_class)],
    ["Trimmed, before fine-tune", percent(result.report.accuracy_trimmed)],
    ["Soft, before the trim", percent(result.report.accuracy_soft)],
  ];
  if (result.hypervolume_gain !== null) {
    numbers.push(["Raised the hypervolume by", hypervolume(result.hypervolume_gain)]);
  }
  if (polynomials(result) > 0) {
    numbers.push(["Polynomials in place of ReLUs", count(polynomials(result))]);
  }
  if (job.unsealed_at_ms !== null) {
    numbers.push(["Test accuracy", percent(result.accuracy_test)]);
  }
  const papers = result.costs[PAPERS];
  if (papers !== undefined) {
    numbers.push([axisTitle(PAPERS), metricValue(PAPERS, papers.value)]);
  }
  return h(
    "article",
    { class: "result-card", "data-result": result.result },
    h(
      "h3",
      {},
      `${count(result.report.relus)} ReLUs`,
      h("span", { class: "quiet" }, ` at budget ${count(result.report.budget)} `),
      result.on_front ? h("span", { class: "badge on-front" }, "on front") : null,
      remarksBeside(result),
    ),
    facts(numbers),
    h("h4", {}, "ReLUs per layer"),
    layerBars(result),
    h(
      "details",
      { "data-key": `provenance ${result.result}` },
      h("summary", {}, "Provenance"),
      provenance(result),
    ),
  );
}

function provenance(result: Result): HTMLElement {
  const { provenance: m, seeds, seconds } = result;
  const { artifact } = result.report;
  const rows: [string, string][] = [
    ["Finished", time(result.created_at_ms)],
    ["Worker", `${result.worker}, attempt ${result.attempt}`],
    ["Device", `${m.device}, ${m.precision}, ${count(m.threads)} threads`],
    [
      "Device seconds",
      `pretrain ${duration(seconds.pretrain)}, linearize ${duration(seconds.linearize)}, ` +
        `fine-tune ${duration(seconds.fine_tune)}`,
    ],
    [
      "Seeds",
      [
        `pretrain ${seeds.pretrain}`,
        ...(seeds.linearize === null ? [] : [`linearize ${seeds.linearize}`]),
        ...(seeds.fine_tune === null ? [] : [`fine-tune ${seeds.fine_tune}`]),
        `split ${seeds.split}`,
      ].join(", "),
    ],
    ...(result.origin === "" ? [] : [["Origin", result.origin] as [string, string]]),
    [
      "Images",
      `${count(m.train_images)} training, ${count(m.validation_images)} validation, ` +
        `${count(m.test_images)} test`,
    ],
    ["Recipe", result.recipe],
    ["Data hash", m.data_hash],
    ["Split hash", m.split_hash],
    ["Network hash", result.network_hash],
    ["Build commit", m.build_commit],
    ["LibTorch", m.torch_version],
    ["Artifact", `${artifact.sha256}, ${bytes(artifact.bytes)}`],
  ];
  return h(
    "dl",
    { class: "provenance" },
    ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
  );
}
