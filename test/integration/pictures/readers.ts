import { readFileSync } from 'node:fs';

export type Row = Readonly<Record<string, string>>;

/** What is shown: the last so many seconds, in steps. */
const SHOWN_SECONDS = 300;
const STEP_SECONDS = 5;
/** Grafana makes it at least four scrapes. */
const RATE_SECONDS = 10;

/** Asks InfluxDB as Grafana does. */
export class InfluxReader {
  readonly #url: string;
  readonly #token: string;
  readonly #bucket: string;

  private constructor(url: string, token: string, bucket: string) {
    this.#url = url;
    this.#token = token;
    this.#bucket = bucket;
  }

  static async open(
    url: string,
    { org, bucket, tokenFile }: { readonly org: string; readonly bucket: string; readonly tokenFile: string },
  ): Promise<InfluxReader> {
    const token = readFileSync(tokenFile, 'utf8').trim();
    return new InfluxReader(`${url}/api/v2/query?org=${org}`, token, bucket);
  }

  /** Rows of all tables of a query that has no variables any more. */
  async rows(flux: string): Promise<Row[]> {
    const option = `option v = {timeRangeStart: -${SHOWN_SECONDS}s, timeRangeStop: now(), windowPeriod: ${STEP_SECONDS}s, defaultBucket: "${this.#bucket}"}`;
    const lines = flux.split('\n');
    const imports = lines.findLastIndex((line) => line.startsWith('import '));
    const query = [...lines.slice(0, imports + 1), option, ...lines.slice(imports + 1)].join('\n');
    const answer = await fetch(this.#url, {
      method: 'POST',
      headers: {
        authorization: `Token ${this.#token}`,
        'content-type': 'application/vnd.flux',
        accept: 'application/csv',
      },
      body: query,
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`InfluxDB answered ${answer.status}: ${text}\n${query}`);
    return text.split(/\r?\n\r?\n/).flatMap(rowsOfTable);
  }
}

/** A block of annotated CSV. A fault in the middle of a query comes as a table with a column `error`. */
function rowsOfTable(block: string): Row[] {
  const [head, ...lines] = block.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#'));
  if (head === undefined) return [];
  const names = cells(head);
  if (names.includes('error')) throw new Error(`InfluxDB: ${lines.join(' ')}`);
  return lines.map((line) => Object.fromEntries(cells(line).map((cell, index) => [names[index] ?? '', cell])));
}

function cells(line: string): string[] {
  return [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].map(([, cell]) =>
    cell!.startsWith('"') ? cell!.slice(1, -1).replaceAll('""', '"') : cell!,
  );
}

interface PrometheusAnswer {
  readonly status: string;
  readonly error?: string;
  readonly data: {
    readonly result: readonly {
      readonly metric: Row;
      readonly value?: readonly [number, string];
      readonly values?: readonly (readonly [number, string])[];
    }[];
  };
}

export interface Series {
  readonly labels: Row;
  /** Those that are numbers. */
  readonly values: readonly number[];
}

/** Asks Prometheus as Grafana does. */
export class PrometheusReader {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** @param query without the variables of the dashboard, but with those that Grafana itself fills in */
  async series(query: string, kind: 'range' | 'instant'): Promise<Series[]> {
    const now = Date.now() / 1_000;
    const plain = query
      .replaceAll('$__rate_interval', `${RATE_SECONDS}s`)
      .replaceAll('$__range', `${SHOWN_SECONDS}s`)
      .replaceAll('$__interval', `${STEP_SECONDS}s`);
    const when: Record<string, string> =
      kind === 'instant'
        ? { time: String(now) }
        : { start: String(now - SHOWN_SECONDS), end: String(now), step: String(STEP_SECONDS) };
    const answer = await this.#ask(kind === 'instant' ? 'query' : 'query_range', { query: plain, ...when });
    return answer.data.result.map(({ metric, value, values = value === undefined ? [] : [value] }) => ({
      labels: metric,
      values: values.map(([, text]) => Number(text)).filter((number) => Number.isFinite(number)),
    }));
  }

  async labelValues(metric: string, label: string): Promise<readonly string[]> {
    const answer = await this.#ask(`label/${label}/values`, { 'match[]': metric });
    return answer.data as unknown as readonly string[];
  }

  /** Targets by what Prometheus says of them. */
  async targets(): Promise<
    readonly { readonly scrapeUrl: string; readonly health: string; readonly lastError: string }[]
  > {
    const { data } = await this.#ask('targets', {});
    return (data as unknown as { activeTargets: [] }).activeTargets;
  }

  async rules(): Promise<
    readonly { readonly name: string; readonly health: string; readonly lastError?: string; readonly state: string }[]
  > {
    const { data } = await this.#ask('rules', {});
    return (data as unknown as { groups: { rules: [] }[] }).groups.flatMap(({ rules }) => rules);
  }

  async #ask(path: string, parameters: Readonly<Record<string, string>>): Promise<PrometheusAnswer> {
    const answer = await fetch(`${this.#url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const body = (await answer.json()) as PrometheusAnswer;
    if (body.status !== 'success') throw new Error(`Prometheus: ${body.error} in ${parameters.query ?? path}`);
    return body;
  }
}
