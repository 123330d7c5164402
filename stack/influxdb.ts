import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PlatformError } from '../common/errors.ts';
import { INFLUXD } from './influxdb-build.ts';
import { LOOPBACK } from './ports.ts';
import { secretIn } from './secrets.ts';
import type { Launch, ServerKind, ServerSite } from './server.ts';

export const INFLUX_ORG = 'zeelos';
export const INFLUX_BUCKET = 'zeelosdb';
export const INFLUX_TOKEN_FILE = 'influxdb-token';
const PASSWORD_FILE = 'influxdb-password';
const USER = 'zeelos';

export const INFLUXDB: ServerKind = {
  name: 'influxdb',
  artifact: INFLUXD,
  runTools: [],
  ports: (ports) => [ports.influxdb],
  url: (ports) => `http://${LOOPBACK}:${ports.influxdb}`,
  prepare: prepareInfluxdb,
  isReady: isInfluxdbReady,
};

async function prepareInfluxdb(site: ServerSite): Promise<Launch> {
  mkdirSync(site.home, { recursive: true });
  const args = {
    'bolt-path': join(site.home, 'influxd.bolt'),
    'engine-path': join(site.home, 'engine'),
    'sqlite-path': join(site.home, 'influxd.sqlite'),
    'http-bind-address': `${LOOPBACK}:${site.ports.influxdb}`,
    'log-level': 'warn',
    // 1 GB by default; writes are refused, and tried again by their senders, when the unflushed points fill it.
    'storage-cache-max-memory-size': String(256 * 2 ** 20),
  };
  return {
    program: join(site.files, 'influxd'),
    args: [...Object.entries(args).map(([name, value]) => `--${name}=${value}`), '--reporting-disabled'],
    env: { GOMEMLIMIT: '384MiB' },
  };
}

async function isInfluxdbReady(site: ServerSite, signal: AbortSignal): Promise<boolean> {
  const url = INFLUXDB.url(site.ports);
  if (!(await fetch(`${url}/health`, { signal })).ok) return false;
  const token = secretIn(join(site.secrets, INFLUX_TOKEN_FILE));
  const setup = await fetch(`${url}/api/v2/setup`, { signal });
  if (((await setup.json()) as { allowed?: boolean }).allowed === true) await setUp(url, site, token, signal);
  const query = new URLSearchParams({ org: INFLUX_ORG, name: INFLUX_BUCKET });
  const buckets = await fetch(`${url}/api/v2/buckets?${query}`, {
    signal,
    headers: { Authorization: `Token ${token}` },
  });
  if (buckets.status === 401) {
    const text = `InfluxDB in ${site.home} does not know the token in ${site.secrets}: restore the file, or remove that folder to begin anew`;
    throw new PlatformError('STACK_START_FAILED', text);
  }
  return buckets.ok;
}

/** Makes the first user, the organisation, the bucket and our token, once in the life of a data folder. */
async function setUp(url: string, site: ServerSite, token: string, signal: AbortSignal): Promise<void> {
  const password = secretIn(join(site.secrets, PASSWORD_FILE));
  const body = JSON.stringify({ username: USER, password, org: INFLUX_ORG, bucket: INFLUX_BUCKET, token });
  const answer = await fetch(`${url}/api/v2/setup`, { method: 'POST', body, signal });
  await answer.arrayBuffer();
  if (answer.status !== 201)
    throw new PlatformError('STACK_START_FAILED', `InfluxDB refused its setup with ${answer.status}`);
}
