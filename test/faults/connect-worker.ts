import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../stack/stack.ts';
import { type CloudUnderTest, eventually, MetricsText } from '../integration/connectors/cloud.ts';

const CLI = fileURLToPath(new URL('../../bin/zeelos.ts', import.meta.url));
/** A worker in a process of its own, so that it can be killed. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #healthPort: number;
  readonly restPort: number;

  private constructor(child: ChildProcess, restPort: number, healthPort: number) {
    this.#child = child;
    this.restPort = restPort;
    this.#healthPort = healthPort;
  }

  /** @param givenPort of the REST interface; any when absent */
  static async start(cloud: CloudUnderTest, groupId: string, givenPort?: number): Promise<WorkerProcess> {
    const ports = await freePorts();
    const restPort = givenPort ?? ports.registry;
    const flags = {
      'kafka-brokers': cloud.brokers.join(),
      'registry-url': cloud.registryUrl,
      'group-id': groupId,
      'rest-port': restPort,
      'health-port': ports.influxdb,
      'session-seconds': 6,
    };
    const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)]);
    const env = { ...process.env, ZEELOS_LOG_LEVEL: 'fatal' };
    const child = spawn(process.execPath, [CLI, 'connect', ...args], { stdio: ['ignore', 'ignore', 'inherit'], env });
    const worker = new WorkerProcess(child, restPort, ports.influxdb);
    await eventually(
      200,
      async () =>
        await worker.ask('GET', '/connectors').then(
          ({ status }) => status,
          () => 0,
        ),
      60_000,
    );
    return worker;
  }

  async ask(method: string, path: string, body?: unknown): Promise<{ status: number; text: string }> {
    const answer = await fetch(`http://127.0.0.1:${this.restPort}${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    return { status: answer.status, text: await answer.text() };
  }

  async configure(name: string, config: Readonly<Record<string, string>>): Promise<void> {
    const made = await this.ask('PUT', `/connectors/${name}/config`, config);
    assert.equal(made.status, 201, made.text);
  }

  /** What a task that waits says of it. */
  async waiting(name: string): Promise<string> {
    const { text } = await this.ask('GET', `/connectors/${name}/status`);
    const { tasks = [] } = JSON.parse(text) as { tasks?: { waiting?: string; trace?: string }[] };
    return tasks.map(({ waiting = '', trace = '' }) => waiting + trace).join();
  }

  async states(name: string): Promise<readonly string[]> {
    const { text } = await this.ask('GET', `/connectors/${name}/status`);
    return ((JSON.parse(text) as { tasks?: { state: string }[] }).tasks ?? []).map(({ state }) => state);
  }

  /** Who has each task, as `RUNNING host:port`. */
  async owners(name: string): Promise<readonly string[]> {
    const { text } = await this.ask('GET', `/connectors/${name}/status`);
    const { tasks = [] } = JSON.parse(text) as { tasks?: { state: string; worker_id: string }[] };
    return tasks.map(({ state, worker_id }) => `${state} ${worker_id}`.trim());
  }

  async metrics(): Promise<MetricsText> {
    return new MetricsText(await (await fetch(`http://127.0.0.1:${this.#healthPort}/metrics`)).text());
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill(signal);
    await gone;
  }
}
