import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions as TlsConnectOptions } from 'node:tls';
import { messageOf, PlatformError } from '../../common/errors.ts';
import type { TlsOptions } from './security.ts';

const KEEP_ALIVE_MS = 30_000;
/** What OpenSSL and Node call a certificate, a name or a key that does not fit; any other fault is the network's. */
const TLS_REFUSAL =
  /^(ERR_SSL_|ERR_TLS_|ERR_OSSL_|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_CA|HOSTNAME_)/;

export interface SocketEvents {
  /** TCP is through, and TLS where it is set. */
  onOpen(): void;
  /** Once; nothing follows it. Without an error the broker closed the connection. */
  onEnd(error?: Error): void;
}

/** A connection to one broker whose bytes are read into the memory that `reading` names. */
export function openSocket(
  { host, port }: { readonly host: string; readonly port: number },
  tls: TlsOptions | undefined,
  reading: OnReadOpts,
  { onOpen, onEnd }: SocketEvents,
): Socket {
  const socket =
    tls === undefined
      ? connectTcp({ host, port, onread: reading })
      : connectTls({ host, port, onread: reading, ...checksOf(tls, host) } as TlsConnectOptions);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  socket.once(tls === undefined ? 'connect' : 'secureConnect', onOpen);
  socket.on('error', onEnd);
  socket.once('end', () => onEnd());
  socket.once('close', () => onEnd());
  return socket;
}

function checksOf({ ca, cert, key, passphrase, serverName }: TlsOptions, host: string): TlsConnectOptions {
  const name = serverName ?? (isIP(host) === 0 ? host : undefined);
  return {
    minVersion: 'TLSv1.2',
    ...(name === undefined ? {} : { servername: name }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
}

/** KAFKA_REFUSED for what TLS does not accept, KAFKA_UNAVAILABLE for the rest. */
export function socketError(error: Error, doing: string): PlatformError {
  const { code = '' } = error as NodeJS.ErrnoException;
  const refused = TLS_REFUSAL.test(code);
  const said = messageOf(error) || code;
  return new PlatformError(refused ? 'KAFKA_REFUSED' : 'KAFKA_UNAVAILABLE', `${doing}: ${said}`, { cause: error });
}
