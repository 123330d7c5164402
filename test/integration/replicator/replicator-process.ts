import { createLog } from '../../../common/log.ts';
import { main } from '../../../replicator/main.ts';

// Started by the tests as a process of its own: settings as JSON in the only argument, SIGTERM ends it in order.
const stopping = new AbortController();
process.once('SIGTERM', () => stopping.abort());
await main(JSON.parse(process.argv[2]!), {
  signal: stopping.signal,
  log: createLog('replicator', process.env.ZEELOS_LOG_LEVEL ?? 'silent'),
});
