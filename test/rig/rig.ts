import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../../common/log.ts';
import { freePorts, type ServerName, type Stack, type StackPorts, startStack } from '../../stack/stack.ts';

/** Real servers shared by all tests of one mocha process: each is started when the first test asks for it, on free ports, in a temporary folder. */
let folder: string | undefined;
let ports: Promise<StackPorts> | undefined;
const stacks = new Map<ServerName, Promise<Stack>>();

/** Resolves when the named servers answer. Tests keep apart by their own gateway ids, topics, buckets and databases. */
export async function useStack(...names: readonly ServerName[]): Promise<Stack> {
  folder ??= mkdtempSync(join(tmpdir(), 'zeelos-test-'));
  ports ??= freePorts();
  const chosen = await ports;
  for (const name of names) if (!stacks.has(name)) stacks.set(name, startOne(name, folder, chosen));
  const all = await Promise.all(names.map((name) => stacks.get(name)!));
  await Promise.all(all.map((stack, index) => stack.ready(names[index]!)));
  return joined(chosen, new Map(names.map((name, index) => [name, all[index]!])));
}

/** As `useStack`, but with stores that no other test uses: for one that leaves their files damaged. They are stopped with the others. */
export async function useOwnStores(...names: readonly ServerName[]): Promise<Stack> {
  const shared = await useStack(...names);
  const { influxdb, orientdbBinary, orientdbHttp } = await freePorts();
  const chosen = { ...shared.ports, influxdb, orientdbBinary, orientdbHttp };
  const under = mkdtempSync(join(tmpdir(), 'zeelos-stores-'));
  const stores = new Map<ServerName, Stack>();
  closeAtEnd(async () => {
    await Promise.all([...stores.values()].map((store) => store.stop()));
    rmSync(under, { recursive: true, force: true });
  });
  for (const name of ['influxdb', 'orientdb'] as const) {
    stores.set(name, await startOne(name, under, chosen));
    await stores.get(name)!.ready(name);
  }
  return joined(chosen, new Map([...names.map((name) => [name, shared] as const), ...stores]));
}

/** Each server has a folder of its own, so that servers can be added while others run. */
function startOne(name: ServerName, under: string, chosen: StackPorts): Promise<Stack> {
  const log = createLog('rig', 'warn');
  return startStack({
    dataDir: join(under, name),
    ports: chosen,
    servers: [name],
    log,
    onProgress: ({ server, step, state }) => log.debug(`${server} ${step}: ${state}`),
  });
}

function joined(chosen: StackPorts, byName: ReadonlyMap<ServerName, Stack>): Stack {
  const of = (name: ServerName): Stack => {
    const stack = byName.get(name);
    if (stack === undefined) throw new Error(`this test did not ask for ${name}`);
    return stack;
  };
  const first = [...byName.values()][0]!;
  return {
    ports: chosen,
    credentials: {
      influx: (byName.get('influxdb') ?? first).credentials.influx,
      orientdb: (byName.get('orientdb') ?? first).credentials.orientdb,
    },
    ready: (name) => of(name).ready(name),
    stop: async (name) => {
      if (name === undefined) throw new Error('the rig stops its servers itself');
      await of(name).stop(name);
    },
    kill: (name) => of(name).kill(name),
    start: (name) => of(name).start(name),
    pid: (name) => of(name).pid(name),
  };
}

const closers: (() => Promise<void>)[] = [];

/** For what a test file shares with others of its mocha process: closed after the last test, the newest first. */
export function closeAtEnd(close: () => Promise<void>): void {
  closers.push(close);
}

/** Root hook of mocha (see .mocharc.json): stops what was started and removes the folder. */
export const mochaHooks = {
  async afterAll(): Promise<void> {
    for (const close of closers.splice(0).reverse()) await close();
    const started = await Promise.allSettled(stacks.values());
    await Promise.all(started.map(async (result) => (result.status === 'fulfilled' ? result.value.stop() : undefined)));
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  },
};
