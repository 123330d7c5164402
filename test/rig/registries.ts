import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../../common/log.ts';
import { freePorts, type Stack, startStack } from '../../stack/stack.ts';
import { closeAtEnd } from './rig.ts';

/** A real registry, by its Confluent paths. */
export class TestRegistry {
  readonly url: string;
  readonly stack: Stack;

  constructor(stack: Stack) {
    this.stack = stack;
    this.url = `http://127.0.0.1:${stack.ports.registry}/apis/ccompat/v7`;
  }

  /** What a subject asks of its next schemas. */
  async setCompatibility(subject: string, compatibility: 'NONE' | 'BACKWARD' | 'FULL'): Promise<void> {
    const answer = await fetch(`${this.url}/config/${encodeURIComponent(subject)}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ compatibility }),
    });
    assert.ok(answer.ok, `${subject}: ${answer.status} ${await answer.clone().text()}`);
  }

  /** Gives the id. */
  async register(subject: string, schema: object): Promise<number> {
    const answer = await fetch(`${this.url}/subjects/${encodeURIComponent(subject)}/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ schema: JSON.stringify(schema) }),
    });
    assert.ok(answer.ok, `${subject}: ${answer.status} ${await answer.clone().text()}`);
    return ((await answer.json()) as { id: number }).id;
  }

  /** The id under which a subject has a schema; undefined when it has not. */
  async idOf(subject: string, schema: object): Promise<number | undefined> {
    const answer = await fetch(`${this.url}/subjects/${encodeURIComponent(subject)}`, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ schema: JSON.stringify(schema) }),
    });
    if (answer.status === 404) return undefined;
    assert.ok(answer.ok, `${subject}: ${answer.status} ${await answer.clone().text()}`);
    return ((await answer.json()) as { id: number }).id;
  }
}

let registries: Promise<{ readonly edge: TestRegistry; readonly cloud: TestRegistry }> | undefined;

/** Two registries that know nothing of each other and give different ids to the same schema; the same for all tests of one mocha process. */
export function useTwoRegistries(): Promise<{ readonly edge: TestRegistry; readonly cloud: TestRegistry }> {
  registries ??= open();
  return registries;
}

const IDS_APART = 7;

async function open() {
  const edge = await start();
  const cloud = await start();
  for (let i = 0; i < IDS_APART; i++)
    await cloud.register(`other-${i}`, { type: 'record', name: `Other${i}`, fields: [] });
  return { edge, cloud };
}

async function start(): Promise<TestRegistry> {
  const dataDir = mkdtempSync(join(tmpdir(), 'zeelos-registry-'));
  const ports = await freePorts();
  const log = createLog('rig', 'error');
  const stack = await startStack({ dataDir, ports, servers: ['registry'], log, onProgress: () => {} });
  closeAtEnd(async () => {
    await stack.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  await stack.ready('registry');
  return new TestRegistry(stack);
}
