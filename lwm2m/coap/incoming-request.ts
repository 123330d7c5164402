import type { CoapMessage } from './message.ts';
import type { PeerState } from './peer-state.ts';
import type { RememberedRequest } from './request-memory.ts';
import type { WheelTimer } from './timer-wheel.ts';

/** One request of a peer on its way to its answer. */
export interface IncomingRequest {
  readonly state: PeerState;
  readonly message: CoapMessage;
  /** Length of the datagram that it came in: what an unproven address may get back goes by it. */
  readonly datagramBytes: number;
  /** Empty when it is none that is known. */
  readonly method: string;
  /** None for what need not be remembered: it may be handled again without harm. */
  entry: RememberedRequest | undefined;
  separateTimer: WheelTimer | undefined;
  /** Of the whole body of a FETCH: what it asks for. */
  bodyFingerprint: number;
  acknowledged: boolean;
  answered: boolean;
}
