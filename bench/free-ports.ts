import { PlatformError } from '../common/errors.ts';
import { isPortFree } from '../stack/ports.ts';

/** Below the ports of the fleet's devices, and below those that the system gives out. */
const OWN_PORTS = { from: 14_000, to: 15_999 };

/** Gives out free ports, each once. */
export class FreePorts {
  #next = OWN_PORTS.from + Math.floor(Math.random() * 1_000);

  /** Errors: STACK_PORT_BUSY when the range is used up. */
  async next(isFree: (port: number) => Promise<boolean> = isPortFree): Promise<number> {
    while (this.#next <= OWN_PORTS.to) {
      const port = this.#next++;
      if (await isFree(port)) return port;
    }
    throw new PlatformError('STACK_PORT_BUSY', `no free port up to ${OWN_PORTS.to}`);
  }
}
