import { createLog } from '../../../common/log.ts';
import { type ServerName, type StackPorts, startStack } from '../../../stack/stack.ts';

/** Runs servers until it is killed: `hold-stack.ts <data folder> <ports as JSON> <server>…`. Prints one line of pids when they are ready. */
const [dataDir = '', ports = '', ...servers] = process.argv.slice(2);
const stack = await startStack({
  dataDir,
  ports: JSON.parse(ports) as StackPorts,
  servers: servers as ServerName[],
  onProgress() {},
  log: createLog('hold-stack', 'silent'),
});
await Promise.all(servers.map((name) => stack.ready(name as ServerName)));
console.log(JSON.stringify(servers.map((name) => stack.pid(name as ServerName))));
