import { getResults, getJob, getWorkers, type ServerEvent } from "./api";
import { h, replace, section, table, type Child, type Sorting } from "./dom";
import { axisTitle, count, duration, short, shortHash, time } from "./format";
import { FrontChart } from "./front_chart";
import { HypervolumeChart } from "./hypervolume_chart";
import { dataChoice, dataHashOf, jobMessage, mustChooseData } from "./job_waiting";
import { resultsTable } from "./results_table";
import { running } from "./running";
import { choiceText, remarksBeside, searchPart } from "./search_part";
import { criticalityTables } from "./criticality_table";
import { dataSet, jobState, stageTitle, taskStates } from "./states";
import type { View } from "./view";
import type { Candidate, HypervolumePoint, Job, JobDetail, ResultList, Task } from "./views";
import { workersTable } from "./workers_table";

export class JobView implements View {
  readonly nav = "jobs";
  private readonly head = h("div", { class: "page-head" });
  private readonly chart = new FrontChart();
  private readonly states = h("div", {});
  private readonly runningBody = h("div", {});
  private readonly growthChart = new HypervolumeChart();
  private readonly growth = section("Hypervolume", this.growthChart.element);
  private readonly searchBody = h("div", {});
  private readonly search = section("Search", this.searchBody);
  private readonly searchRow = h("div", { class: "columns" }, this.growth, this.search);
  private readonly criticalityBody = h("div", { class: "scroll" });
  private readonly criticality = section("Criticality", this.criticalityBody);
  private readonly resultsBody = h("div", { class: "scroll" });
  private readonly candidatesBody = h("div", { class: "scroll" });
  private readonly workersBody = h("div", { class: "scroll" });
  private readonly spec = h("pre", { class: "code", tabindex: 0 });
  private readonly columns: HTMLElement;
  readonly element: HTMLElement;
  private detail: JobDetail | null = null;
  private list: ResultList | null = null;
  private sorting: Sorting | null = null;

  constructor(private readonly id: number) {
    this.columns = h(
      "div",
      { class: "columns" },
      section("Front", this.chart.element),
      h(
        "div",
        { class: "side" },
        section("Tasks", this.states),
        section("Running", this.runningBody),
      ),
    );
    this.element = h(
      "div",
      { class: "page" },
      this.head,
      this.columns,
      this.searchRow,
      this.criticality,
      section("Results", this.resultsBody),
      section("Candidates", this.candidatesBody),
      section("Workers", this.workersBody),
      section(
        "Job file",
        h("details", { "data-key": "spec" }, h("summary", {}, "Show it with every default"), this.spec),
      ),
    );
  }

  title(): string {
    return this.detail === null ? `Job ${this.id}` : `${this.detail.job.name} (job ${this.id})`;
  }

  async load(signal: AbortSignal): Promise<void> {
    const [detail, results, { workers }] = await Promise.all([
      getJob(this.id, signal),
      getResults(this.id, signal),
      getWorkers(signal),
    ]);
    this.detail = detail;
    this.list = results;
    const { job, candidates } = detail;
    replace(this.head, ...heading(job));
    replace(this.states, taskStates(job));
    // A job that has ended leases nothing: the front takes the place of what would run.
    this.columns.classList.toggle("ended", job.state !== "RUNNING");
    replace(this.runningBody, running(candidates));
    this.growth.hidden = detail.hypervolumes.length === 0;
    this.search.hidden = job.strategy === null;
    this.searchRow.hidden = this.growth.hidden && this.search.hidden;
    this.searchRow.classList.toggle("single", this.growth.hidden || this.search.hidden);
    this.growthChart.update(detail);
    replace(this.searchBody, searchPart(detail));
    this.criticality.hidden = job.kind !== "criticality";
    replace(this.criticalityBody, ...criticalityTables(detail.criticality));
    this.drawResults();
    replace(this.candidatesBody, candidatesTable(candidates, detail.hypervolumes));
    const titles = new Map(
      candidates.flatMap((candidate) =>
        candidate.tasks.map((task) => [task.task, `${candidate.name} ${stageTitle(task)}`] as const),
      ),
    );
    replace(
      this.workersBody,
      workersTable(workers, Date.now(), (task) => titles.get(task) ?? null),
    );
    this.spec.textContent = prettyJson(detail.spec_json);
    this.chart.update(results.objectives, results.cost_limits, results.results);
  }

