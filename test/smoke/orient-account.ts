import { readFileSync } from 'node:fs';

export interface OrientAddress {
  readonly url: string;
  readonly database: string;
  readonly user: string;
  readonly passwordFile: string;
}

export interface EndpointVertex {
  readonly name: string;
  readonly online: boolean;
  readonly expired: boolean;
  /** Servers with a hasEndpoint edge to it. */
  readonly servers: readonly string[];
  /** hasObject edges as object/instance, sorted. */
  readonly objects: readonly string[];
}

export interface Graph {
  readonly servers: readonly string[];
  readonly endpoints: ReadonlyMap<string, EndpointVertex>;
  /** hasEndpoint and hasObject. */
  readonly edges: number;
  /** Objects that the graph knows. */
  readonly objects: ReadonlySet<number>;
}

const QUERY_TIMEOUT_MS = 30_000;

/** What OrientDB holds, asked over its HTTP interface. */
export class OrientAccount {
  readonly #queries: string;
  readonly #authorization: string;

  constructor({ url, database, user, passwordFile }: OrientAddress) {
    const password = readFileSync(passwordFile, 'utf8').trim();
    this.#queries = `${url}/query/${database}/sql/`;
    this.#authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  }

  async graph(): Promise<Graph> {
    const servers = await this.#rows<{ name: string }>('SELECT name FROM Servers');
    const objects = await this.#rows<{ id: number }>('SELECT id FROM Objects');
    const vertices = await this.#rows<{ name: string; online: boolean; expired: boolean }>(
      'SELECT name, online, expired FROM Endpoints',
    );
    const owned = await this.#rows<{ ep: string; server: string }>(
      'SELECT inV().name AS ep, outV().name AS server FROM hasEndpoint',
    );
    const linked = await this.#rows<{ ep: string; object: number; instance: number }>(
      'SELECT outV().name AS ep, inV().id AS object, instance FROM hasObject',
    );
    const endpoints = vertices.map(({ name, online, expired }) => ({
      name,
      online,
      expired,
      servers: owned.filter(({ ep }) => ep === name).map(({ server }) => server),
      objects: linked
        .filter(({ ep }) => ep === name)
        .map(({ object, instance }) => `${object}/${instance}`)
        .sort(),
    }));
    return {
      servers: servers.map(({ name }) => name),
      endpoints: new Map(endpoints.map((vertex) => [vertex.name, vertex])),
      edges: owned.length + linked.length,
      objects: new Set(objects.map(({ id }) => id)),
    };
  }

  async #rows<T>(sql: string): Promise<T[]> {
    const response = await fetch(`${this.#queries}${encodeURIComponent(sql)}/-1`, {
      headers: { Authorization: this.#authorization },
      signal: AbortSignal.timeout(QUERY_TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`OrientDB answered ${response.status}: ${(await response.text()).slice(0, 200)}`);
    return ((await response.json()) as { result: T[] }).result;
  }
}
