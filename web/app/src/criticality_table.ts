import { h, table } from "./dom";
import { count, percent } from "./format";
import type { Criticality } from "./views";

// One table per network that the job has measured, the most critical stage first.
export function criticalityTables(networks: Criticality[]): HTMLElement[] {
  if (networks.length === 0) {
    return [h("p", {}, "No network is measured in all its stages yet.")];
  }
  return networks.map((network) =>
    h(
      "div",
      {},
      h(
        "p",
        {},
        `${network.name}: order ${network.order.join(", ")} ` +
          `(exponent ${network.exponent}, baseline ${network.baseline})`,
      ),
      table(
        `Criticality of ${network.name}`,
        [
          { title: "Rank", number: true, cell: (stage) => count(stage.rank) },
          { title: "Stage", number: true, cell: (stage) => count(stage.stage) },
          { title: "ReLUs", number: true, cell: (stage) => count(stage.relus) },
          { title: "Validation", number: true, cell: (stage) => percent(stage.accuracy) },
          {
            title: "Replicates",
            number: true,
            cell: (stage) =>
              stage.replicates === 1
                ? "1"
                : `${stage.replicates}: ${percent(stage.accuracy_lowest)} to ${percent(stage.accuracy_highest)}`,
          },
          { title: "Score", number: true, cell: (stage) => stage.score.toFixed(4) },
        ],
        [...network.stages].sort((a, b) => a.rank - b.rank),
      ),
    ),
  );
}
