// resource.ts: what a screen asks of the API, with the states that every screen must show: loading, there, failed, and there
// but no longer fresh. One thing: useResource. A list in pages that stays current without moving under the reader's eyes: useList.

import {signal, type Signal} from "@preact/signals";
import {useEffect, useMemo, useRef} from "preact/hooks";
import {asProblem, get, getPage, type Page, type Problem} from "./api";
import {subscribe, type Notice, type Topic} from "./live";

export interface Resource<T> {
  data: Signal<T | null>;
  problem: Signal<Problem | null>; // With data beside it: the data is what was last known.
  loading: Signal<boolean>;
  reload: () => void;
}

const SETTLE_MS = 400; // A burst of events is one look at the server.

// Calls `work` once after a burst of notices on one of `topics` (and always after a gap in the stream).
function useNotices(topics: readonly Topic[], concerns: (notice: Notice) => boolean, work: () => void): void {
  const latest = useRef({concerns, work});
  latest.current = {concerns, work};
  useEffect(() => {
    let timer: number | undefined;
    const stop = subscribe((topic, notice) => {
      if (topic !== "resync" && (!topics.includes(topic) || !latest.current.concerns(notice))) return;
      timer ??= setTimeout(() => {
        timer = undefined;
        latest.current.work();
      }, SETTLE_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, []);
}

// `path` null asks for nothing. `topics` say which events make it look again; `concerns` narrows them.
export function useResource<T>(
  path: string | null,
  topics: readonly Topic[] = [],
  concerns: (notice: Notice) => boolean = () => true,
): Resource<T> {
  // Made anew with the path: what was known of one thing is never shown under the name of another.
  const state = useMemo(
    () => ({
      data: signal<T | null>(null),
      problem: signal<Problem | null>(null),
      loading: signal(path !== null),
      abort: new AbortController(),
    }),
    [path],
  );
  const {data, problem, loading} = state;

  const reload = (): void => {
    state.abort.abort();
    if (path === null) return;
    const abort = (state.abort = new AbortController());
    loading.value = true;
    get<T>(path, abort.signal).then(
      (value) => {
        if (abort.signal.aborted) return;
        data.value = value;
        problem.value = null;
        loading.value = false;
      },
      (cause: unknown) => {
        if (abort.signal.aborted) return;
        problem.value = asProblem(cause);
        loading.value = false;
      },
    );
  };
  useEffect(() => {
    reload();
    return () => state.abort.abort();
  }, [state]);
  useNotices(topics, concerns, reload);
  return {data, problem, loading, reload};
}

// A list that was shown is kept for a while, so that going back to it finds the same rows at the same place.
export class List<T> {
  readonly rows = signal<T[] | null>(null);
  readonly fresh = signal<T[]>([]); // Newer than the first row, not shown until asked for.
  readonly problem = signal<Problem | null>(null);
  readonly loading = signal(false);
  readonly next = signal<string | null>(null);
  scroll = 0;
  private gap = false; // Every row of the first page is new: there may be more between them and ours.
  private abort = new AbortController();

  constructor(
    readonly path: string,
    readonly key: (row: T) => string,
  ) {}

  private async load(path: string, take: (page: Page<T>) => void): Promise<void> {
    this.abort.abort();
    const abort = (this.abort = new AbortController());
    this.loading.value = true;
    try {
      const page = await getPage<T>(path, abort.signal);
      if (abort.signal.aborted) return;
      take(page);
      this.problem.value = null;
    } catch (cause) {
      if (abort.signal.aborted) return;
      this.problem.value = asProblem(cause);
    }
    this.loading.value = false;
  }

  first(): Promise<void> {
    return this.load(this.path, (page) => {
      this.rows.value = page.items;
      this.fresh.value = [];
      this.next.value = page.next;
    });
  }

  more(): Promise<void> {
    const next = this.next.value;
    if (next === null) return Promise.resolve();
    return this.load(next, (page) => {
      const known = new Set((this.rows.value ?? []).map(this.key));
      this.rows.value = [...(this.rows.value ?? []), ...page.items.filter((row) => !known.has(this.key(row)))];
      this.next.value = page.next;
    });
  }

  // Looks at the first page again: rows that are shown change in place, rows that are not wait in `fresh`.
  refresh(): Promise<void> {
    if (this.rows.value === null) return this.first();
    if (this.loading.value) return Promise.resolve();
    return this.load(this.path, (page) => {
      const now = new Map(page.items.map((row) => [this.key(row), row]));
      this.rows.value = (this.rows.value ?? []).map((row) => now.get(this.key(row)) ?? row);
      const known = new Set(this.rows.value.map(this.key));
      this.fresh.value = page.items.filter((row) => !known.has(this.key(row)));
      this.gap = this.fresh.value.length === page.items.length && page.next !== null;
      // An empty list has nobody reading it whom new rows could disturb.
      if (known.size === 0) this.show();
    });
  }

  // Puts the new rows on top, or starts anew where that would leave a hole.
  show(): void {
    if (this.gap) void this.first();
    else this.rows.value = [...this.fresh.value, ...(this.rows.value ?? [])];
    this.fresh.value = [];
    this.gap = false;
  }

  // "12 new", or "50 or more new" where the first page cannot tell how many.
  get freshCount(): string {
    const n = this.fresh.value.length;
    return this.gap ? `${n} or more new` : `${n} new`;
  }

  patch(id: string, change: Partial<T>): void {
    const rows = this.rows.value;
    if (rows?.some((row) => this.key(row) === id)) {
      this.rows.value = rows.map((row) => (this.key(row) === id ? {...row, ...change} : row));
    }
  }

  stop(): void {
    this.abort.abort();
    this.loading.value = false;
  }
}

const KEPT = 6;
const kept = new Map<string, List<never>>();

export function forgetLists(): void {
  kept.clear();
}

function keep<T>(path: string, key: (row: T) => string): List<T> {
  const list = (kept.get(path) as List<T> | undefined) ?? new List<T>(path, key);
  kept.delete(path);
  kept.set(path, list as unknown as List<never>);
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT) break;
    kept.delete(oldest);
  }
  return list;
}

export function useList<T>(
  path: string,
  key: (row: T) => string,
  topics: readonly Topic[] = [],
  onNotice?: (list: List<T>, topic: Topic, notice: Notice) => void,
): List<T> {
  const list = useMemo(() => keep(path, key), [path]);
  useEffect(() => {
    const shown = list.rows.peek() !== null;
    void list.refresh();
    if (shown) scrollTo(0, list.scroll);
    const here = location.hash;
    // On the way to another address the page already scrolls up, while this list is still there: that is not its place.
    const remember = (): void => {
      if (location.hash === here) list.scroll = scrollY;
    };
    addEventListener("scroll", remember, {passive: true});
    return () => {
      removeEventListener("scroll", remember);
      list.stop();
    };
  }, [list]);
  useEffect(() => (onNotice ? subscribe((topic, notice) => onNotice(list, topic, notice)) : undefined), [list]);
  useNotices(
    topics,
    () => true,
    () => void list.refresh(),
  );
  return list;
}
