import { pino } from 'pino';

/** Structured log lines on stderr: stdout belongs to what a command prints for its user. */
export type Log = pino.Logger;

/** Keys that may hold a secret are never printed, at any depth the services use. */
const SECRET_KEYS = ['password', 'token', 'secret', 'key', '*.password', '*.token', '*.secret'];

/** @param service name of the sub-command, on every line  @param level pino level; `silent` prints nothing */
export function createLog(service: string, level: string = process.env.ZEELOS_LOG_LEVEL ?? 'info'): Log {
  return pino(
    {
      base: { service, pid: process.pid },
      level,
      redact: { paths: SECRET_KEYS, censor: '***' },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
