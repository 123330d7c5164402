import { z } from 'zod';

const COAP_PORT = 5683;
const COAP_URI = /^coap:\/\/(?:\[([0-9A-Fa-f:.]+)\]|([^\s/:?#[\]@]+))(?::(\d{1,5}))?\/?$/;

/** Where an LwM2M server listens. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** A setting: coap://host, coap://host:port or coap://[IPv6]:port. */
export const coapUri = z.string().transform((value, context): ServerAddress => {
  const match = COAP_URI.exec(value);
  const port = Number(match?.[3] ?? COAP_PORT);
  if (match !== null && port >= 1 && port <= 65_535) return { host: (match[1] ?? match[2])!, port };
  context.addIssue({ code: 'custom', message: 'expected coap://host:port' });
  return z.NEVER;
});
