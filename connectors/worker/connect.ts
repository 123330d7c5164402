import { setFlagsFromString } from 'node:v8';
import { openHealth } from '../../common/health.ts';
import { Access } from '../../common/http/access.ts';
import { HttpPort } from '../../common/http/http-port.ts';
import { connectKafka } from '../../common/kafka/client.ts';
import { clusterIdOf } from '../../common/kafka/topics.ts';
import { Closers, type ServiceContext, untilAborted } from '../../common/lifecycle.ts';
import { References } from '../config/references.ts';
import type { GraphObjectModel } from '../orientdb/model-vertices.ts';
import { ConnectorFiles } from './connector-files.ts';
import { ConnectorOffsets } from './connector-offsets.ts';
import { errorAnswer } from './rest/rest-error.ts';
import type { ConnectSettings } from './settings.ts';
import { Worker } from './worker.ts';

/**
 * Batches come and go: V8 would let them pile up to some 300 MB before it looks. With these it collects sooner, for a few per cent of the
 * processor; both are read at each collection, so that they hold although the process runs already.
 */
const HEAP_FLAGS = ['--heap-growing-percent=20', '--semi-space-growth-factor=1'];

/**
 * A worker that runs connectors until the signal is aborted. Errors: CONFIG_INVALID for a REST interface without a token off loopback and for
 * files of connectors that are wrong, TRANSPORT_BIND.
 */
export async function connectMain(
  settings: ConnectSettings,
  context: ServiceContext & { readonly models: readonly GraphObjectModel[] },
): Promise<void> {
  const { signal, log, models } = context;
  const { groupId, registryUrl } = settings;
  for (const flag of HEAP_FLAGS) setFlagsFromString(flag);
  const access = new Access({ address: settings.restAddress, tokenFile: settings.restTokenFile });
  const files = await ConnectorFiles.read(settings.connectorsFolder);
  const closers = new Closers(log);
  try {
    const health = await openHealth({ service: 'connect', address: settings.healthAddress, port: settings.healthPort });
    closers.add('health', () => health.close());
    health.setNotReady('worker', 'the connectors are not known yet');
    const kafka = connectKafka({ brokers: settings.kafkaBrokers, clientId: `zeelos-${groupId}` }, log);
    const { promise: made, resolve: onMade } = Promise.withResolvers<Worker>();
    const rest = await HttpPort.open({
      address: settings.restAddress,
      port: settings.restPort,
      access,
      log,
      answerTo: errorAnswer,
      load: async () => {
        const { openApp } = await import('./rest/app.ts');
        const restContext = {
          worker: await made,
          offsets: new ConnectorOffsets({ kafka, groupId, signal, log }),
          needsToken: settings.restTokenFile !== undefined,
          kafkaClusterId: () => clusterIdOf(kafka),
          registryUrl,
        };
        return await openApp(restContext, log);
      },
    });
    closers.add('REST', () => rest.close());
    const workerId = `${settings.advertisedHost ?? settings.restAddress}:${rest.port}`;
    const worker = new Worker({
      ...{ kafka, groupId, workerId, registryUrl, models, metrics: health.metrics, log, signal },
      references: new References(settings.secretFolders),
      sessionTimeoutMs: settings.sessionSeconds * 1_000,
    });
    onMade(worker);
    closers.add('worker', () => worker.stop());
    log.info({ healthPort: health.port, restPort: rest.port, groupId, workerId }, 'connect starts');
    await worker.start();
    if (!signal.aborted) {
      const onRefused = (reason: string | undefined) =>
        reason === undefined ? health.setReady('files') : health.setNotReady('files', reason);
      const taking = files.takingBy(worker, { registryUrl, signal, log, onRefused });
      await taking.round();
      health.setReady('worker');
      await taking.rest();
    }
    await untilAborted(signal);
  } finally {
    await closers.closeAll();
    log.info('connect stopped');
  }
}
