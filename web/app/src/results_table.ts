import { h, table, type Column, type Sorting } from "./dom";
import { axisTitle, count, metricValue, PAPERS, percent } from "./format";
import { remarksBeside } from "./search_part";
import type { Result } from "./views";

// Test accuracies are a column only where the Job is unsealed; before, the server sends none.
// Costs are columns where they are objectives or PAPERS: there are too many of them to show all.
export function resultColumns(
  results: Result[],
  objectives: string[],
  unsealed: boolean,
): Column<Result>[] {
  return [
    {
      title: "Network",
      cell: (result) =>
        h(
          "span",
          {},
          h(
            "a",
            { href: `#/candidates/${result.candidate}`, "data-key": `result ${result.result}` },
            result.name,
          ),
          remarksBeside(result),
        ),
      order: (result) => result.name,
    },
    {
      title: "Budget",
      number: true,
      cell: (result) => count(result.report.budget),
      order: (result) => result.report.budget,
    },
    {
      title: "ReLUs",
      number: true,
      cell: (result) => count(result.report.relus),
      order: (result) => result.report.relus,
    },
    {
      title: "Validation accuracy",
      number: true,
      cell: (result) => percent(result.report.accuracy_validation),
      order: (result) => result.report.accuracy_validation,
    },
    ...(unsealed
      ? [
          {
            title: "Test accuracy",
            number: true,
            cell: (result: Result) => percent(result.accuracy_test),
            order: (result: Result) => result.accuracy_test ?? -1,
          },
        ]
      : []),
    ...[...new Set([PAPERS, ...objectives])]
      .filter((objective) => results.some((result) => result.costs[objective] !== undefined))
      .map((metric) => ({
        title: axisTitle(metric),
        number: true,
        cell: (result: Result) => {
          const cost = result.costs[metric];
          return cost === undefined ? "–" : metricValue(metric, cost.value);
        },
        order: (result: Result) => result.costs[metric]?.value ?? Number.POSITIVE_INFINITY,
      })),
    {
      title: "MACs",
      number: true,
      narrow: "hidden",
      cell: (result) => count(result.macs),
      order: (result) => result.macs,
    },
    {
      title: "Parameters",
      number: true,
      narrow: "hidden",
      cell: (result) => count(result.parameters),
      order: (result) => result.parameters,
    },
    {
      title: "Front",
      cell: (result) =>
        result.on_front ? h("span", { class: "badge on-front" }, "on front") : h("span", {}, "–"),
      order: (result) => (result.on_front ? 0 : 1),
    },
  ];
}

export function resultsTable(
  results: Result[],
  objectives: string[],
  unsealed: boolean,
  sorting: Sorting | null,
  onSort: (column: string) => void,
): HTMLElement {
  return results.length === 0
    ? h("p", { class: "empty" }, "No result yet.")
    : table("Results", resultColumns(results, objectives, unsealed), results, sorting, onSort);
}
