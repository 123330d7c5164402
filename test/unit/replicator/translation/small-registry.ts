import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SchemaReference } from '../../../../replicator/translation/registry.ts';

interface Stored {
  readonly schema: string;
  readonly schemaType?: string;
  readonly references?: readonly SchemaReference[];
}

export type Answer = (
  request: { method: string; path: string },
  response: ServerResponse,
) => boolean | Promise<boolean>;

/** A schema registry in memory that answers over HTTP, and wrongly where a test wants that. */
export class SmallRegistry {
  readonly requests: string[] = [];
  /** Answers itself and gives true, or gives false. */
  instead: Answer = () => false;
  port = 0;
  readonly #server: Server;
  readonly #byId = new Map<number, Stored>();
  readonly #subjects = new Map<string, number[]>();
  #nextId: number;

  private constructor(firstId: number) {
    this.#nextId = firstId;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(firstId = 1, port = 0): Promise<SmallRegistry> {
    const registry = new SmallRegistry(firstId);
    await new Promise<void>((resolve) => registry.#server.listen(port, '127.0.0.1', resolve));
    registry.port = (registry.#server.address() as AddressInfo).port;
    return registry;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  /** Same content, same id. */
  add(subject: string, stored: Stored): number {
    const text = JSON.stringify(stored);
    let id = [...this.#byId].find(([, one]) => JSON.stringify(one) === text)?.[0];
    if (id === undefined) {
      id = this.#nextId++;
      this.#byId.set(id, stored);
    }
    const versions = this.#subjects.get(subject) ?? [];
    if (!versions.includes(id)) versions.push(id);
    this.#subjects.set(subject, versions);
    return id;
  }

  schemaOf(id: number): Stored | undefined {
    return this.#byId.get(id);
  }

  /** The ids of its versions. */
  versions(subject: string): readonly number[] {
    return this.#subjects.get(subject) ?? [];
  }

  get subjects(): readonly string[] {
    return [...this.#subjects.keys()];
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = { method: request.method!, path: request.url! };
    this.requests.push(`${asked.method} ${asked.path}`);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (await this.instead(asked, response)) return;
    const body = chunks.length === 0 ? undefined : (JSON.parse(Buffer.concat(chunks).toString()) as Stored);
    const [status, answer] = this.#answer(asked.path.split('/').slice(1).map(decodeURIComponent), body);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  }

  #answer([kind, name = '', third, version]: string[], body: Stored | undefined): [number, unknown] {
    const unknown = [404, { error_code: 40403, message: 'not here' }] as [number, unknown];
    if (kind === 'schemas') {
      const id = Number(third);
      const stored = this.#byId.get(id);
      if (stored === undefined) return unknown;
      if (version === undefined) return [200, stored];
      const places = [...this.#subjects].filter(([, ids]) => ids.includes(id));
      return [200, places.map(([subject, ids]) => ({ subject, version: ids.indexOf(id) + 1 }))];
    }
    if (body !== undefined) {
      const { references = [], ...rest } = body;
      const id = this.add(name, { ...rest, ...(references.length > 0 && { references }) });
      return [200, { id, version: this.versions(name).indexOf(id) + 1 }];
    }
    const id = this.versions(name)[Number(version) - 1];
    return id === undefined ? unknown : [200, { id, ...this.#byId.get(id) }];
  }
}

export function record(
  name: string,
  ...fields: readonly (readonly [name: string, type: string])[]
): { schema: string } {
  const list = fields.map(([field, type]) => ({ name: field, type }));
  return { schema: JSON.stringify({ type: 'record', name, fields: list }) };
}
