import assert from 'node:assert/strict';
import type { AvroRequestKind } from '../../schemas/generated/records.ts';
import type { LeshanClients } from '../peers/leshan-clients.ts';
import type { LeshanLine } from '../peers/provision.ts';
import type { TestGateway } from '../rig/gateway.ts';
import type { Format, Matrix } from './matrix.ts';
import type { Answer, More, Operator } from './operator.ts';

/** A format in which one operation is refused although the peer speaks it otherwise, and why. */
export interface Refusal {
  readonly formats: readonly Format[];
  readonly code: string;
  readonly why: string;
}

export interface LeshanPeer {
  readonly line: LeshanLine;
  readonly version: '1.0' | '1.1';
  /** Of the single device that most tests share. */
  readonly endpoint: string;
  readonly speaks: ReadonlySet<Format>;
  /** Limits of the peer, by the name of the operation. */
  readonly refuses: Readonly<Record<string, Refusal>>;
  readonly matrix: Matrix;
}

/** What the tests of one peer work with; filled before the first of them. */
export interface Bench {
  readonly peer: LeshanPeer;
  gateway: TestGateway;
  operator: Operator;
  clients: LeshanClients;
  firmwareDir: string;
}

/** Short, so that a test can wait for a device to sleep; longer than anything a device under test pauses while awake. */
export const AWAKE_WINDOW_MS = 1_500;

/**
 * One command in one format. A peer that speaks the format must do it; one that does not must say so with the code expected of it.
 * @param row the operation as the page names it
 * @returns the answer when the peer did it, undefined when it does not speak the format
 */
export async function inFormat(
  bench: Bench,
  row: string,
  format: Format,
  command: { readonly kind: AvroRequestKind; readonly path: string; readonly more?: More; readonly good: string },
): Promise<Answer | undefined> {
  const { peer, operator } = bench;
  const { kind, path, more, good } = command;
  const answer = await operator.ask(peer.endpoint, kind, path, { ...more, format });
  const limit = peer.refuses[row];
  const known = limit?.formats.includes(format) === true ? limit : undefined;
  const expected = known?.code ?? (peer.speaks.has(format) ? good : refusalOf(kind));
  assert.equal(answer.code, expected, `${row} in ${format}: ${answer.code} ${answer.message}`);
  peer.matrix.cell(row, format, answer.code === good ? 'yes' : answer.code);
  if (known !== undefined) peer.matrix.note(`${row}: ${known.why}`);
  return answer.code === good ? answer : undefined;
}

const TAKES_CONTENT: ReadonlySet<AvroRequestKind> = new Set(['write', 'create', 'writeComposite']);

/** A content that nobody reads is refused with 4.15, one that nobody writes with 4.06. */
function refusalOf(kind: AvroRequestKind): string {
  return TAKES_CONTENT.has(kind) ? 'UNSUPPORTED_CONTENT_FORMAT' : 'NOT_ACCEPTABLE';
}
