import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { PlatformError } from '../../common/errors.ts';
import { type Peer, startPeer } from './peer-process.ts';
import { hashOf, once, peerCacheDir, runTool, toolMissing } from './provision.ts';

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
  const system = existsSync('/etc/os-release') ? await readFile('/etc/os-release') : 'unknown';
  const folder = await once(join(peerCacheDir(), `libcoap-${hashOf([...PACKAGES, process.arch, system])}`), unpack);
  const libraries = join(folder, 'usr', 'lib');
  const LD_LIBRARY_PATH = (await readdir(libraries)).map((name) => join(libraries, name)).join(delimiter);
  const bin = join(folder, 'usr', 'bin');
  return { client: join(bin, CLIENT), server: join(bin, SERVER), env: { ...process.env, LD_LIBRARY_PATH } };
}

function onPath(command: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, command)).find((file) => existsSync(file));
}

async function unpack(draft: string): Promise<void> {
  const apt = join(draft, 'apt');
  await mkdir(join(apt, 'lists', 'partial'), { recursive: true });
  await mkdir(join(apt, 'cache', 'archives', 'partial'), { recursive: true });
  const own = ['-o', `Dir::State::lists=${apt}/lists`, '-o', `Dir::Cache=${apt}/cache`];
  // The machine's own lists first; where it has none or old ones, lists of our own, which a user may fetch.
  if (!(await download(draft, []))) {
    await tool('apt-get', [...own, 'update'], draft);
    if (!(await download(draft, own))) throw missing();
  }
  await rm(apt, { recursive: true });
  for (const name of await readdir(draft)) {
    if (!name.endsWith('.deb')) continue;
    if ((await tool('dpkg-deb', ['-x', join(draft, name), draft], draft)).failed) throw missing();
    await rm(join(draft, name));
  }
  if (!existsSync(join(draft, 'usr', 'bin', CLIENT))) throw missing();
}

async function download(folder: string, options: readonly string[]): Promise<boolean> {
  return !(await tool('apt-get', [...options, 'download', ...PACKAGES], folder)).failed;
}

async function tool(command: string, args: readonly string[], cwd: string): ReturnType<typeof runTool> {
  try {
    return await runTool(command, args, PACKAGES[0], cwd);
  } catch (cause) {
    throw new PlatformError('STACK_TOOL_MISSING', missing().message, { cause });
  }
}

const missing = () => toolMissing('coap-client', PACKAGES[0]);

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
