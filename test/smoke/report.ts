/** What one smoke run found; its JSON is the last line on stdout. */
export interface CommandResult {
  readonly kind: string;
  readonly path: string;
  readonly code: string;
  /** From the request in the cloud topic to its reply in the cloud topic. */
  readonly ms: number;
}

export interface Survivors {
  /** Numbers that devices had acknowledged. */
  acknowledged: number;
  /** Of these: in InfluxDB exactly once. */
  stored: number;
}

export interface Report {
  ok: boolean;
  devices: number;
  /** Records by topic. */
  edge: Record<string, number>;
  cloud: Record<string, number>;
  /** Points of what devices said, and of the greatest values that the analysis at the edge found. */
  influx: { points: number; maxima: number };
  /** Edges: hasEndpoint and hasObject. */
  orient: { servers: number; endpoints: number; graphEdges: number };
  commands: CommandResult[];
  outage: Survivors;
  kills: Survivors;
  faults?: string[];
}

/** Faults beyond so many are counted, not listed: one broken hop makes thousands. */
const MAX_FAULTS_LISTED = 50;

/** Collects what was found and what was wrong, and tells of progress on stderr. */
export class Findings {
  readonly report: Report = {
    ok: false,
    devices: 0,
    edge: {},
    cloud: {},
    influx: { points: 0, maxima: 0 },
    orient: { servers: 0, endpoints: 0, graphEdges: 0 },
    commands: [],
    outage: { acknowledged: 0, stored: 0 },
    kills: { acknowledged: 0, stored: 0 },
  };
  readonly #startedAtMs = performance.now();
  readonly #faults: string[] = [];
  #completed = false;

  progress(line: string): void {
    const seconds = ((performance.now() - this.#startedAtMs) / 1_000).toFixed(1).padStart(6);
    process.stderr.write(`${seconds} s  ${line}\n`);
  }

  fault(text: string): void {
    this.#faults.push(text);
    this.progress(`FAULT: ${text}`);
  }

  /** A fault unless it holds. */
  expect(holds: boolean, otherwise: string): void {
    if (!holds) this.fault(otherwise);
  }

  /** Called once every check was made: a run that was cut short is never ok. */
  complete(): void {
    this.#completed = true;
  }

  finish(): Report {
    this.report.ok = this.#completed && this.#faults.length === 0;
    if (!this.report.ok) {
      const rest = this.#faults.length - MAX_FAULTS_LISTED;
      this.report.faults = [
        ...this.#faults.slice(0, MAX_FAULTS_LISTED),
        ...(rest > 0 ? [`and ${rest} more`] : []),
        ...(this.#completed ? [] : ['the run did not come to its end']),
      ];
    }
    return this.report;
  }
}
