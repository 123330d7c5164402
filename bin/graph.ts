import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, PlatformError } from '../common/errors.ts';
import type { SettingsOf } from '../common/settings.ts';
import { SAVED_QUERIES, savedQuery } from '../connectors/orientdb/queries/queries.ts';
import {
  type GraphReader,
  type QueryValues,
  runSavedQuery,
  type SavedQuery,
  valuesFrom,
} from '../connectors/orientdb/queries/saved-query.ts';
import { hasGraph, knownServers, readServerGraph } from '../connectors/orientdb/queries/server-graph.ts';
import { OrientSession } from '../connectors/orientdb/session.ts';
import { type CommandContext, EXIT, type ExitCode } from './command.ts';
import type { GRAPH_SETTINGS } from './graph-settings.ts';
import { rowsAsText } from './graph-table.ts';
import { graphAsJson, graphAsText } from './graph-tree.ts';
import { printable } from './printable.ts';
import { orRunning, readAddresses } from './running-system.ts';

type GraphSettings = SettingsOf<typeof GRAPH_SETTINGS>;

/** Longest time for the whole answer; OrientDB that is away is noticed at once, one that hangs by this. */
const ANSWER_MS = 60_000;
/** Servers that are named when the one that was asked for is not there. */
const SERVERS_NAMED = 20;

/** Prints the graph of one gateway as a tree, or the rows of a saved query. */
export async function graph(
  settings: GraphSettings,
  { signal }: CommandContext,
  operands: readonly string[],
): Promise<ExitCode> {
  const ask = settings.query === undefined ? treeOf(settings, operands) : queryOf(settings, operands);
  const text = await withSession(settings, signal, async (session) => {
    if (!(await hasGraph(session)))
      throw new PlatformError('GRAPH_UNKNOWN', `there is no graph in the database ${settings.orientDatabase}`);
    return await ask(session);
  });
  process.stdout.write(text);
  return EXIT.ok;
}

type Ask = (reader: GraphReader) => Promise<string>;

function treeOf({ depth, limit, json, param }: GraphSettings, operands: readonly string[]): Ask {
  const [server, ...more] = operands;
  if (server === undefined || more.length > 0)
    throw new PlatformError('USAGE', 'graph takes the id of one gateway, for example gw1, or --query with a name');
  if (param !== undefined) throw new PlatformError('USAGE', '--param belongs to --query');
  return async (reader) => {
    const found = await readServerGraph(reader, server, { depth, limitEndpoints: limit });
    if (found === undefined) throw await unknownServer(reader, server);
    return json ? `${JSON.stringify(graphAsJson(found))}\n` : graphAsText(found);
  };
}

function queryOf({ query: name = '', param = [], limit, json }: GraphSettings, operands: readonly string[]): Ask {
  const query = savedQuery(name);
  if (query === undefined) {
    const names = Object.keys(SAVED_QUERIES).join(', ');
    throw new PlatformError('USAGE', `there is no query ${JSON.stringify(name)}; there are ${names}`);
  }
  if (operands.length > 0)
    throw new PlatformError('USAGE', `--query takes no ${JSON.stringify(operands[0])}; see --param`);
  const values = valuesOf(name, query, param);
  return async (reader) => {
    const answer = await runSavedQuery(reader, query, values, limit);
    return json ? `${JSON.stringify({ query: name, ...answer })}\n` : rowsAsText(query.columns, answer);
  };
}

function valuesOf(name: string, query: SavedQuery, params: readonly string[]): QueryValues {
  const given = new Map<string, string>();
  const faults: string[] = [];
  for (const param of params) {
    const at = param.indexOf('=');
    const key = param.slice(0, at);
    if (at < 1) faults.push(`${JSON.stringify(param)} is not name=value`);
    else if (given.has(key)) faults.push(`${key} stands twice`);
    else given.set(key, param.slice(at + 1));
  }
  const read = valuesFrom(query, given);
  faults.push(...read.faults);
  if (faults.length === 0) return read.values;
  const takes = Object.entries(query.parameters).map(([key, { about }]) => `${key} (${about})`);
  throw new PlatformError(
    'USAGE',
    `${faults.join('; ')}. ${name} takes ${takes.length === 0 ? 'none' : takes.join(', ')}`,
  );
}

async function unknownServer(reader: GraphReader, server: string): Promise<PlatformError> {
  const names = await knownServers(reader, SERVERS_NAMED + 1);
  const named = names.slice(0, SERVERS_NAMED).map((name) => printable(name));
  if (names.length > SERVERS_NAMED) named.push('…');
  const there = named.length === 0 ? 'it has none' : `it has ${named.join(', ')}`;
  return new PlatformError('GRAPH_UNKNOWN', `the graph has no server ${JSON.stringify(server)}; ${there}`);
}

async function withSession(
  settings: GraphSettings,
  signal: AbortSignal,
  work: (session: OrientSession) => Promise<string>,
): Promise<string> {
  const { orientHost: host, orientDatabase: database, orientUser: user, dataDir } = settings;
  const running = readAddresses(dataDir);
  const port = orRunning(settings.orientPort, running?.orientPort, '--orient-port');
  const passwordFile = settings.orientPasswordFile ?? join(dataDir, 'secrets', 'orientdb-password');
  const late = AbortSignal.timeout(ANSWER_MS);
  const ending = AbortSignal.any([signal, late]);
  try {
    const session = await OrientSession.open({ host, port, database, user }, passwordIn(passwordFile), ending);
    try {
      return await session.endWith(ending, () => work(session));
    } finally {
      session.close();
    }
  } catch (error) {
    if (late.aborted) throw new PlatformError('SINK_UNAVAILABLE', `OrientDB did not answer in ${ANSWER_MS} ms`);
    throw error;
  }
}

function passwordIn(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new PlatformError('CONFIG_INVALID', `--orient-password-file: ${messageOf(cause)}`, { cause });
  }
}
