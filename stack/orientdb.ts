import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PlatformError } from '../common/errors.ts';
import type { Artifact } from './cache.ts';
import { writeFileAtomically } from './files.ts';
import { jvmArgs } from './java.ts';
import { copyDependencies } from './maven.ts';
import { LOOPBACK, type StackPorts } from './ports.ts';
import { secretIn } from './secrets.ts';
import type { Launch, ServerKind, ServerSite } from './server.ts';

export const ORIENT_DATABASE = 'zeelosdb';
export const ORIENT_USER = 'root';
export const ORIENT_PASSWORD_FILE = 'orientdb-password';

const VERSION = '3.2.45';
const JARS = ['orientdb-server', 'orientdb-tools', 'orientdb-graphdb'].map(
  (name) => `com.orientechnologies:${name}:${VERSION}`,
);

export const ORIENT: Artifact = {
  name: 'orientdb',
  version: VERSION,
  recipe: JARS.join('\n'),
  tools: ['java', 'mvn'],
  needs: [],
  neededBytes: 400 * 2 ** 20,
  build: (job) => copyDependencies(job, JARS),
};

export const ORIENTDB: ServerKind = {
  name: 'orientdb',
  artifact: ORIENT,
  runTools: ['java'],
  ports: (ports) => [ports.orientdbBinary, ports.orientdbHttp],
  url: (ports) => `http://${LOOPBACK}:${ports.orientdbHttp}`,
  prepare: prepareOrientdb,
  isReady: isOrientdbReady,
};

async function prepareOrientdb(site: ServerSite): Promise<Launch> {
  const databases = join(site.home, 'databases');
  mkdirSync(databases, { recursive: true });
  const settings = join(site.home, 'orientdb-server-config.xml');
  writeFileAtomically(settings, serverConfig(site.ports, databases, passwordOf(site)), 0o600);
  return {
    program: 'java',
    args: [
      ...jvmArgs(site, { heapMegabytes: 384 }),
      '-Dstorage.diskCache.bufferSize=128',
      // Its write-ahead log reaches the disk at this interval in ms, after the answer to a commit: with the default of 1000 a kill loses a second of
      // answered writes, and a kill within a second of creating a class leaves a database that cannot be opened (orientdb issue 9658).
      '-Dstorage.wal.commitTimeout=10',
      // Its ready-made users have well-known passwords.
      '-Dsecurity.createDefaultUsers=false',
      `-Dorientdb.config.file=${settings}`,
      `-DORIENTDB_HOME=${site.home}`,
      '-cp',
      join(site.files, '*'),
      'com.orientechnologies.orient.server.OServerMain',
    ],
  };
}

async function isOrientdbReady(site: ServerSite, signal: AbortSignal): Promise<boolean> {
  const url = ORIENTDB.url(site.ports);
  const authorization = `Basic ${Buffer.from(`${ORIENT_USER}:${passwordOf(site)}`).toString('base64')}`;
  const request = { headers: { Authorization: authorization }, signal };
  const list = await fetch(`${url}/listDatabases`, request);
  if (!list.ok) return false;
  const { databases } = (await list.json()) as { databases: string[] };
  if (!databases.includes(ORIENT_DATABASE)) {
    const made = await fetch(`${url}/database/${ORIENT_DATABASE}/plocal`, { ...request, method: 'POST' });
    await made.arrayBuffer();
    if (!made.ok)
      throw new PlatformError('STACK_START_FAILED', `OrientDB refused to create ${ORIENT_DATABASE}: ${made.status}`);
  }
  // Opening it is the proof: after a kill its log is replayed first.
  const opened = await fetch(`${url}/database/${ORIENT_DATABASE}`, request);
  await opened.arrayBuffer();
  return opened.ok;
}

function passwordOf(site: ServerSite): string {
  return secretIn(join(site.secrets, ORIENT_PASSWORD_FILE));
}

/** `isAfterFirstTime`: nothing is asked on the console. The password is hexadecimal, so nothing in it needs escaping. */
function serverConfig(ports: StackPorts, databases: string, password: string): string {
  const network = 'com.orientechnologies.orient.server.network.protocol';
  return `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<orient-server>
  <handlers/>
  <network>
    <protocols>
      <protocol name="binary" implementation="${network}.binary.ONetworkProtocolBinary"/>
      <protocol name="http" implementation="${network}.http.ONetworkProtocolHttpDb"/>
    </protocols>
    <listeners>
      <listener protocol="binary" socket="default" port-range="${ports.orientdbBinary}" ip-address="${LOOPBACK}"/>
      <listener protocol="http" socket="default" port-range="${ports.orientdbHttp}" ip-address="${LOOPBACK}"/>
    </listeners>
  </network>
  <users><user name="${ORIENT_USER}" password="${password}" resources="*"/></users>
  <properties>
    <entry name="server.database.path" value="${escapeXml(databases)}"/>
    <entry name="db.pool.min" value="1"/>
    <entry name="db.pool.max" value="50"/>
    <entry name="profiler.enabled" value="false"/>
  </properties>
  <isAfterFirstTime>true</isAfterFirstTime>
</orient-server>
`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}
