import { sleep } from '../../common/lifecycle.ts';
import type { CloudUnderTest } from '../integration/connectors/cloud.ts';
import { observation, START_MS } from '../integration/connectors/influx-records.ts';

/** Numbered observations, of a hundred one poison and one a tombstone, until stopped. */
export class ObservationLoad {
  readonly #cloud: CloudUnderTest;
  readonly #running: Promise<void>;
  #stopped = false;
  good = 0;
  poison = 0;

  constructor(cloud: CloudUnderTest) {
    this.#cloud = cloud;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    const { gatewayId } = this.#cloud;
    while (!this.#stopped) {
      // Many of one millisecond and one series: their place in the topic keeps them apart.
      const values = Array.from({ length: 98 }, () => {
        const number = this.good++;
        return observation(gatewayId, `ep${number % 7}`, {
          timestamp: START_MS + Math.floor(number / 50),
          ticket: `${number}`,
        });
      });
      await this.#cloud.produce(
        'observations',
        values.map((value) => ({ ep: value.ep, value })),
      );
      await this.#cloud.produceBytes('observations', Buffer.from(`p${this.poison++}`), Buffer.from('no frame'));
      await this.#cloud.produceBytes('observations', Buffer.from(`t${this.poison}`), null);
      await sleep(50);
    }
  }
}
