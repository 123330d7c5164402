import { toBoard } from './board.ts';
import type { TableLink } from './tables.ts';

/** From a row that names a device in the columns gateway and endpoint. */
export const DEVICE_LINKS: Readonly<Record<string, TableLink>> = {
  endpoint: toBoard('zeelos-sensors', 'Values of this device', { gateway: 'gateway', endpoint: 'endpoint' }),
  gateway: toBoard('zeelos-replication', 'Replication of this gateway', { gateway: 'gateway' }),
};
