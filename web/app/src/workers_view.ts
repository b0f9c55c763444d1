import { getWorkers, type ServerEvent } from "./api";
import { h, replace } from "./dom";
import type { View } from "./view";
import { workersTable } from "./workers_table";

export class WorkersView implements View {
  readonly nav = "workers";
  private readonly body = h("div", { class: "scroll" });
  readonly element = h(
    "div",
    { class: "page" },
    h("h1", {}, "Workers"),
    h("section", { class: "card" }, this.body),
  );

  title(): string {
    return "Workers";
  }

  async load(signal: AbortSignal): Promise<void> {
    const { workers } = await getWorkers(signal);
    replace(this.body, workersTable(workers, Date.now()));
  }

  concerns(event: ServerEvent): boolean {
    return event.worker !== "" && event.kind !== "epoch";
  }

  close(): void {}
}
