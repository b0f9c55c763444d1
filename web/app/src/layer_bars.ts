// ReLUs per layer of a Result: how many of each layer's units are left.
import { h } from "./dom";
import { count, percent } from "./format";
import type { LayerRelus, Result } from "./views";

// The units of a layer that are polynomials of degree 2, and the range of their inputs.
export function polynomialsText(layer: LayerRelus): string {
  if (layer.polynomials === 0) return "";
  const range = [layer.input_min, layer.input_max].map((edge) =>
    edge === null ? "?" : String(Number(edge.toPrecision(3))),
  );
  return `, ${count(layer.polynomials)} polynomials of inputs from ${range.join(" to ")}`;
}

// Of all layers together.
export function polynomials(result: Result): number {
  return result.report.layers.reduce((sum, layer) => sum + layer.polynomials, 0);
}

export function layerBars(result: Result): HTMLElement {
  const largest = Math.max(1, ...result.report.layers.map((layer) => layer.units));
  return h(
    "table",
    { class: "layers", "aria-label": `ReLUs per layer at budget ${count(result.report.budget)}` },
    h("colgroup", {}, h("col", { class: "layer-name" }), h("col"), h("col", { class: "layer-count" })),
    h(
      "thead",
      { class: "sr" },
      h("tr", {}, h("th", { scope: "col" }, "Layer"), h("th", { scope: "col" }, "Share"), h("th", { scope: "col" }, "ReLUs")),
    ),
    h(
      "tbody",
      {},
      ...result.report.layers.map((layer) => {
        const track = h("span", { class: "track" });
        const kept = h("span", { class: "kept" });
        track.style.width = `${(100 * layer.units) / largest}%`;
        kept.style.width = `${(100 * layer.kept) / Math.max(1, layer.units)}%`;
        track.append(kept);
        const share = layer.units === 0 ? "0 %" : percent(layer.kept / layer.units);
        return h(
          "tr",
          { title: `${layer.layer}: ${count(layer.kept)} of ${count(layer.units)} (${share})${polynomialsText(layer)}` },
          h("th", { scope: "row" }, layer.layer),
          h("td", { class: "bar-cell" }, track),
          h("td", { class: "number" }, count(layer.kept), h("span", { class: "quiet" }, ` / ${count(layer.units)}`)),
        );
      }),
    ),
  );
}
