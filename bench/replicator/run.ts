import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, PlatformError } from '../../common/errors.ts';
import { FreePorts } from '../free-ports.ts';
import { ProcessGroup } from '../process-group.ts';
import { MM2_PROPERTIES, Yardstick } from '../yardstick.ts';
import { BenchBroker } from './broker.ts';
import { measureCommands } from './commands.ts';
import { type CopyRun, measureCopy, measureWan } from './copy.ts';
import { Probe } from './probe.ts';
import { type Programs, providePrograms } from './programs.ts';
import { CATCH_UP, IDLE, summary, tables } from './report.ts';
import { type Measurement, type Phase, Results } from './results.ts';
import type { PeerName, ReplicatorBenchSettings } from './settings.ts';
import { fillSource, type SourceTopic } from './sources.ts';

/** A p99 of fewer says little. */
const FEWEST_COMMANDS = 300;
const BACKLOG_TIMES = 3;

export interface Surroundings {
  readonly settings: ReplicatorBenchSettings;
  readonly yardstick: Yardstick;
  readonly programs: Programs;
  readonly probe: Probe;
  readonly source: BenchBroker;
  readonly ports: { readonly wan: number; readonly wanAdvertised: number };
  readonly folder: string;
  /** An empty one, on the same ports each time. */
  startTarget(): Promise<BenchBroker>;
}

/** One kind of measurement of one source topic. */
interface Step {
  readonly phase: Phase;
  readonly source: SourceTopic;
  readonly peers: readonly PeerName[];
  readonly repeats: number;
  measure(run: CopyRun, surroundings: Surroundings): Promise<readonly Measurement[]>;
}

/** Measures our replicator, MirrorMaker 2 and a mirror on franz-go in turn and prints the medians. Errors: STACK_TOOL_MISSING, STACK_START_FAILED. */
export async function benchReplicator(
  settings: ReplicatorBenchSettings,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const yardstick = Yardstick.find(settings.yardstick ?? process.env.ZEELOS_YARDSTICK, [MM2_PROPERTIES]);
  const folder = mkdtempSync(join(tmpdir(), 'zeelos-bench-replicator-'));
  const stop = () => void ProcessGroup.stopAll();
  signal.addEventListener('abort', stop);
  try {
    say('building what is missing');
    const programs = await providePrograms(say, signal);
    await yardstick.build(folder);
    const results = new Results(settings.out);
    await measureAll(await surround({ settings, yardstick, programs, folder }), results, signal);
    report(settings, results);
  } catch (error) {
    throw signal.aborted ? new PlatformError('SHUTTING_DOWN', 'interrupted', { cause: error }) : error;
  } finally {
    signal.removeEventListener('abort', stop);
    await ProcessGroup.stopAll();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function surround(
  o: Pick<Surroundings, 'settings' | 'yardstick' | 'programs' | 'folder'>,
): Promise<Surroundings> {
  const ports = new FreePorts();
  const portsOfOne = async () => ({
    broker: await ports.next(),
    controller: await ports.next(),
    wan: await ports.next(),
    wanAdvertised: await ports.next(),
  });
  const common = { java: o.yardstick.java, classes: o.programs.kafkaClasses, heap: o.settings.brokerHeap };
  const [sourcePorts, targetPorts] = [await portsOfOne(), await portsOfOne()];
  say('starting the source broker');
  const source = await BenchBroker.start({ ...common, folder: join(o.folder, 'source-1'), ports: sourcePorts });
  let targets = 0;
  const startTarget = async () =>
    await BenchBroker.start({ ...common, folder: join(o.folder, `target-${++targets}`), ports: targetPorts });
  return { ...o, source, ports: targetPorts, probe: new Probe(o.programs.probe), startTarget };
}

async function measureAll(surroundings: Surroundings, results: Results, signal: AbortSignal): Promise<void> {
  const all = await steps(surroundings);
  for (let repeat = 1; repeat <= surroundings.settings.repeats; repeat++) {
    for (const step of all.filter(({ repeats }) => repeat <= repeats)) {
      for (const peer of step.peers) {
        say(`${repeat}/${step.repeats} ${step.phase} ${peer}`);
        try {
          for (const row of await step.measure({ peer, repeat, source: step.source }, surroundings)) results.add(row);
        } catch (error) {
          if (signal.aborted) throw error;
          results.add({ peer, phase: step.phase, case: step.phase, repeat, error: messageOf(error) });
        }
      }
    }
  }
}

/** What was asked for, with its sources filled. Bytes on the wire hardly differ between runs: once. Only ours has a way for commands. */
async function steps(surroundings: Surroundings): Promise<Step[]> {
  const { cases, peers, repeats, records } = surroundings.settings;
  const filled = async (gatewayId: string, count: number, isSmall: boolean) => {
    say(`filling ${gatewayId}: ${count} records`);
    return await fillSource({ gatewayId, records: count, isSmall }, surroundings);
  };
  const all: Step[] = [];
  for (const name of ['raw', 'small'] as const) {
    if (!cases.includes(name) && !cases.includes('wan')) continue;
    const source = await filled(name, records, name === 'small');
    if (cases.includes(name))
      all.push({ phase: name, source, peers, repeats, measure: async (run, o) => [await measureCopy(run, o)] });
    if (cases.includes('wan'))
      all.push({
        phase: `wan-${name}`,
        source,
        peers,
        repeats: 1,
        measure: async (run, o) => [await measureWan(run, o)],
      });
  }
  if (cases.includes('commands') && peers.includes('ours')) {
    const source = await filled('backlog', BACKLOG_TIMES * records, false);
    all.push({ phase: 'commands', source, peers: ['ours'], repeats, measure: measureCommands });
  }
  return all;
}

function report(settings: ReplicatorBenchSettings, results: Results): void {
  const text = tables(results);
  if (settings.json) process.stderr.write(text);
  else process.stdout.write(text);
  for (const { peer, phase, repeat, error } of results.failures) say(`FAILED ${peer} ${phase} ${repeat}: ${error}`);
  for (const name of [IDLE, CATCH_UP]) {
    const few = results.values('ours', 'commands', name, 'count').filter((count) => count < FEWEST_COMMANDS);
    if (few.length > 0) say(`${name}: only ${few.join(', ')} commands, its p99 says little`);
  }
  for (const peer of settings.peers) {
    const [lost, doubled, reordered] = (['lost', 'doubled', 'reordered'] as const).map((figure) =>
      results.sum(peer, figure),
    );
    if (lost !== 0 || doubled !== 0 || reordered !== 0)
      say(`${peer}: ${lost} lost, ${doubled} doubled, ${reordered} partitions out of order`);
    if (peer === 'ours' && (lost !== 0 || doubled !== 0 || reordered !== 0)) process.exitCode = 1;
  }
  if (results.failures.length > 0) process.exitCode = 1;
  if (settings.json) process.stdout.write(`${JSON.stringify(summary(results))}\n`);
}

function say(text: string): void {
  process.stderr.write(`bench:replicator ${Math.round(performance.now() / 1_000)} s: ${text}\n`);
}
