import type { WaitingCommand } from './waiting-command.ts';

/** The commands of one endpoint name, in their order. Bounded by who pushes. */
export class EndpointQueue {
  readonly endpointName: string;
  /** Not started yet. */
  readonly waiting: WaitingCommand[] = [];
  /** With the device now. */
  current: WaitingCommand | undefined;
  isServed = false;

  constructor(endpointName: string) {
    this.endpointName = endpointName;
  }

  get size(): number {
    return this.waiting.length + (this.current === undefined ? 0 : 1);
  }

  all(): WaitingCommand[] {
    return this.current === undefined ? this.waiting : [this.current, ...this.waiting];
  }

  /** @returns false when it is not waiting */
  take(command: WaitingCommand): boolean {
    const at = this.waiting.indexOf(command);
    if (at >= 0) this.waiting.splice(at, 1);
    return at >= 0;
  }
}