  private drawResults(): void {
    replace(
      this.resultsBody,
      resultsTable(
        this.list?.results ?? [],
        this.list?.objectives ?? [],
        this.detail?.job.unsealed_at_ms != null,
        this.sorting,
        (column) => {
          this.sorting = {
            column,
            descending: this.sorting?.column === column ? !this.sorting.descending : false,
          };
          this.drawResults();
        },
      ),
    );
  }

  concerns(event: ServerEvent): boolean {
    return event.job === this.id || event.job === 0;
  }

  close(): void {
    this.chart.close();
    this.growthChart.close();
  }
}

function heading(job: Job): Child[] {
  const facts: [string, Node | string][] = [["Data set", dataSet(job.data_set)]];
  const dataHash = dataHashOf(job);
  if (dataHash !== null) {
    facts.push(["Data hash", h("code", { title: dataHash }, shortHash(dataHash))]);
  }
  facts.push(
    ["Objectives", ["Validation accuracy", ...job.objectives.map(axisTitle)].join(", ")],
    ["Candidates", count(job.candidates)],
    ["Results", count(job.results)],
    ["Recipe", h("code", {}, shortHash(job.recipe))],
    ["Submitted", time(job.created_at_ms)],
  );
  if (job.threads > 0) facts.push(["Threads per task (CPU)", count(job.threads)]);
  if (job.finished_at_ms !== null) {
    facts.push(["Took", duration((job.finished_at_ms - job.created_at_ms) / 1000)]);
  }
  facts.push([
    "Test accuracy",
    job.unsealed_at_ms === null ? "sealed" : `unsealed ${time(job.unsealed_at_ms)}`,
  ]);
  if (job.archived_at_ms !== null) {
    facts.push(["Archived", `${time(job.archived_at_ms)}; ${keptText(job.keeps)}`]);
  }
  return [
    h("p", { class: "crumbs" }, h("a", { href: "#/" }, "Jobs"), ` / ${job.job}`),
    h("h1", {}, job.name, " ", jobState(job)),
    jobMessage(job),
    mustChooseData(job) ? dataChoice(job) : null,
    h(
      "dl",
      { class: "facts" },
      ...facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    ),
  ];
}

// Which weights of an archived Job are there.
function keptText(keeps: string): string {
  switch (keeps) {
    case "results":
      return "keeps the weights of its results";
    case "front":
      return "keeps the weights of its front";
    default:
      return "keeps no weights";
  }
}

function candidatesTable(candidates: Candidate[], points: HypervolumePoint[]): HTMLElement {
  const searched = candidates.some((candidate) => candidate.results_seen !== null);
  return table(
    "Candidates",
    [
      {
        title: "Candidate",
        cell: (candidate) =>
          h(
            "span",
            {},
            h(
              "a",
              { href: `#/candidates/${candidate.candidate}`, "data-key": `candidate ${candidate.candidate}` },
              candidate.replicate === 0
                ? candidate.name
                : `${candidate.name}, replicate ${candidate.replicate}`,
            ),
            remarksBeside(candidate),
          ),
      },
      { title: "ReLUs", number: true, cell: (candidate) => count(candidate.relus) },
      { title: "MACs", number: true, cell: (candidate) => short(candidate.macs) },
      { title: "Parameters", number: true, cell: (candidate) => short(candidate.parameters) },
      { title: "Origin", cell: (candidate) => candidate.origin },
      ...(searched
        ? [
            {
              title: "Chosen",
              narrow: "line" as const,
              cell: (candidate: Candidate) => choiceText(candidate, points) ?? "–",
            },
          ]
        : []),
      { title: "Stages", narrow: "line", cell: (candidate) => stages(candidate.tasks) },
    ],
    candidates,
  );
}

function stages(tasks: Task[]): HTMLElement {
  return h(
    "span",
    { class: "pills" },
    ...tasks.map((task) =>
      h(
        "span",
        {
          class: `pill state-${task.state.toLowerCase()}`,
          title: `${stageTitle(task)}: ${task.state.toLowerCase()}${task.message === "" ? "" : `, ${task.message}`}`,
        },
        h("span", { class: "sr" }, `${stageTitle(task)} ${task.state.toLowerCase()}`),
        h("span", { "aria-hidden": "true" }, pillText(task)),
      ),
    ),
  );
}

function pillText(task: Task): string {
  return task.budget === null ? task.stage : short(task.budget);
}

export function prettyJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
