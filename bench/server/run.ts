import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, PlatformError } from '../../common/errors.ts';
import { FreePorts } from '../free-ports.ts';
import { ProcessGroup } from '../process-group.ts';
import { Yardstick } from '../yardstick.ts';
import { command, nonConfirmable, notify, type Run, register } from './bench-py.ts';
import { memoryAndRestart } from './memory-and-restart.ts';
import { summary, tables } from './report.ts';
import { type Measurement, Results } from './results.ts';
import type { Side, Surroundings } from './servers.ts';
import { type Phase, type ServerSettings, type Sizes, sizesOf } from './settings.ts';
import { commandsUnderLoad, soak } from './under-load.ts';

const RECEIVE_BUFFER_BYTES = 4 * 2 ** 20;

/** One step of a run: a phase of one server. `each` is false where one look at the peer will do. */
interface Step {
  readonly phase: Phase | 'soak';
  readonly name: string;
  readonly each: boolean;
  measure(run: Run): Promise<Measurement[]>;
}

/** Measures our server beside the peer in turn and prints the medians. Errors: STACK_TOOL_MISSING, STACK_START_FAILED. */
export async function benchServer(settings: ServerSettings, { signal }: { signal: AbortSignal }): Promise<void> {
  const yardstick = Yardstick.find(settings.yardstick ?? process.env.ZEELOS_YARDSTICK);
  warnOfSmallBuffers();
  const folder = mkdtempSync(join(tmpdir(), 'zeelos-bench-server-'));
  const stop = () => void ProcessGroup.stopAll();
  signal.addEventListener('abort', stop);
  try {
    say('building what is missing');
    await yardstick.build(folder);
    const ports = await choosePorts(settings);
    say('starting the broker');
    const data = join(folder, 'broker');
    mkdirSync(data);
    const broker = await yardstick.startBroker({ folder: data, port: ports.broker, controllerPort: ports.controller });
    const results = new Results(settings.out);
    await measureAll({ settings, yardstick, broker, ports, folder }, results, signal);
    report(settings, results);
  } catch (error) {
    throw signal.aborted ? new PlatformError('SHUTTING_DOWN', 'interrupted', { cause: error }) : error;
  } finally {
    signal.removeEventListener('abort', stop);
    await ProcessGroup.stopAll();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureAll(surroundings: Surroundings, results: Results, signal: AbortSignal): Promise<void> {
  const { settings } = surroundings;
  const sizes = sizesOf(settings);
  for (let repeat = 1; repeat <= settings.repeats; repeat++) {
    for (const step of steps(settings, sizes)) {
      for (const side of sidesOf(step, settings, repeat)) {
        say(`${repeat}/${settings.repeats} ${side}: ${step.name}`);
        try {
          for (const row of await step.measure({ side, repeat, sizes, surroundings })) results.add(row);
        } catch (error) {
          if (signal.aborted) throw error;
          results.add({ side, phase: step.phase, case: step.name, repeat, error: messageOf(error) });
        }
      }
    }
  }
}

function steps({ phases, soak: withSoak }: ServerSettings, sizes: Sizes): Step[] {
  const withRestart = phases.includes('restart');
  const all: Step[] = [
    ...sizes.notify.devices.map(
      (devices): Step => ({
        phase: 'notify',
        name: `confirmable notifications of ${devices} devices`,
        each: true,
        measure: (run) => notify(run, devices),
      }),
    ),
    { phase: 'non', name: 'NON notifications', each: false, measure: nonConfirmable },
    { phase: 'register', name: 'registrations', each: true, measure: register },
    {
      phase: 'memory',
      name: withRestart ? 'memory and restart' : 'memory',
      each: false,
      measure: (run) => memoryAndRestart(run, withRestart && run.side === 'ours'),
    },
    { phase: 'command', name: 'commands', each: true, measure: command },
    { phase: 'loaded', name: 'commands under load', each: false, measure: commandsUnderLoad },
  ];
  const wanted = new Set<Step['phase']>(phases);
  // A restart needs the devices that the memory is measured with.
  if (withRestart) wanted.add('memory');
  const chosen = all.filter((step) => wanted.has(step.phase));
  return withSoak ? [...chosen, { phase: 'soak', name: 'soak', each: false, measure: soak }] : chosen;
}

/** The peer has no state to restart with, and no soak; where no ratio is wanted, it is measured once. */
function sidesOf(step: Step, { only, phases }: ServerSettings, repeat: number): Side[] {
  const peerTakesPart =
    step.phase !== 'soak' && (step.each || repeat === 1) && !(step.phase === 'memory' && !phases.includes('memory'));
  const sides: Side[] = peerTakesPart ? ['ours', 'peer'] : ['ours'];
  return sides.filter((side) => only === undefined || side === only);
}

function report(settings: ServerSettings, results: Results): void {
  if (settings.quick) say('--quick: these figures only show that the harness works');
  if (settings.only !== undefined) say(`--only ${settings.only}: one side alone, no ratios`);
  const text = tables(results);
  if (settings.json) process.stderr.write(text);
  else process.stdout.write(text);
  for (const { side, phase, repeat, error } of results.failures) say(`FAILED ${side} ${phase} ${repeat}: ${error}`);
  const [lost, doubled] = [results.sum('ours', 'lost'), results.sum('ours', 'doubled')];
  if (lost !== 0 || doubled !== 0) say(`ours: ${lost} lost, ${doubled} doubled`);
  if (results.failures.length > 0 || lost !== 0 || doubled !== 0) process.exitCode = 1;
  if (settings.json) process.stdout.write(`${JSON.stringify(summary(results, sizesOf(settings)))}\n`);
}

function say(text: string): void {
  process.stderr.write(`bench:server ${Math.round(performance.now() / 1_000)} s: ${text}\n`);
}

/** Both servers ask for so much; without it the system gives less, and NON are lost that a server could have taken. */
function warnOfSmallBuffers(): void {
  const most = Number(readFileSync('/proc/sys/net/core/rmem_max', 'utf8'));
  if (most < RECEIVE_BUFFER_BYTES)
    say(`net.core.rmem_max is ${most}, below ${RECEIVE_BUFFER_BYTES}: both servers get smaller receive buffers`);
}

async function choosePorts(settings: ServerSettings) {
  const ports = new FreePorts();
  return {
    broker: settings.brokerPort || (await ports.next()),
    controller: settings.controllerPort || (await ports.next()),
    health: settings.healthPort || (await ports.next()),
    coap: settings.coapPort || (await ports.next(isUdpPortFree)),
  };
}

async function isUdpPortFree(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  socket.bind({ port, address: '127.0.0.1', exclusive: true });
  const isFree = await once(socket, 'listening').then(
    () => true,
    () => false,
  );
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return isFree;
}
