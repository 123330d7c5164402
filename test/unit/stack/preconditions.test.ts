import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PlatformError } from '../../../common/errors.ts';
import { runCommand } from '../../../stack/command.ts';
import { assertFreeSpace, writeFileAtomically } from '../../../stack/files.ts';
import { kafkaAnswers } from '../../../stack/kafka-probe.ts';
import { assertPortsFree } from '../../../stack/port-owner.ts';
import { DEFAULT_PORTS, freePorts, isPortFree } from '../../../stack/ports.ts';
import { type ProgressLine, progressOf } from '../../../stack/progress.ts';
import { secretIn } from '../../../stack/secrets.ts';
import { lastLines, rotateLog } from '../../../stack/server-log.ts';
import { assertTools } from '../../../stack/toolchain.ts';

const TEST_PORTS = { from: 21_000, to: 21_999 };

function listen(onBytes?: (chunk: Buffer) => string | Buffer): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      const answer = onBytes?.(chunk as Buffer);
      if (answer !== undefined) socket.write(answer as Buffer);
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve({ server, port: (server.address() as { port: number }).port }));
  });
}

describe('what must hold before a server starts', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'zeelos-pre-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('finds eight different free ports in the range', async () => {
    const ports = await freePorts(TEST_PORTS);
    assert.deepEqual(Object.keys(ports).sort(), Object.keys(DEFAULT_PORTS).sort());
    assert.equal(new Set(Object.values(ports)).size, 8);
    for (const port of Object.values(ports)) assert.ok(port >= TEST_PORTS.from && port <= TEST_PORTS.to);
  });

  it('gives up on a range that is too small', async () => {
    await assert.rejects(freePorts({ from: 21_990, to: 21_992 }), { code: 'STACK_PORT_BUSY' });
  });

  it('names every busy port', async () => {
    const { server, port } = await listen();
    assert.equal(await isPortFree(port), false);
    const isPortBusy = (error: unknown): boolean => {
      assert.ok(error instanceof PlatformError);
      assert.deepEqual(
        [error.code, error.details.ports, error.details.pids],
        ['STACK_PORT_BUSY', [port], [process.pid]],
      );
      return true;
    };
    await assert.rejects(assertPortsFree('registry', [port]), isPortBusy);
    server.close();
    await new Promise((resolve) => server.once('close', resolve));
    await assertPortsFree('registry', [port]);
  });

  it('names every missing tool, and one that is too old', async () => {
    const isMissing = (tools: string[]) => (error: unknown) => {
      assert.ok(error instanceof PlatformError);
      assert.deepEqual([error.code, error.details.tools], ['STACK_TOOL_MISSING', tools]);
      assert.equal((error.details.remedies as string[]).length, tools.length);
      return true;
    };
    await assert.rejects(assertTools(['java', 'mvn', 'cc', 'mvn'], { PATH: folder }), isMissing(['java', 'mvn', 'cc']));
    const java = join(folder, 'java');
    const answer = (version: string) =>
      writeFileSync(java, `#!/bin/sh\necho 'openjdk version "${version}" 2020' >&2\n`);
    answer('11.0.2');
    chmodSync(java, 0o755);
    await assert.rejects(assertTools(['java'], { PATH: folder }), isMissing(['java']));
    answer('17.0.15');
    await assertTools(['java'], { PATH: folder });
    answer('25');
    await assertTools(['java'], { PATH: folder });
  });

  it('tells that the disk is too full, for a folder that does not exist yet too', async () => {
    await assertFreeSpace(join(folder, 'not', 'yet'), 1, 'start');
    const full = assertFreeSpace(join(folder, 'not', 'yet'), Number.MAX_SAFE_INTEGER, 'start');
    await assert.rejects(full, { code: 'STACK_DISK_FULL' });
  });

  it('generates a secret once, in a file for its owner only', () => {
    const path = join(folder, 'secrets', 'token');
    const secret = secretIn(path);
    assert.match(secret, /^[0-9a-f]{64}$/);
    assert.equal(secretIn(path), secret);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.notEqual(secretIn(join(folder, 'secrets', 'other')), secret);
    writeFileAtomically(path, ' \n', 0o600);
    assert.throws(() => secretIn(path), { code: 'STACK_START_FAILED' });
  });

  it('sets a large log aside and reads the end of one', () => {
    const path = join(folder, 'logs', 'x.log');
    rotateLog(path, 10);
    assert.deepEqual(lastLines(path, 2), []);
    writeFileSync(path, 'one\ntwo\n\nthree\n');
    assert.deepEqual(lastLines(path, 2), ['two', 'three']);
    rotateLog(path, 100);
    assert.equal(readFileSync(path, 'utf8').length, 15);
    rotateLog(path, 10);
    assert.deepEqual(lastLines(path, 2), []);
    assert.equal(readFileSync(`${path}.1`, 'utf8').length, 15);
  });

  it('passes on the first line of each step and then one every two seconds', () => {
    let nowMs = 0;
    const lines: ProgressLine[] = [];
    const report = progressOf(
      'influxdb',
      (line) => lines.push(line),
      () => nowMs,
    );
    for (nowMs = 0; nowMs < 5000; nowMs += 500) report('build', `line at ${nowMs}`);
    report('ready', 'x'.repeat(500));
    assert.deepEqual(
      lines.map((l) => [l.step, l.elapsedMs]),
      [
        ['build', 0],
        ['build', 2000],
        ['build', 4000],
        ['ready', 5000],
      ],
    );
    assert.equal(lines[3]?.state.length, 100);
  });

  it('fails a command with its code and its telling line, and kills all of it on an abort', async () => {
    const logFile = join(folder, 'build.log');
    const lines: string[] = [];
    const common = { program: 'sh', cwd: folder, logFile, onOutputLine: (line: string) => lines.push(line) };
    assert.deepEqual(
      await runCommand({ ...common, args: ['-c', 'echo a; echo b >&2; printf c'] }).then((l) => l.sort()),
      ['a', 'b', 'c'],
    );
    assert.deepEqual(lines.sort(), ['a', 'b', 'c']);
    const failing = runCommand({ ...common, args: ['-c', 'exit 3'], failure: 'STACK_START_FAILED' });
    await assert.rejects(failing, { code: 'STACK_START_FAILED' });
    await assert.rejects(runCommand({ ...common, program: join(folder, 'nothing'), args: [] }));
    const abort = new AbortController();
    const long = runCommand({ ...common, args: ['-c', 'sleep 60 & sleep 60'], signal: abort.signal });
    setTimeout(() => abort.abort(new PlatformError('SHUTTING_DOWN', 'stopped')), 200);
    const startedAtMs = performance.now();
    await assert.rejects(long, { code: 'SHUTTING_DOWN' });
    assert.ok(performance.now() - startedAtMs < 5000);
  });

  it('takes no broker for granted that stays silent, closes, or talks something else', async () => {
    const unused = await listen();
    unused.server.close();
    assert.equal(await kafkaAnswers(unused.port, AbortSignal.timeout(1000)), false);
    const answers: (() => string | Buffer)[] = [
      () => 'HTTP/1.1 400 Bad Request\r\n\r\n',
      () => Buffer.alloc(4),
      // A whole answer of the right shape with no broker in it: fenced.
      () => Buffer.from('0000000c000000010000000000000000', 'hex'),
    ];
    for (const answer of answers) {
      const { server, port } = await listen(answer);
      assert.equal(await kafkaAnswers(port, AbortSignal.timeout(300)), false);
      server.close();
    }
    const one = await listen(() => Buffer.from('0000000c000000010000000000000001', 'hex'));
    assert.equal(await kafkaAnswers(one.port, AbortSignal.timeout(2000)), true);
    one.server.close();
  });
});
