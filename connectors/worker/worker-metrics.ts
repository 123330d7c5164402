import { Gauge, type Registry } from 'prom-client';

/** States of a task as the metric has them: `WAITING` is RUNNING with something to wait for. */
export const TASK_STATES = ['RUNNING', 'WAITING', 'PAUSED', 'FAILED', 'UNASSIGNED'] as const;
export type TaskState = (typeof TASK_STATES)[number];

/** @param statesOf of the tasks that this worker has to run, by connector; at most CONNECTORS_LIMIT connectors */
export function showTasks(registry: Registry, statesOf: () => ReadonlyMap<string, readonly TaskState[]>): void {
  new Gauge({
    name: 'zeelos_connect_tasks',
    help: 'tasks of this worker by state: WAITING for a store, a topic or a secret; UNASSIGNED before they begin',
    labelNames: ['connector', 'state'] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const [connector, states] of statesOf())
        for (const state of TASK_STATES) this.set({ connector, state }, states.filter((one) => one === state).length);
    },
  });
}
