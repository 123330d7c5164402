import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError } from '../../common/errors.ts';
import { hashOf, once, peerCacheDir, runTool, toolMissing } from './provision.ts';

/** Programs of Debian that are unpacked into the cache, which needs no root. */
export interface DebianPrograms {
  readonly packages: readonly string[];
  /** One of their files: when it is there, all is. */
  readonly proof: string;
}

/** The folder under which the files of the packages lie. @throws STACK_TOOL_MISSING with the apt line where they cannot be had */
export async function provideDebian(name: string, wanted: DebianPrograms): Promise<string> {
  const system = existsSync('/etc/os-release') ? await readFile('/etc/os-release') : 'unknown';
  const key = hashOf([...wanted.packages, process.arch, system]);
  return await once(join(peerCacheDir(), `${name}-${key}`), (draft) => unpack(wanted, draft));
}

async function unpack(wanted: DebianPrograms, draft: string): Promise<void> {
  const apt = join(draft, 'apt');
  await mkdir(join(apt, 'lists', 'partial'), { recursive: true });
  await mkdir(join(apt, 'cache', 'archives', 'partial'), { recursive: true });
  const own = ['-o', `Dir::State::lists=${apt}/lists`, '-o', `Dir::Cache=${apt}/cache`];
  // The machine's own lists first; where it has none or old ones, lists of our own, which a user may fetch.
  if (!(await download(wanted, draft, []))) {
    await tool(wanted, 'apt-get', [...own, 'update'], draft);
    if (!(await download(wanted, draft, own))) throw missing(wanted);
  }
  await rm(apt, { recursive: true });
  for (const name of await readdir(draft)) {
    if (!name.endsWith('.deb')) continue;
    if ((await tool(wanted, 'dpkg-deb', ['-x', join(draft, name), draft], draft)).failed) throw missing(wanted);
    await rm(join(draft, name));
  }
  if (!existsSync(join(draft, wanted.proof))) throw missing(wanted);
}

async function download(wanted: DebianPrograms, folder: string, options: readonly string[]): Promise<boolean> {
  return !(await tool(wanted, 'apt-get', [...options, 'download', ...wanted.packages], folder)).failed;
}

async function tool(
  wanted: DebianPrograms,
  command: string,
  args: readonly string[],
  cwd: string,
): ReturnType<typeof runTool> {
  try {
    return await runTool(command, args, wanted.packages[0]!, cwd);
  } catch (cause) {
    throw new PlatformError('STACK_TOOL_MISSING', missing(wanted).message, { cause });
  }
}

function missing({ packages, proof }: DebianPrograms): PlatformError {
  return toolMissing(proof.slice(proof.lastIndexOf('/') + 1), packages[0]!);
}
