import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { SAVED_QUERIES, type SavedQueryName } from '../../../connectors/orientdb/queries/queries.ts';
import { runSavedQuery, valuesFrom } from '../../../connectors/orientdb/queries/saved-query.ts';
import { readServerGraph } from '../../../connectors/orientdb/queries/server-graph.ts';
import { OrientSession } from '../../../connectors/orientdb/session.ts';
import { eventually } from '../../rig/eventually.ts';
import type { Chain } from './chain.ts';

const COMMAND = new URL('../../../bin/zeelos.ts', import.meta.url).pathname;
const CHILD = 'pic-site/urn:dev:1';
const MODBUS = ['modbus-climate', 'modbus-meter'];
const LEFT = 'pic-gone-1';
const SENSORS = ['pic-1', 'pic-2', 'pic-3'];
const ALL = [...SENSORS, LEFT, 'pic-site', CHILD, ...MODBUS].sort();

/** The graph that the chain has made of registrations: saved queries, and the command that prints it. */
export function checkGraph(chainOf: () => Chain): void {
  describe('graph in OrientDB', () => {
    let session: OrientSession;

    before(async () => {
      const { ports, credentials } = chainOf().stack;
      const { database, user, passwordFile } = credentials.orientdb;
      const password = readFileSync(passwordFile, 'utf8').trim();
      const at = { host: '127.0.0.1', port: ports.orientdbBinary, database, user };
      session = await OrientSession.open(at, password, AbortSignal.timeout(30_000));
      await eventually('who left is offline, and all others are there', async () => {
        const graph = await readServerGraph(session, chainOf().gatewayId, { depth: 'endpoints', limitEndpoints: 100 });
        return graph?.total.endpoints === ALL.length && graph.total.online === ALL.length - 1;
      });
    });
    after(() => session?.close());

    async function asked(name: SavedQueryName, given: Readonly<Record<string, string>> = {}) {
      const query = SAVED_QUERIES[name];
      const { values, faults } = valuesFrom(query, new Map(Object.entries(given)));
      assert.deepEqual(faults, []);
      const { rows } = await runSavedQuery(session, query, values, 10_000);
      return rows.filter(({ server }) => server === undefined || server === null || server === chainOf().gatewayId);
    }

    it('has each device once, online but the one that left, and the child behind its gateway', async () => {
      const server = chainOf().gatewayId;
      const endpoints = await asked('endpoints', { server });
      assert.deepEqual(
        endpoints.map(({ endpoint }) => endpoint),
        ALL,
      );
      const offline = await asked('offline', { server });
      assert.deepEqual(
        offline.map(({ endpoint, expired }) => [endpoint, expired]),
        [[LEFT, false]],
      );
      const behind = endpoints.filter((row) => row.behind !== null).map((row) => [row.endpoint, row.behind, row.dueMs]);
      assert.deepEqual(behind, [[CHILD, 'pic-site', null]]);
      const due = endpoints.filter(({ dueMs }) => dueMs !== null).map(({ endpoint }) => endpoint);
      assert.deepEqual(
        due,
        ALL.filter((name) => name !== LEFT && name !== CHILD),
      );
    });

    it('answers who has an object, with which instances', async () => {
      const rows = await asked('has-object', { object: '3303' });
      const told = rows.map(({ endpoint, online, instances }) => [endpoint, online, instances]);
      const expected = [...SENSORS.map((name) => [name, true, [0, 1]]), [LEFT, false, [0, 1]], [CHILD, true, [0]]];
      const sorted = (list: readonly unknown[]) => list.map((one) => JSON.stringify(one)).sort();
      const simulated = told.filter(([name]) => !MODBUS.includes(String(name)));
      assert.deepEqual(sorted(simulated), sorted(expected));
    });

    it('tells the registrations of the one that left, and lifetimes of all', async () => {
      const [registration, ...more] = await asked('registrations', { endpoint: LEFT });
      assert.deepEqual(more, []);
      assert.ok(Number(registration!.endedMs) > Number(registration!.sinceMs));
      const lifetimes = await asked('lifetimes', { server: chainOf().gatewayId });
      const sum = (column: string) => lifetimes.reduce((total, row) => total + Number(row[column]), 0);
      assert.deepEqual([sum('endpoints'), sum('online')], [ALL.length, ALL.length - 1]);
    });

    it('has a row for each instance of each device of the server', async () => {
      const rows = await asked('server-graph', { server: chainOf().gatewayId });
      assert.deepEqual([...new Set(rows.map(({ endpoint }) => endpoint))], ALL);
      const first = rows
        .filter(({ endpoint }) => endpoint === CHILD)
        .map((row) => [row.object, row.name, row.instance]);
      assert.deepEqual(first, [
        [3, 'Device', 0],
        [3303, 'Temperature', 0],
      ]);
    });

    it('is what `zeelos graph` prints', async () => {
      const { ports, credentials } = chainOf().stack;
      const flags = [
        `--orient-port=${ports.orientdbBinary}`,
        `--orient-password-file=${credentials.orientdb.passwordFile}`,
      ];
      const print = async (...words: readonly string[]) =>
        (await promisify(execFile)(process.execPath, [COMMAND, 'graph', ...words, ...flags], { timeout: 60_000 }))
          .stdout;
      const [tree, json] = await Promise.all([
        print(chainOf().gatewayId, '--depth=objects'),
        print(chainOf().gatewayId, '--json'),
      ]);
      assert.match(tree, new RegExp(`^${chainOf().gatewayId}: ${ALL.length} devices, ${ALL.length - 1} online$`, 'm'));
      assert.match(tree, new RegExp(`─ ${LEFT}  left  `));
      assert.match(tree, /^└─ pic-site {2}online .*\n(?: {3}├─ .*\n)* {3}└─ pic-site\/urn:dev:1 {2}online/m);
      const graph = JSON.parse(json) as { endpoints: { endpoint: string; behind: string | null }[] };
      assert.deepEqual(
        graph.endpoints.map(({ endpoint }) => endpoint),
        ALL,
      );
    });
  });
}
