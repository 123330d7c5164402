import { PlatformError } from '../../common/errors.ts';
import type { BrokerAddress } from './connection.ts';

const ADDRESS = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/;

/** @param list host:port each, an IPv6 address in brackets @throws CONFIG_INVALID */
export function brokerAddresses(list: readonly string[]): BrokerAddress[] {
  if (list.length === 0) throw new PlatformError('CONFIG_INVALID', 'there is no broker address');
  return list.map(brokerAddress);
}

function brokerAddress(text: string): BrokerAddress {
  const match = ADDRESS.exec(text.trim());
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 0xffff) {
    throw new PlatformError('CONFIG_INVALID', `"${text}" is not a broker address: host:port`);
  }
  return { host: (match[1] ?? match[2])!, port };
}
