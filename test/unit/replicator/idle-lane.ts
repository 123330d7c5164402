import { Registry } from 'prom-client';
import { createLaneMetrics } from '../../../replicator/copy/lane-metrics.ts';
import { LaneState } from '../../../replicator/copy/lane-state.ts';
import { type LaneName, planLanes } from '../../../replicator/lanes.ts';

/** The state of a lane that nothing runs. */
export function idleLane(lane: LaneName = 'up-bulk', gatewayId = 'gw1', registry = new Registry()): LaneState {
  const plan = planLanes(gatewayId).find(({ name }) => name === lane)!;
  return new LaneState(gatewayId, plan, createLaneMetrics(registry));
}
