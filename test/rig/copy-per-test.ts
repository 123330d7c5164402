import { PERFECT } from './delay-line.ts';
import { GatewayCopy } from './gateway-copy.ts';
import { BROKER_OF, type TwoClusters, useTwoClusters } from './two-clusters.ts';

/** Mocha hooks: a new gateway for each test, and clusters and a link that are whole again after it. */
export function copyPerTest(): { readonly at: TwoClusters; readonly copy: GatewayCopy } {
  let at: TwoClusters;
  let copy: GatewayCopy;

  before(async function () {
    this.timeout(300_000);
    at = await useTwoClusters();
  });

  beforeEach(() => {
    copy = new GatewayCopy(at);
  });

  afterEach(async function () {
    this.timeout(120_000);
    at.wan.restore();
    at.wan.behave(PERFECT);
    for (const broker of Object.values(BROKER_OF)) if (at.stack.pid(broker) === undefined) await at.stack.start(broker);
    await copy.close(this.currentTest?.state === 'failed');
  });

  return {
    get at() {
      return at;
    },
    get copy() {
      return copy;
    },
  };
}
