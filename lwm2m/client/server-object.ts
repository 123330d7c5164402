import type { ResourceValue } from '../content/node.ts';
import {
  constant,
  type DeviceObject,
  type DeviceResource,
  instanceMap,
  type Reading,
  resourceMap,
} from './object-tree.ts';
import { refusal } from './refusal.ts';

/** LwM2M Server object (1), instance 0: how this device deals with its one server. */
export interface ServerAccount {
  lifetimeSeconds: number;
  /** Used where an observed path has no pmin or pmax of its own, seconds. */
  defaultPmin: number | undefined;
  defaultPmax: number | undefined;
}

export interface ServerObjectHooks {
  onLifetime(): void;
  onUpdateTrigger(): void;
  onDefaults(): void;
}

const SHORT_SERVER_ID = 123;
export const MAX_LIFETIME_SECONDS = 2 ** 31 - 1;
const MAX_PERIOD_SECONDS = 2 ** 32 - 1;

export function serverObject(account: ServerAccount, hooks: ServerObjectHooks): DeviceObject {
  const setLifetime = (seconds: number): void => {
    account.lifetimeSeconds = seconds;
    hooks.onLifetime();
  };
  const setPmin = (seconds: number): void => {
    account.defaultPmin = seconds;
    hooks.onDefaults();
  };
  const setPmax = (seconds: number): void => {
    account.defaultPmax = seconds;
    hooks.onDefaults();
  };
  const resources = resourceMap([
    constant(0, { type: 'INTEGER', value: SHORT_SERVER_ID }),
    whole(1, 1, MAX_LIFETIME_SECONDS, () => account.lifetimeSeconds, setLifetime),
    whole(2, 0, MAX_PERIOD_SECONDS, () => account.defaultPmin, setPmin),
    whole(3, 0, MAX_PERIOD_SECONDS, () => account.defaultPmax, setPmax),
    NOTIFICATION_STORING,
    constant(7, { type: 'STRING', value: 'U' }),
    { id: 8, execute: () => hooks.onUpdateTrigger() },
  ]);
  return { id: 1, instances: instanceMap([{ id: 0, resources }]) };
}

/** The newest value of each observation is kept while the server is away, older ones are not: `false` may be written, `true` not. */
const NOTIFICATION_STORING: DeviceResource = {
  id: 6,
  read: (): ResourceValue => ({ type: 'BOOLEAN', value: false }),
  write: (reading: Reading): void => {
    const off = reading.type === 'BOOLEAN' && 'value' in reading && !reading.value;
    if (!off) throw refusal('4.00', 'this device keeps only the newest value');
  },
};

function whole(
  id: number,
  least: number,
  most: number,
  get: () => number | undefined,
  set: (value: number) => void,
): DeviceResource {
  return {
    id,
    read: (): ResourceValue => {
      const value = get();
      if (value === undefined) throw refusal('4.04', 'not set');
      return { type: 'INTEGER', value };
    },
    write: (reading: Reading): void => {
      const value = reading.type === 'INTEGER' && 'value' in reading ? Number(reading.value) : Number.NaN;
      if (!(value >= least && value <= most)) throw refusal('4.00', `expected a whole number from ${least} to ${most}`);
      set(value);
    },
  };
}
