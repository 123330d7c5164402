import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '../../../common/log.ts';
import { cleanLeftOvers, pidFolder, recordPid } from '../../../stack/pid-files.ts';
import { identityOf, isAlive, parseIdentity, residentBytes } from '../../../stack/process-identity.ts';
import { ServerProcess } from '../../../stack/server-process.ts';

const log = createLog('test', 'silent');

async function until(condition: () => boolean, timeoutMs = 5000): Promise<boolean> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!condition() && performance.now() < deadlineMs) await sleep(20);
  return condition();
}

describe('processes of the stack', () => {
  let dataDir: string;
  let sleeper: ChildProcess;

  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'zeelos-pids-'));
    sleeper = spawn('sleep', ['60'], { stdio: 'ignore' });
    await once(sleeper, 'spawn');
  });
  afterEach(() => {
    sleeper.kill('SIGKILL');
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('tells a process by pid and start time', async () => {
    const identity = identityOf(sleeper.pid!)!;
    assert.equal(isAlive(identity), true);
    assert.equal(isAlive({ ...identity, startTicks: '1' }), false);
    assert.ok(residentBytes(sleeper.pid!) > 0);
    sleeper.kill('SIGKILL');
    await once(sleeper, 'exit');
    assert.equal(isAlive(identity), false);
    assert.equal(residentBytes(identity.pid), 0);
  });

  it('reads no identity out of anything else', () => {
    for (const value of [
      null,
      7,
      'x',
      {},
      { pid: 1, startTicks: '1' },
      { pid: -5, startTicks: '1' },
      { pid: 2.5, startTicks: '1' },
      { pid: 9 },
    ]) {
      assert.equal(parseIdentity(value), undefined);
    }
    assert.deepEqual(parseIdentity({ pid: 77, startTicks: '5' }), { pid: 77, startTicks: '5' });
  });

  it('ends what a killed stack left', async () => {
    recordPid(dataDir, 'influxdb', sleeper.pid!);
    const identity = identityOf(sleeper.pid!)!;
    const steps: string[] = [];
    await cleanLeftOvers(dataDir, (line) => steps.push(`${line.server} ${line.step}`), log);
    assert.equal(isAlive(identity), false);
    assert.deepEqual(steps, ['influxdb clean']);
    assert.deepEqual(readdirSync(pidFolder(dataDir)), []);
  });

  it('never touches a stranger that got the pid of a dead server, nor trips over a damaged record', async () => {
    mkdirSync(pidFolder(dataDir), { recursive: true });
    writeFileSync(join(pidFolder(dataDir), 'influxdb.json'), JSON.stringify({ pid: sleeper.pid, startTicks: '1' }));
    writeFileSync(join(pidFolder(dataDir), 'orientdb.json'), '{"pid":');
    await cleanLeftOvers(dataDir, () => assert.fail('nothing is to be cleaned'), log);
    assert.ok(isAlive(identityOf(sleeper.pid!)!));
    assert.deepEqual(readdirSync(pidFolder(dataDir)), []);
  });

  it('stops a server in order, and kills one that ignores the request', async () => {
    const logFile = join(dataDir, 'x.log');
    const willing = new ServerProcess({ program: 'sleep', args: ['60'] }, dataDir, logFile);
    assert.equal(await willing.stop(5000), true);
    assert.equal(willing.isRunning, false);
    assert.equal(await willing.ended, 'SIGTERM');
    const deaf = new ServerProcess(
      { program: 'sh', args: ['-c', 'trap "" TERM; echo up; while :; do sleep 0.1; done'] },
      dataDir,
      logFile,
    );
    await sleep(300);
    assert.equal(await deaf.stop(200), false);
    assert.equal(await deaf.ended, 'SIGKILL');
  });

  it('keeps a server out of our terminal’s process group, so that Ctrl-C reaches only us', async () => {
    const server = new ServerProcess({ program: 'sleep', args: ['60'] }, dataDir, join(dataDir, 'x.log'));
    const fields = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    const [group, session] = [Number(fields[2]), Number(fields[3])];
    await server.stop(1000);
    assert.deepEqual([group, session], [server.pid, server.pid]);
  });

  it('says why a program cannot be started', async () => {
    const missing = new ServerProcess({ program: join(dataDir, 'nothing'), args: [] }, dataDir, join(dataDir, 'x.log'));
    assert.notEqual(await missing.ended, 'exit code 0');
    assert.equal(missing.isRunning, false);
  });

  it('lets servers die with a parent that is killed', async function () {
    this.timeout(15_000);
    const module = join(import.meta.dirname, '../../../stack/server-process.ts');
    const script = `import { ServerProcess } from ${JSON.stringify(module)};
      const p = new ServerProcess({ program: 'sleep', args: ['60'] }, '/', ${JSON.stringify(join(dataDir, 'x.log'))});
      console.log(p.pid); setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const child = identityOf(Number(line.toString()))!;
    assert.equal(isAlive(child), true);
    await sleep(200);
    parent.kill('SIGKILL');
    assert.equal(await until(() => !isAlive(child)), true);
  });
});
