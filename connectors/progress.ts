import { Counter, Gauge, type Registry } from 'prom-client';

interface Part {
  readonly connector: string;
  /** ms on a clock that never steps; the start at first. */
  committedMs: number;
  /** When each batch was taken that is not done yet; the oldest first. */
  readonly taken: Set<{ readonly sinceMs: number }>;
}

/** What tells a task that is stuck from one that has nothing to do; the tasks of a process share one registry. */
export class Progress {
  static readonly #byRegistry = new WeakMap<Registry, Progress>();
  readonly #parts = new Set<Part>();
  readonly #rebalances: Counter<'connector'>;

  private constructor(registry: Registry) {
    const registers = [registry];
    const labelNames = ['connector'] as const;
    this.#rebalances = new Counter({
      name: 'zeelos_connector_rebalances_total',
      help: 'times that a task got its partitions: at its start, and whenever the group shares them anew',
      labelNames,
      registers,
    });
    const ages = (ageOf: (part: Part, nowMs: number) => number, worst: (one: number, other: number) => number) =>
      this.#byConnector(ageOf, worst);
    new Gauge({
      name: 'zeelos_connector_commit_age_seconds',
      help: 'time since a task of the connector committed last, or since it started',
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const [connector, ms] of ages(({ committedMs }, nowMs) => nowMs - committedMs, Math.min))
          this.set({ connector }, ms / 1_000);
      },
    });
    new Gauge({
      name: 'zeelos_connector_batch_age_seconds',
      help: 'how long the oldest batch has been in hand that is neither stored nor given up; 0 when there is none',
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const [connector, ms] of ages(batchAgeMs, Math.max)) this.set({ connector }, ms / 1_000);
      },
    });
  }

  static of(registry: Registry): Progress {
    const progress = Progress.#byRegistry.get(registry) ?? new Progress(registry);
    Progress.#byRegistry.set(registry, progress);
    return progress;
  }

  /** A task begins. */
  begin(connector: string): TaskProgress {
    const part: Part = { connector, committedMs: performance.now(), taken: new Set() };
    this.#parts.add(part);
    this.#rebalances.inc({ connector }, 0);
    return {
      joined: () => this.#rebalances.inc({ connector }),
      committed: () => {
        part.committedMs = performance.now();
      },
      take: () => {
        const batch = { sinceMs: performance.now() };
        part.taken.add(batch);
        return () => void part.taken.delete(batch);
      },
      end: () => void this.#parts.delete(part),
    };
  }

  forget(connector: string): void {
    this.#rebalances.remove({ connector });
  }

  #byConnector(
    ageOf: (part: Part, nowMs: number) => number,
    worst: (one: number, other: number) => number,
  ): ReadonlyMap<string, number> {
    const nowMs = performance.now();
    const ages = new Map<string, number>();
    for (const part of this.#parts) {
      const age = ageOf(part, nowMs);
      ages.set(part.connector, worst(ages.get(part.connector) ?? age, age));
    }
    return ages;
  }
}

export interface TaskProgress {
  joined(): void;
  committed(): void;
  /** A batch is in hand until what this returns is called. */
  take(): () => void;
  end(): void;
}

function batchAgeMs({ taken }: Part, nowMs: number): number {
  for (const { sinceMs } of taken) return nowMs - sinceMs;
  return 0;
}
