import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PlatformError } from '../common/errors.ts';

/** Where `zeelos up` keeps data, in the folder it is started in. */
export const DATA_DIR = '.zeelos';

/** Addresses of what `zeelos up` runs, for the commands that are started beside it. No secret stands here. */
export interface SystemAddresses {
  readonly gatewayId: string;
  readonly edgeBrokers: string;
  readonly cloudBrokers: string;
  readonly registryUrl: string;
  readonly influxUrl: string;
  readonly orientUrl: string;
  /** Of OrientDB's binary protocol. */
  readonly orientPort: number;
  readonly coapPort: number;
  /** Of the LwM2M server. */
  readonly restUrl: string;
  /** REST of the worker that runs the connectors. */
  readonly connectUrl: string;
  readonly modbusPort: number;
  /** Health ports of the services that it runs. */
  readonly health: Readonly<Record<string, number>>;
}

export function addressesFile(dataDir: string): string {
  return join(dataDir, 'addresses.json');
}

/** What a running `zeelos up` wrote; undefined when none ever ran here. */
export function readAddresses(dataDir: string): SystemAddresses | undefined {
  try {
    return JSON.parse(readFileSync(addressesFile(dataDir), 'utf8')) as SystemAddresses;
  } catch {
    return undefined;
  }
}

/** A flag that was given, or what the running system says. Throws CONFIG_INVALID when there is neither. */
export function orRunning<T>(given: T | undefined, running: T | undefined, flag: string): T {
  const value = given ?? running;
  if (value !== undefined) return value;
  throw new PlatformError('CONFIG_INVALID', `${flag}: required, since no \`zeelos up\` ran in this folder`);
}
