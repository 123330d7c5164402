import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { analyses } from './analyses.ts';
import { commands } from './commands.ts';
import { fleet } from './fleet.ts';
import { hosts } from './hosts.ts';
import { kafka } from './kafka.ts';
import { lwm2mServer } from './lwm2m-server.ts';
import { pipelines } from './pipelines.ts';
import { replication } from './replication.ts';
import { sensors } from './sensors.ts';

export const DASHBOARDS: Readonly<Record<string, Dashboard>> = {
  sensors,
  analyses,
  commands,
  fleet,
  'lwm2m-server': lwm2mServer,
  replication,
  kafka,
  pipelines,
  hosts,
};

/** What Grafana's provisioning reads, by its place in the project. */
export function dashboardFiles(): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(DASHBOARDS).map(([name, dashboard]) => [
      `swarm/grafana/dashboards/${name}.json`,
      `${JSON.stringify(dashboard, null, 2)}\n`,
    ]),
  );
}
