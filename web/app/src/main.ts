// Routes and the one event stream.
import "uplot/dist/uPlot.min.css";
import "./app.css";
import { ApiError, EVENTS } from "./api";
import { CandidateView } from "./candidate_view";
import { h } from "./dom";
import { EventStream, type LiveState } from "./events";
import { JobView } from "./job_view";
import { JobsView } from "./jobs_view";
import { Refresher } from "./refresher";
import { parseRoute } from "./routes";
import type { View } from "./view";
import { WorkersView } from "./workers_view";

// What changes without an event: "8 s ago", a Worker that falls silent.
const IDLE_REFRESH_MS = 10_000;

const content = document.getElementById("content") as HTMLElement;
const live = document.getElementById("live") as HTMLElement;

interface Shown {
  view: View;
  refresher: Refresher;
  abort: AbortController;
}
let shown: Shown | null = null;

function makeView(): View | null {
  const route = parseRoute(location.hash);
  switch (route.page) {
    case "jobs":
      return new JobsView();
    case "workers":
      return new WorkersView();
    case "job":
      return new JobView(route.id);
    case "candidate":
      return new CandidateView(route.id);
    case "unknown":
      return null;
  }
}

function show(): void {
  // The "Skip to content" link is no page.
  if (location.hash === "#content") {
    content.focus();
    return;
  }
  shown?.abort.abort();
  shown?.refresher.stop();
  shown?.view.close();
  shown = null;
  const view = makeView();
  const notice = h("p", { class: "notice", role: "alert", hidden: true });
  if (view === null) {
    notice.hidden = false;
    notice.replaceChildren("There is no such page. ", h("a", { href: "#/" }, "See all jobs"), ".");
    content.replaceChildren(notice);
    return;
  }
  const abort = new AbortController();
  let loaded = false;
  const load = async (): Promise<void> => {
    try {
      await view.load(abort.signal);
      loaded = true;
      notice.hidden = true;
      view.element.hidden = false;
      document.title = `${view.title()} – Reluscape`;
    } catch (error) {
      if (abort.signal.aborted) {
        return;
      }
      notice.hidden = false;
      notice.textContent = error instanceof Error ? error.message : String(error);
      // What was shown stays readable, but a page that does not exist is not half drawn.
      view.element.hidden = !loaded;
      if (!(error instanceof ApiError)) {
        console.error(error);
      }
    }
  };
  view.element.hidden = true;
  content.replaceChildren(notice, view.element);
  shown = { view, refresher: new Refresher(load), abort };
  for (const link of document.querySelectorAll<HTMLElement>("[data-nav]")) {
    if (link.dataset.nav === view.nav) {
      link.setAttribute("aria-current", "page");
    } else {
      link.removeAttribute("aria-current");
    }
  }
  void shown.refresher.run();
}

const stateTexts: Record<LiveState, string> = {
  connecting: "connecting",
  live: "live",
  reconnecting: "reconnecting",
  paused: "paused",
};

window.addEventListener("hashchange", () => {
  show();
  window.scrollTo(0, 0);
  content.focus({ preventScroll: true });
});
show();
new EventStream(EVENTS, {
  event: (event) => {
    if (shown?.view.concerns(event) === true) {
      shown.refresher.request();
    }
  },
  open: () => shown?.refresher.request(),
  state: (state) => {
    live.textContent = stateTexts[state];
    live.dataset.state = state;
  },
});
setInterval(() => {
  if (!document.hidden) {
    shown?.refresher.request();
  }
}, IDLE_REFRESH_MS);
