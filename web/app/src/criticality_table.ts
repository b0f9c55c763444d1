import { h, table } from "./dom";
import { count, percent } from "./format";
import type { Criticality } from "./views";

// One table per network that the job has measured, the most critical section first.
export function criticalityTables(networks: Criticality[]): HTMLElement[] {
  if (networks.length === 0) {
    return [h("p", {}, "No network is measured in all its sections yet.")];
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
          { title: "Rank", number: true, cell: (section) => count(section.rank) },
          { title: "Section", number: true, cell: (section) => count(section.section) },
          { title: "ReLUs", number: true, cell: (section) => count(section.relus) },
          { title: "Validation", number: true, cell: (section) => percent(section.accuracy) },
          {
            title: "Replicates",
            number: true,
            cell: (section) =>
              section.replicates === 1
                ? "1"
                : `${section.replicates}: ${percent(section.accuracy_lowest)} to ${percent(section.accuracy_highest)}`,
          },
          { title: "Score", number: true, cell: (section) => section.score.toFixed(4) },
        ],
        [...network.sections].sort((a, b) => a.rank - b.rank),
      ),
    ),
  );
}
