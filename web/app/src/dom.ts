// Building pages out of elements. Text reaches the page through text nodes only, never as HTML.

export type Child = Node | string | null;
type Attributes = Record<string, string | number | boolean | null | ((event: Event) => void)>;

// h("a", { href: "#/", class: "x" }, "text", node). A function is a listener, null and false leave
// an attribute out.
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      element.addEventListener(name, value);
    } else if (value !== null && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.filter((child): child is Node | string => child !== null));
  return element;
}

// Replaces what `parent` holds and keeps what the reader is doing there: the focused element and
// the open <details>, both recognised by data-key or href.
export function replace(parent: HTMLElement, ...children: Child[]): void {
  const focused = parent.contains(document.activeElement) ? keyOf(document.activeElement) : null;
  const open = new Set(
    [...parent.querySelectorAll("details[open]")].map(keyOf).filter((key) => key !== null),
  );
  parent.replaceChildren(...children.filter((child): child is Node | string => child !== null));
  for (const details of parent.querySelectorAll("details")) {
    const key = keyOf(details);
    if (key !== null && open.has(key)) {
      details.open = true;
    }
  }
  if (focused !== null) {
    for (const element of parent.querySelectorAll<HTMLElement>("a, button, summary, select")) {
      if (keyOf(element) === focused) {
        element.focus({ preventScroll: true });
        break;
      }
    }
  }
}

function keyOf(element: Element | null): string | null {
  return element?.getAttribute("data-key") ?? element?.getAttribute("href") ?? null;
}

export interface Column<Row> {
  title: string;
  // Right-aligned.
  number?: boolean;
  // Takes a whole line of its card on a narrow screen, or is left out there.
  narrow?: "line" | "hidden";
  // Never broken into several lines.
  oneLine?: boolean;
  cell: (row: Row) => Child;
  // Makes the column sortable.
  order?: (row: Row) => number | string;
}

export interface Sorting {
  column: string;
  descending: boolean;
}

// A table that turns into cards on a narrow screen (app.css, .stack). The roles keep it a table
// for screen readers when CSS changes its display.
export function table<Row>(
  caption: string,
  columns: Column<Row>[],
  rows: Row[],
  sorting: Sorting | null = null,
  onSort: ((column: string) => void) | null = null,
): HTMLElement {
  const head = columns.map((column) => {
    const sorted = sorting !== null && sorting.column === column.title;
    const th = h("th", {
      role: "columnheader",
      scope: "col",
      class: classes(column),
      "aria-sort": sorted ? (sorting.descending ? "descending" : "ascending") : null,
    });
    if (column.order !== undefined && onSort !== null) {
      th.append(
        h(
          "button",
          { type: "button", "data-key": `sort ${column.title}`, click: () => onSort(column.title) },
          column.title,
          h("span", { class: "arrow", "aria-hidden": "true" }, sorted ? (sorting.descending ? "▼" : "▲") : ""),
        ),
      );
    } else {
      th.append(column.title);
    }
    return th;
  });
  const body = sortRows(rows, columns, sorting).map((row) =>
    h(
      "tr",
      { role: "row" },
      ...columns.map((column) =>
        h(
          "td",
          { role: "cell", class: classes(column), "data-label": column.title },
          column.cell(row),
        ),
      ),
    ),
  );
  return h(
    "table",
    { role: "table", class: "stack", "aria-label": caption },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...head)),
    h("tbody", { role: "rowgroup" }, ...body),
  );
}

function classes<Row>(column: Column<Row>): string {
  return [
    column.number ? "number" : "",
    column.oneLine ? "one-line" : "",
    column.narrow === undefined ? "" : `narrow-${column.narrow}`,
  ]
    .filter((name) => name !== "")
    .join(" ");
}

// Equal rows keep the server's order.
export function sortRows<Row>(
  rows: Row[],
  columns: Column<Row>[],
  sorting: Sorting | null,
): Row[] {
  const order = columns.find((column) => column.title === sorting?.column)?.order;
  if (sorting === null || order === undefined) {
    return rows;
  }
  const sign = sorting.descending ? -1 : 1;
  return [...rows].sort((a, b) => {
    const x = order(a);
    const y = order(b);
    return x < y ? -sign : x > y ? sign : 0;
  });
}

// A bar for a fraction in [0, 1] with a label for screen readers.
export function progressBar(fraction: number, label: string, kind = ""): HTMLElement {
  const percent = Math.round(Math.min(1, Math.max(0, fraction)) * 1000) / 10;
  const fill = h("span", { class: "fill" });
  fill.style.width = `${percent}%`;
  return h(
    "span",
    {
      class: `progress ${kind}`,
      role: "progressbar",
      "aria-label": label,
      "aria-valuemin": 0,
      "aria-valuemax": 100,
      "aria-valuenow": Math.round(percent),
    },
    fill,
  );
}

export function section(title: string, ...children: Child[]): HTMLElement {
  return h("section", { class: "card" }, h("h2", {}, title), ...children);
}
