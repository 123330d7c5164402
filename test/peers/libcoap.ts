import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { provideDebian } from './debian.ts';
import { type Peer, startPeer } from './peer-process.ts';

const PACKAGES = ['libcoap3-bin', 'libcoap3'] as const;
const CLIENT = 'coap-client-notls';
const SERVER = 'coap-server-notls';
const RUN_TIMEOUT_MS = 20_000;

export interface Libcoap {
  readonly client: string;
  readonly server: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * The tools of libcoap: installed ones, else Debian's packages unpacked into the cache, which needs no root.
 * @throws STACK_TOOL_MISSING with the apt line where neither is possible
 */
export async function provideLibcoap(): Promise<Libcoap> {
  const installed = onPath(CLIENT);
  if (installed !== undefined && onPath(SERVER) !== undefined)
    return { client: CLIENT, server: SERVER, env: process.env };
  const folder = await provideDebian('libcoap', { packages: PACKAGES, proof: `usr/bin/${CLIENT}` });
  const libraries = join(folder, 'usr', 'lib');
  const LD_LIBRARY_PATH = (await readdir(libraries)).map((name) => join(libraries, name)).join(delimiter);
  const bin = join(folder, 'usr', 'bin');
  return { client: join(bin, CLIENT), server: join(bin, SERVER), env: { ...process.env, LD_LIBRARY_PATH } };
}

function onPath(command: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, command)).find((file) => existsSync(file));
}

/** What coap-client was answered, as its log at level 7 tells it. */
export interface ClientRun {
  /** `2.05` */
  readonly code: string;
  readonly locationPath: readonly string[];
  readonly output: string;
}

/** One run of coap-client. @param args as of its manual page, without the log level */
export async function coapClient({ client, env }: Libcoap, args: readonly string[]): Promise<ClientRun> {
  const run = await promisify(execFile)(client, ['-v', '7', ...args], {
    env,
    timeout: RUN_TIMEOUT_MS,
    maxBuffer: 16 << 20,
  });
  const output = `${run.stdout}${run.stderr}`;
  const answers = [...output.matchAll(/^v:1 t:\w+ c:([2-5]\.\d\d) .*$/gm)];
  const last = answers.at(-1);
  const locationPath = [...(last?.[0] ?? '').matchAll(/Location-Path:([^, \]]+)/g)].map(([, segment]) => segment!);
  return { code: last?.[1] ?? '', locationPath, output };
}

/** coap-server on a port, which makes a resource of whatever is PUT. */
export async function startCoapServer({ server, env }: Libcoap, port: number): Promise<Peer> {
  const args = ['-A', '127.0.0.1', '-p', String(port), '-d', '100', '-v', '6'];
  return startPeer('coap-server', server, args, { env });
}
