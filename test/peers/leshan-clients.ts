import { AssertionError } from 'node:assert';
import { type Peer, type PeerEvent, startPeer, untilUp } from './peer-process.ts';
import { type LeshanLine, provideLeshanClients } from './provision.ts';

const START_TIMEOUT_MS = 30_000;
const ANSWER_TIMEOUT_MS = 20_000;

export interface LeshanStart {
  /** `coap://127.0.0.1:5683` */
  readonly serverUri: string;
  readonly lifetimeSeconds?: number;
  readonly queueMode?: boolean;
}

/** LwM2M devices on one line of Leshan, all in one Java process, told what to do over its stdin. */
export class LeshanClients {
  readonly peer: Peer;
  #commands = 0;

  private constructor(peer: Peer) {
    this.peer = peer;
  }

  /** @param ddfFiles object definitions besides Leshan's own  @throws STACK_TOOL_MISSING, STACK_FETCH_FAILED, STACK_START_FAILED */
  static async start(line: LeshanLine, ddfFiles: readonly string[]): Promise<LeshanClients> {
    const classPath = await provideLeshanClients(line);
    const jvm = ['-Xmx192m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Dfile.encoding=UTF-8'];
    const program = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', classPath, 'zeelos.peer.Program'];
    const peer = await startPeer(`leshan-${line}`, 'java', [...jvm, ...program, line, ...ddfFiles]);
    await untilUp(peer, 'ready', START_TIMEOUT_MS);
    return new LeshanClients(peer);
  }

  /** Resolves with what the command gave; AssertionError with the reason when it failed. */
  async tell(command: string, endpoint: string, ...args: readonly string[]): Promise<string> {
    const id = String(++this.#commands);
    this.peer.process.stdin.write(`${[id, command, endpoint, ...args].join('\t')}\n`);
    const answer = await this.peer.waitFor(
      (e) => (e.event === 'done' || e.event === 'failed') && e.id === id,
      ANSWER_TIMEOUT_MS,
    );
    if (answer.event === 'failed')
      throw new AssertionError({ message: `${this.peer.name} ${command} ${endpoint}: ${answer.reason}` });
    return String(answer.result);
  }

  /** Starts a device and resolves when it is registered. */
  async device(endpoint: string, o: LeshanStart): Promise<void> {
    const lifetime = String(o.lifetimeSeconds ?? 300);
    await this.tell('start', endpoint, o.serverUri, lifetime, ...(o.queueMode === true ? ['queue'] : []));
    await this.said(endpoint, 'registered');
  }

  /** How many events there were; `said` looks behind it. */
  get mark(): number {
    return this.peer.events.length;
  }

  /** The first such event of the endpoint behind the mark. */
  said(endpoint: string, event: string, fields: Partial<PeerEvent> = {}, from = 0): Promise<PeerEvent> {
    const wanted = { ...fields, event, ep: endpoint };
    const fits = (e: PeerEvent) => Object.entries(wanted).every(([name, value]) => e[name] === value);
    return this.peer.waitFor(fits, ANSWER_TIMEOUT_MS, from);
  }

  async stop(): Promise<void> {
    this.peer.process.stdin.end();
    await this.peer.exited;
  }
}
