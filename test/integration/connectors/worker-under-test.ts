import { createLog } from '../../../common/log.ts';
import { connectMain } from '../../../connectors/worker/connect.ts';
import type { ConnectSettings } from '../../../connectors/worker/settings.ts';
import { freePorts } from '../../../stack/stack.ts';
import { eventually, MetricsText } from './cloud.ts';

export interface RestAnswer {
  readonly status: number;
  readonly location: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  readonly body: any;
}

/** A worker inside this process. */
export class WorkerUnderTest {
  readonly #settings: ConnectSettings;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  readonly #token: string | undefined;

  private constructor(settings: ConnectSettings, token: string | undefined) {
    this.#settings = settings;
    this.#token = token;
    this.#running = connectMain(settings, {
      signal: this.#stopping.signal,
      log: createLog('worker', 'silent'),
      models: [],
    });
    this.#running.catch(() => undefined);
  }

  /** Resolves once it answers for its connectors. */
  static async start(
    given: Pick<ConnectSettings, 'kafkaBrokers' | 'registryUrl' | 'groupId'> & Partial<ConnectSettings>,
    token?: string,
  ): Promise<WorkerUnderTest> {
    const ports = await freePorts();
    const worker = new WorkerUnderTest(
      {
        connectorsFolder: undefined,
        secretFolders: [],
        restAddress: '127.0.0.1',
        restPort: ports.registry,
        restTokenFile: undefined,
        advertisedHost: undefined,
        sessionSeconds: 6,
        modelsDir: undefined,
        healthAddress: '127.0.0.1',
        healthPort: ports.influxdb,
        ...given,
      },
      token,
    );
    const answers = async () => (await worker.ask('GET', '/connectors').catch(() => undefined))?.status;
    await eventually(200, async () => await Promise.race([answers(), worker.#running.then(() => 'it ended')]));
    return worker;
  }

  get id(): string {
    return `127.0.0.1:${this.#settings.restPort}`;
  }

  async ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<RestAnswer> {
    const answer = await fetch(`http://${this.id}${path}`, {
      method,
      headers: {
        ...(this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      location: answer.headers.get('location'),
      body: text === '' ? undefined : JSON.parse(text),
    };
  }

  /** States of the connector and of its tasks, as `RUNNING RUNNING,FAILED`. */
  async states(name: string): Promise<string> {
    const { body } = await this.ask('GET', `/connectors/${name}/status`);
    return `${body.connector?.state} ${body.tasks?.map(({ state }: { state: string }) => state).join()}`;
  }

  async metrics(): Promise<MetricsText> {
    return new MetricsText(await (await fetch(`http://127.0.0.1:${this.#settings.healthPort}/metrics`)).text());
  }

  /** What /readyz says. */
  async readiness(): Promise<string> {
    return await (await fetch(`http://127.0.0.1:${this.#settings.healthPort}/readyz`)).text();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }
}
